//! The master: it binds, forks and watches, and runs no application code but what it is told to load before the fork.
//!
//! ```text
//! signals, lines, time ──► turn ──► hear ─ reap ─ watch ─ fill ──► sleep
//!                                                           └── fork ──► WorkerSetup, the worker's
//! ```
//!
//! A turn does one thing after the other, on one thread, and ends in a single sleep. What is to be done is always found
//! out by looking at the workers there are, and never kept as a plan: a turn that comes too often does no harm.
//!
//! A worker is asked to leave by closing its line; so a master that is killed asks all of its workers to leave.

mod abort;
mod file_watch;
mod fleet;
mod fork;
mod pid_file;
mod privileges;
mod reload;
mod sd_notify;
mod shared_memory;
mod signals;
mod stats;
mod upgrade;
mod worker_setup;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use log::{error, info};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};

pub(crate) use fleet::WORKERS_MAX;
pub(crate) use fleet::retirement::Retirement;
pub use fork::{Fork, fork};
pub(crate) use pid_file::PidFile;
pub(crate) use privileges::Identity;
pub(crate) use shared_memory::{scoreboard, shared_flag};
pub(crate) use signals::{let_signals_in, outlive_file_limit, outlive_readers};
pub(crate) use upgrade::{Handover, Invocation};
pub(crate) use worker_setup::WorkerSetup;

use crate::net::listener::Listener;
use crate::process::fork_watch;
use crate::telemetry::scoreboard::Scoreboard;
use file_watch::FileWatch;
use fleet::backoff::Backoff;
use fleet::oom::OomKills;
use fleet::worker::Worker;
use reload::Reload;
use sd_notify::SdNotify;
use signals::Signals;
use stats::Stats;
use upgrade::{Progress, Upgrade};

/// What a master is to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How many workers serve, a count from 1 on.
    pub workers: u32,
    /// How long the application may keep a worker without coming back, in a call or in a step of a body; then the worker
    /// is aborted. uWSGI's harakiri, gunicorn's timeout.
    pub timeout: Option<Duration>,
    /// Time for running requests to finish when a worker leaves.
    pub grace: Duration,
    /// When a worker is replaced though nothing is wrong with it.
    pub retirement: Retirement,
    /// FileWatch whose change is a reload.
    pub reload_on: Vec<PathBuf>,
    /// Whether the application was loaded before the fork. Other code then takes another master.
    pub preloaded: bool,
    /// How this process was started, for a binary upgrade.
    pub invocation: Invocation,
}

/// What the master leaves to the command around it.
pub(crate) trait MasterHooks {
    /// Makes a second process; [`fork`] does.
    fn fork(&self) -> io::Result<Fork>;
    /// Runs `wait`, in which the master sleeps. Whoever holds a lock lets go of it meanwhile.
    fn while_waiting(&self, wait: &mut (dyn FnMut() + Send));
    /// The workers serve, for the first time, on these.
    fn serving(&self, listeners: &[Listener]);
    /// Opens the log files again.
    fn reopen_logs(&self);
}

/// How a master ends, in the process that it is by then.
pub(crate) enum End {
    /// It has stopped, and so have its workers; the exit status.
    Stopped(u8),
    /// It could not start, and why.
    Failed(String),
    /// This process is a worker: it has been forked just now.
    Worker(WorkerSetup),
}

/// The master of one command.
pub(crate) struct Master<'a> {
    plan: Plan,
    hooks: &'a dyn MasterHooks,
    scoreboard: &'static Scoreboard,
    listeners: Vec<Listener>,
    workers: Vec<Worker>,
    /// How many have had each number, beside the first.
    last_respawns: HashMap<u32, u32>,
    /// How many are wanted.
    wanted: u32,
    /// Which load of the code serves.
    generation: u32,
    /// The last load that was begun.
    last_generation: u32,
    state: State,
    reload: Option<Reload>,
    backoff: Backoff,
    signals: Signals,
    file_watch: FileWatch,
    notify: SdNotify,
    oom_kills: OomKills,
    handover: Handover,
    upgrade: Option<Upgrade>,
    stats: Option<Stats>,
    /// When the workers were looked at, and when the slow things were: memory, paths.
    looked: Instant,
    looked_slowly: Instant,
}

/// How far the master is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not every worker has served yet.
    Starting,
    Serving,
    /// It ends when its workers have ended.
    Stopping {
        /// With this exit status.
        status: u8,
    },
}

/// What ends a master's loop.
enum Leave {
    Stopped(u8),
    Failed(String),
    Worker(Box<WorkerSetup>),
}

impl<'a> Master<'a> {
    /// A master for these listeners, whose signals it hears from here on. `handover` is what the master before it left.
    pub(crate) fn new(
        plan: Plan,
        listeners: Vec<Listener>,
        scoreboard: &'static Scoreboard,
        handover: Handover,
        hooks: &'a dyn MasterHooks,
    ) -> io::Result<Self> {
        let now = Instant::now();
        fork_watch::begin()?;
        fleet::introduce(scoreboard);
        Ok(Master {
            hooks,
            scoreboard,
            listeners,
            workers: Vec::new(),
            last_respawns: HashMap::new(),
            wanted: plan.workers,
            generation: 1,
            last_generation: 1,
            state: State::Starting,
            reload: None,
            backoff: Backoff::default(),
            signals: Signals::hear()?,
            file_watch: FileWatch::new(plan.reload_on.clone()),
            notify: SdNotify::new(now, handover.is_awaited()),
            oom_kills: OomKills::so_far(),
            handover,
            upgrade: None,
            stats: None,
            looked: now,
            looked_slowly: now,
            plan,
        })
    }

    /// Leads until a signal ends it. It returns in each worker too, which leaves all of the master behind.
    pub(crate) fn run(mut self) -> End {
        loop {
            if let Err(leave) = self.turn() {
                return match leave {
                    Leave::Stopped(status) => End::Stopped(status),
                    Leave::Failed(why) => End::Failed(why),
                    Leave::Worker(mut post) => {
                        // Its line's other end, and those of the workers before it, are the master's.
                        let Master { workers, signals, .. } = self;
                        drop(workers);
                        signals.forget();
                        match post.begin() {
                            Ok(()) => End::Worker(*post),
                            Err(error) => End::Failed(error.to_string()),
                        }
                    }
                };
            }
        }
    }

    fn turn(&mut self) -> Result<(), Leave> {
        for (signal, times) in self.signals.take() {
            self.obey(signal, times)?;
        }
        self.hear();
        self.reap()?;
        self.follow_upgrade();
        let now = Instant::now();
        if now >= self.looked + self.tick() {
            if now >= self.looked + self.tick() + LATE_TIME {
                // The machine was suspended, or all of the control group frozen: the workers had no time either.
                self.workers.iter_mut().for_each(|worker| worker.forgive(now));
            }
            self.looked = now;
            self.watch(now);
        }
        self.fill(now)?;
        self.tell_status();
        self.tell_stats(now);
        if let State::Stopping { status } = self.state
            && self.workers.is_empty()
        {
            return Err(Leave::Stopped(status));
        }
        self.sleep();
        Ok(())
    }

    fn obey(&mut self, signal: i32, times: usize) -> Result<(), Leave> {
        match signal {
            SIGCHLD => {}
            SIGTERM | SIGINT | SIGQUIT => {
                let status = u8::try_from(128 + signal).unwrap_or(1);
                if self.state != State::Serving && self.state != State::Starting {
                    return self.stop_now(status);
                }
                self.stop();
                if times > 1 {
                    return self.stop_now(status);
                }
            }
            _ if matches!(self.state, State::Stopping { .. }) => {}
            SIGHUP if self.plan.preloaded => {
                info!(
                    "reload: the application was loaded before the fork (--preload), so a new master loads it"
                );
                self.start_upgrade();
            }
            SIGHUP => self.start_reload("SIGHUP"),
            SIGTTIN => self.want(self.wanted.saturating_add(u32::try_from(times).unwrap_or(u32::MAX))),
            SIGTTOU => self.want(self.wanted.saturating_sub(u32::try_from(times).unwrap_or(u32::MAX))),
            SIGUSR1 => {
                self.hooks.reopen_logs();
                self.workers.iter_mut().for_each(Worker::reopen_logs);
                info!("the log files are open anew");
            }
            SIGUSR2 => self.start_upgrade(),
            _ => {}
        }
        Ok(())
    }

    fn start_upgrade(&mut self) {
        if let Some(upgrade) = &self.upgrade {
            error!("upgrade: process {} is on its way already", upgrade.pid());
            return;
        }
        if self.state != State::Serving {
            error!("upgrade: this master does not serve yet; ask it again when it does");
            return;
        }
        if std::process::id() == 1 {
            error!(
                "upgrade: this is process 1, and its container ends with it; start another container instead"
            );
            return;
        }
        let stats = self.stats.as_ref().map(Stats::listeners);
        let listeners: Vec<&Listener> = self.listeners.iter().chain(stats.unwrap_or_default()).collect();
        match Upgrade::start(&self.plan.invocation, &listeners) {
            Ok(upgrade) => {
                info!("upgrade: process {} starts on the same sockets", upgrade.pid());
                self.notify.reloading();
                self.upgrade = Some(upgrade);
            }
            Err(error) => error!("upgrade: a new master cannot be started: {error}; this one serves on"),
        }
    }

    fn follow_upgrade(&mut self) {
        if self.handover.is_over() {
            self.notify.begin();
        }
        let Some(upgrade) = &mut self.upgrade else { return };
        let pid = upgrade.pid();
        match upgrade.progress() {
            Progress::Starting => return,
            Progress::Serves => {
                info!("upgrade: process {pid} serves; this one finishes what runs, and ends");
                self.listeners.iter_mut().for_each(Listener::leave_file);
                if let Some(stats) = &mut self.stats {
                    stats.leave();
                }
                self.notify.main_is(pid.as_raw().unsigned_abs());
                self.retire_all();
            }
            Progress::Failed => {
                error!("upgrade: process {pid} has ended before it served; this one serves on");
                self.notify.ready();
            }
        }
        self.upgrade = None;
    }

    /// Ends well: no new connections, and what runs is finished.
    fn stop(&mut self) {
        info!("stopping: {} workers finish what runs", self.workers.len());
        self.notify.stopping();
        self.state = State::Stopping { status: 0 };
        self.reload = None;
        if let Some(upgrade) = self.upgrade.take() {
            upgrade.call_off();
        }
        // The workers take what waits on them; then the last one's close refuses what comes.
        self.listeners.clear();
        self.workers.iter_mut().for_each(|worker| worker.stop(self.scoreboard, self.plan.grace));
    }

    /// Ends as another master goes on with the same sockets.
    fn retire_all(&mut self) {
        self.state = State::Stopping { status: 0 };
        self.reload = None;
        self.listeners.clear();
        self.workers.iter_mut().for_each(|worker| worker.retire(self.scoreboard, self.plan.grace));
    }

    /// Ends at once.
    fn stop_now(&mut self, status: u8) -> Result<(), Leave> {
        self.workers.iter_mut().for_each(Worker::kill);
        for worker in &self.workers {
            let _ = nix::sys::wait::waitpid(fork::pid(worker.pid), None);
        }
        Err(Leave::Stopped(status))
    }
}

/// A master that looks so much later than it meant to has not been running.
const LATE_TIME: Duration = Duration::from_secs(1);
