//! The master: it binds, forks and watches, and runs no application code but what it is told to load before the fork.
//!
//! # How this works
//!
//! One process, the [`Master`], keeps as many others as are wanted: the workers, which serve. It has one thread and one
//! loop, whose every turn ([`turn`]) does the same things in the same order and ends in a single sleep:
//!
//! ```text
//! signals ─ hear ─ reap ─ replace ─ attached ─ look ─ fill ──► sleep, until a signal, a line or the time wakes it
//!                                                      └── fork ──► WorkerSetup, the worker's
//! ```
//!
//! What is to be done is always found out by looking at the workers there are, and never kept as a plan: a turn that comes
//! too often does no harm. Each part owns what it decides by, and knows of no other part but what it is given:
//!
//! - the [`Fleet`] has the workers: it forks, watches, replaces and reaps them;
//! - the [`Releases`] say which load of the code serves, and have the reload that is on its way;
//! - [`Attached`] are the programs that run beside them;
//! - [`Trial`] and [`Handover`] are the masters after this one and before it, which are this very process ([`replace`]);
//! - [`Watched`] has the signals, the paths of `--reload-on`, and the time of the next look;
//! - [`SdNotify`] and [`Stats`] tell systemd and monitors how it is.
//!
//! **Workers and their lines.** Master and worker share a socket, the line. A worker says on it, once, that it serves, or
//! why it cannot; the master says a byte for each order, and closes it to have the worker leave: so a master that is killed
//! asks all of its workers to leave. What a worker does stands in shared memory, on the scoreboard, where the master reads
//! it even if the worker is stuck.
//!
//! **Signals** only count and wake the loop. SIGTERM, SIGINT and SIGQUIT end the workers and then the master, a second one
//! at once. With `--drain`, a SIGTERM says first that there will be a stop, and all goes on so long: load balancers need time to
//! notice. SIGHUP reloads, SIGUSR2 has a new master take this one's place, SIGUSR1 has the log files opened anew, SIGTTIN and SIGTTOU change the number
//! of workers. SIGCHLD needs only the turn. The letters of `--control` do the same ([`Control`]).
//!
//! **A reload** gets the next generation's number; `fill` then finds that this generation lacks workers, and forks a few of
//! them beside those that serve. Once these serve, each takes the place of the one that had its number, and so do those that
//! follow; when every number has one, the generation is the current one. If one of the first cannot start, they are all
//! dismissed, and the old ones have served all along.
//!
//! **A new master** loads all anew: the program, its settings, and what is loaded before the fork. A process tries first whether
//! that can be done; then this one becomes the new master by exec(3), and goes on with a reload: the workers of before serve
//! until the new ones do, as their children they always were. What the new one cannot have again it is handed ([`handover`]).
//!
//! **In development** (`--reload`) the code is watched ([`code`]), and a reload has those that run it leave at once: requests
//! wait in the listeners' backlog for the new code, and never meet the old. If it cannot be loaded, the new worker serves a
//! page that says why, and so does one whose predecessor died as it loaded the code: the next save mends it.
//!
//! **A worker that dies** is found by `reap`, which logs why, and `fill` finds its number missing. One that dies right after
//! its start makes the next start wait, longer each time (`backoff`). Before the master has served for the first time,
//! a worker that cannot start ends the command; during a reload it ends the reload. A worker that is due for
//! retirement, or stuck, is replaced in the same way: it retires once its successor serves, or is aborted and then missing.

mod abort;
mod again;
mod attached;
mod backoff;
mod code;
mod control;
mod drain;
mod file_watch;
mod fleet;
mod fork;
mod handover;
mod invocation;
mod pid_file;
mod privileges;
mod releases;
mod replace;
mod sd_notify;
mod shared_memory;
mod signals;
mod stats;
mod trial;
mod turn;
mod watched;
mod worker_setup;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use again::Takeover;
pub(crate) use attached::Attach;
pub(crate) use code::{CodePlan, Pattern, Reporter};
pub(crate) use control::Control;
pub(crate) use fleet::{Bounds, ByNeed, Retirement, WORKERS_MAX};
pub use fork::{Fork, fork};
pub(crate) use handover::{Handover, Left};
pub(crate) use invocation::Invocation;
pub(crate) use pid_file::PidFile;
pub(crate) use privileges::Identity;
pub(crate) use shared_memory::{Shared, in_hand, scoreboard, shared_flag};
pub(crate) use signals::{let_signals_in, outlive_file_limit, outlive_readers};
pub(crate) use worker_setup::WorkerSetup;

use crate::net::listener::Listener;
use crate::process::fork_watch;
use crate::telemetry::scoreboard::Scoreboard;
use crate::telemetry::stats::State;
use attached::Attached;
use code::CodeWatch;
use drain::Drain;
use fleet::Fleet;
use releases::Releases;
use sd_notify::SdNotify;
use stats::Stats;
use trial::Trial;
use watched::Watched;

/// What a master is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How many workers serve, a count from 1 on; by need, at the most.
    pub workers: u32,
    pub by_need: Option<ByNeed>,
    /// What each of them is held to.
    pub bounds: Bounds,
    /// How long requests are still taken after a SIGTERM.
    pub drain: Option<Duration>,
    /// How many workers a reload starts at once, a count from 1 on; `None` is a quarter of them.
    pub reload_step: Option<u32>,
    /// Paths whose change is a reload.
    pub reload_on: Vec<PathBuf>,
    /// Paths whose change is a reload of the workers alone, whatever was loaded before the fork.
    pub reload_workers_on: Vec<PathBuf>,
    /// In development: the code whose change is a reload. Those that run what was before leave at once, and requests wait for
    /// the new code.
    pub code: Option<CodePlan>,
    /// Programs that are kept alive beside the workers.
    pub attach: Vec<Attach>,
    /// Where commands of one letter come.
    pub control: Option<Control>,
    /// Whether SIGTERM reloads.
    pub term_reloads: bool,
    /// Whether the application was loaded before the fork. Other code then takes a new master.
    pub preloaded: bool,
    /// How this process was started, and so how it becomes a new master.
    pub invocation: Invocation,
}

/// What the master leaves to the command around it.
pub(crate) trait MasterHooks {
    /// Makes a second process; [`fork`] does.
    fn fork(&self) -> io::Result<Fork>;
    /// Runs `wait`, in which the master sleeps. A lock that other threads want is let go of meanwhile.
    fn while_waiting(&self, wait: &mut (dyn FnMut() + Send));
    /// The workers serve, for the first time, on these.
    fn serving(&self, listeners: &[Listener]);
    /// A worker that has served has ended.
    fn ended(&self, worker: &EndedWorker);
    /// Opens the log files again.
    fn reopen_logs(&self);
    /// Moves log files away that have become too large; returns whether there were any.
    fn rotate_logs(&self) -> bool;
    /// Leaves to a new master what it cannot have again: this process becomes it.
    fn leave(&self, left: &mut Left);
    /// That cannot be, and all is as it was.
    fn stay(&self);
}

/// A worker that has ended.
pub(crate) struct EndedWorker {
    /// Its number among the workers.
    pub number: u32,
    pub pid: u32,
    /// Where its row was on the scoreboard.
    pub place: usize,
    /// If it was aborted, and its application is on the loop's thread: what it said to the client of the call that did not
    /// come back, bytes.
    pub abort_sent: Option<u64>,
}

/// How a master ends, in the process that it is by then.
pub(crate) enum End {
    /// It has stopped, and so have its workers; the exit status.
    Stopped(u8),
    /// It could not start, and why.
    Failed(String),
    /// This process is a worker: it has been forked just now.
    Worker(Box<WorkerSetup>),
}

/// The master of one command.
pub(crate) struct Master<'a> {
    hooks: &'a dyn MasterHooks,
    preloaded: bool,
    state: State,
    drain: Drain,
    listeners: Vec<Listener>,
    fleet: Fleet,
    attached: Attached,
    control: Option<Control>,
    term_reloads: bool,
    releases: Releases,
    invocation: Invocation,
    /// What is to take this master's place is tried.
    trial: Option<Trial>,
    watched: Watched,
    /// In development.
    code: Option<CodeWatch>,
    systemd: SdNotify,
    stats: Option<Stats>,
}

impl<'a> Master<'a> {
    /// A master for these listeners, whose signals it hears from here on. It tells on the listeners `stats`, if there are
    /// any, how the workers are. `handover` is what the master before it left, which this process was.
    pub(crate) fn new(
        plan: Plan,
        listeners: Vec<Listener>,
        stats: Vec<Listener>,
        board: Shared<Scoreboard>,
        handover: Option<Handover>,
        hooks: &'a dyn MasterHooks,
    ) -> io::Result<Self> {
        let (now, grace, left) = (Instant::now(), plan.bounds.grace, handover.as_ref());
        fork_watch::begin()?;
        let (code, reporter) = plan.code.map(|plan| CodeWatch::new(plan, now)).transpose()?.unzip();
        let releases = Releases::new(plan.reload_step, left);
        let workers = (plan.workers, plan.by_need);
        let mut master = Master {
            hooks,
            preloaded: plan.preloaded,
            state: State::Starting,
            drain: Drain::new(plan.drain),
            listeners,
            fleet: Fleet::new(workers, plan.bounds, board, reporter, (left, releases.current())),
            attached: Attached::new(plan.attach, left, grace, now),
            control: plan.control,
            term_reloads: plan.term_reloads,
            releases,
            invocation: plan.invocation,
            trial: None,
            watched: Watched::new(plan.reload_on, plan.reload_workers_on, now)?,
            code,
            systemd: SdNotify::new(now),
            stats: (!stats.is_empty()).then(|| Stats::new(stats)),
        };
        if let Some(handover) = handover {
            master.begin_in_place(&handover);
            handover.settle();
        }
        Ok(master)
    }

    /// Leads until a signal ends it. It returns in each worker too, which leaves all of the master behind.
    pub(crate) fn run(mut self) -> End {
        let mut end = loop {
            if let Err(end) = self.turn() {
                break end;
            }
        };
        if let End::Worker(setup) = &mut end {
            // Its line's other end, and those of the workers before it, are the master's, and so is what is watched.
            let Master { fleet, watched, code, .. } = self;
            drop((fleet, code));
            watched.signals.forget();
            if let Err(error) = setup.begin() {
                return End::Failed(error.to_string());
            }
        }
        end
    }
}
