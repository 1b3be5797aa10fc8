//! A turn of the master's loop, and what its steps decide.

use std::os::fd::AsFd;
use std::time::Instant;

use log::{error, info, warn};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};

use super::code::CodeWatch;
use super::control::Control;
use super::fleet::{Ending, Spawned, Stage, Worker};
use super::trial::Trial;
use super::watched::Look;
use super::{End, EndedWorker, Master, State};
use crate::net::listener::Listener;
use crate::process::fork_watch;
use crate::telemetry::counted::counted;
use crate::telemetry::scoreboard::Row;

impl Master<'_> {
    /// Does all that is to be done, and sleeps. What it returns ends the loop.
    pub(super) fn turn(&mut self) -> Result<(), End> {
        for (signal, times) in self.watched.signals.take() {
            self.obey(signal, i64::try_from(times).unwrap_or(i64::MAX))?;
        }
        self.follow_control()?;
        self.fleet.hear();
        self.settle();
        self.reap()?;
        self.follow_replacement();
        let now = Instant::now();
        if self.state == State::Draining && self.drain.is_over(now) {
            self.stop();
        }
        if let Some(look) = self.watched.look(now, self.fleet.tick()) {
            self.look(now, &look);
        }
        self.follow_code(now);
        self.fill(now)?;
        // Behind the first workers, which end them where this process can not.
        self.follow_attached(now);
        self.systemd.status(self.fleet.status());
        if let Some(stats) = &mut self.stats {
            stats.turn(now, self.state, &mut self.fleet, &self.listeners, &self.attached);
        }
        if self.state == State::Stopping && self.fleet.len() == 0 {
            self.attached.stop(now);
            if self.attached.have_ended() {
                return Err(End::Stopped(0));
            }
        }
        self.sleep();
        Ok(())
    }

    pub(super) fn obey(&mut self, signal: i32, times: i64) -> Result<(), End> {
        match signal {
            SIGTERM if self.term_reloads && self.state != State::Stopping => self.obey(SIGHUP, 1)?,
            SIGTERM | SIGINT | SIGQUIT => {
                for _ in 0..times {
                    self.end(signal)?;
                }
            }
            _ if self.state == State::Stopping => {}
            SIGHUP | SIGUSR2 if self.state == State::Draining => {
                warn!("no reload any more: this server is about to stop");
            }
            SIGHUP => self.reload("SIGHUP"),
            SIGTTIN => self.fleet.add(times),
            SIGTTOU => self.fleet.add(-times),
            SIGUSR1 => {
                self.reopen_logs();
                info!("the log files are open anew");
            }
            SIGUSR2 => self.start_replacement("SIGUSR2"),
            _ => {}
        }
        Ok(())
    }

    /// Looks at what the workers there are make true: that all serve for the first time, or all of a reload.
    fn settle(&mut self) {
        if self.state == State::Starting && self.fleet.all_serve(self.releases.current()) {
            self.begin_to_serve();
            self.systemd.ready();
        }
        self.releases.settle(&mut self.fleet, &self.systemd);
    }

    /// There are workers that serve: files and pipes are this master's from here on, and all are told.
    pub(super) fn begin_to_serve(&mut self) {
        self.state = State::Serving;
        self.listeners.iter_mut().for_each(Listener::own_file);
        if let Some(control) = &mut self.control {
            control.own();
        }
        if let Some(stats) = &mut self.stats {
            stats.own_files();
        }
        self.hooks.serving(&self.listeners);
    }

    /// Takes note of the workers that have ended.
    fn reap(&mut self) -> Result<(), End> {
        while let Some((at, ending)) = self.fleet.find_ended() {
            // It may have served between the look at its line and its end.
            self.settle();
            let (worker, row) = self.fleet.remove(at);
            if let (Some(stats), Some(row)) = (&mut self.stats, &row) {
                stats.rates.ended(row);
            }
            if worker.stage == Stage::Starting {
                self.record_failed_start(&worker, ending)?;
            } else {
                self.fleet.record_exit(&worker, row.as_ref(), ending);
                self.hooks.ended(&ended_worker(&worker, row.as_ref()));
            }
        }
        if std::process::id() == 1 {
            let mut others: Vec<i32> = self.attached.children().collect();
            others.extend(self.trial.as_ref().map(Trial::pid));
            self.fleet.reap_orphans(|pid| others.contains(&pid));
        }
        Ok(())
    }

    /// A worker has ended that never served. What follows depends on how far this master is.
    fn record_failed_start(&mut self, worker: &Worker, ending: Ending) -> Result<(), End> {
        let why = worker.failure().unwrap_or_else(|| format!("a worker ended before it served: {ending}"));
        let is_wanted = self.releases.is_wanted(worker.generation);
        match self.state {
            State::Starting | State::Serving | State::Draining if self.code.is_some() && is_wanted => {
                self.fleet.record_died_loading(worker, &why);
            }
            State::Starting => return self.fail(why),
            State::Serving | State::Draining if self.releases.on_trial() == Some(worker.generation) => {
                self.releases.fail(&why, &mut self.fleet, &self.systemd);
            }
            State::Serving | State::Draining if is_wanted => {
                self.fleet.record_failed_start(worker, &why);
            }
            // Of a reload that was given up, or of no use any more.
            State::Serving | State::Draining | State::Stopping => {}
        }
        Ok(())
    }

    fn reopen_logs(&mut self) {
        self.hooks.reopen_logs();
        self.fleet.reopen_logs();
    }

    /// Looks at what gives no sign by itself.
    fn look(&mut self, now: Instant, look: &Look) {
        if look.is_late {
            self.fleet.forgive(now);
            self.fleet.forget_need(now);
        }
        if look.is_slow {
            self.fleet.measure();
            if self.hooks.rotate_logs() {
                self.reopen_logs();
                info!("a log file was moved away, and is open anew");
            }
        }
        let timed_out = self.fleet.watch(now, self.state == State::Serving);
        if let Some(stats) = &mut self.stats {
            timed_out.into_iter().for_each(|number| stats.rates.timed_out(number));
            if look.is_slow {
                stats.sample(now, &mut self.fleet, &self.listeners);
            }
        }
        if self.state == State::Serving && self.fleet.is_by_need() {
            let waits = self.has_waiting();
            self.fleet.follow_need(now, waits);
        }
        if look.is_slow && self.state == State::Serving && self.watched.code_has_changed() {
            self.reload("a path of --reload-on has changed");
        }
        if look.is_slow && self.state == State::Serving && self.watched.workers_code_has_changed() {
            self.start_reload("a path of --reload-workers-on has changed");
        }
    }

    /// Whether a connection waits on a listener to be accepted.
    fn has_waiting(&self) -> bool {
        let listeners =
            self.listeners.iter().map(|listener| PollFd::new(listener.as_fd(), PollFlags::POLLIN));
        poll(&mut listeners.collect::<Vec<_>>(), PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Starts the workers that are missing.
    fn fill(&mut self, now: Instant) -> Result<(), End> {
        if self.state == State::Stopping {
            return Ok(());
        }
        for (generations, mut may_start) in self.releases.wanted(&self.fleet) {
            for number in self.fleet.wanted_numbers() {
                if may_start > 0 && self.fleet.is_missing(number, &generations, now) {
                    may_start -= 1;
                    self.spawn(number, *generations.end())?;
                }
            }
        }
        Ok(())
    }

    fn spawn(&mut self, number: u32, generation: u32) -> Result<(), End> {
        match self.fleet.spawn(number, generation, self.hooks, &mut self.listeners) {
            Spawned::Master => {}
            Spawned::Worker(setup) => return Err(End::Worker(setup)),
            Spawned::Failed(why) if self.state == State::Starting => {
                return self.fail(format!("worker {number} cannot be started: {why}"));
            }
            Spawned::Failed(why) => {
                let pause = self.fleet.pause().as_secs_f64();
                error!("worker {number} cannot be started; the next try is in {pause} s: {why}");
            }
        }
        Ok(())
    }

    /// Looks after the programs beside the workers.
    fn follow_attached(&mut self, now: Instant) {
        if let Some(command) = self.attached.turn(now)
            && self.state != State::Stopping
        {
            error!("attached: {command} has ended, and without it (vital) the server stops");
            self.stop();
        }
    }

    /// In development: loads the code anew once it has changed.
    fn follow_code(&mut self, now: Instant) {
        let Some(code) = &mut self.code else { return };
        let changed = code.due(now, self.releases.current());
        let Some((first, others)) = changed.split_first() else { return };
        let first = first.display();
        let why = match others.len() {
            0 => format!("{first}"),
            1 => format!("{first} and another file"),
            count => format!("{first} and {count} other files"),
        };
        self.start_reload(&why);
    }

    /// Loads the code anew, wherever it was loaded.
    fn reload(&mut self, why: &str) {
        // The application was loaded before the fork: a new master loads it anew.
        if self.preloaded {
            self.start_replacement(why);
        } else {
            self.start_reload(why);
        }
    }

    pub(super) fn start_reload(&mut self, why: &str) {
        if self.code.is_some() {
            if self.state != State::Stopping {
                self.releases.replace(why, &mut self.fleet, &self.systemd);
            }
        } else if self.state == State::Serving {
            self.releases.begin(why, &mut self.fleet, &self.systemd);
        } else {
            warn!("reload: the workers are only just loading the code; ask again when they serve");
        }
    }

    /// Does what a signal that ends the server asks for, which depends on how far its end is already.
    fn end(&mut self, signal: i32) -> Result<(), End> {
        match self.state {
            State::Stopping => {
                self.kill();
                return Err(End::Stopped(u8::try_from(128 + signal).unwrap_or(1)));
            }
            State::Serving if signal == SIGTERM && self.drain.begin(Instant::now()) => self.begin_to_drain(),
            State::Starting | State::Serving | State::Draining => self.stop(),
        }
        Ok(())
    }

    /// Serves on for a while, and says to all who ask that it will stop.
    fn begin_to_drain(&mut self) {
        self.state = State::Draining;
        self.systemd.stopping();
        self.call_replacement_off();
        self.fleet.drain();
    }

    /// Ends all processes at once.
    pub(super) fn kill(&mut self) {
        self.fleet.kill();
        self.attached.kill();
    }

    /// Ends well: no new connections, and what runs is finished.
    pub(super) fn stop(&mut self) {
        info!("stopping: {} what runs", counted(self.fleet.len(), "worker finishes", "workers finish"));
        self.systemd.stopping();
        self.call_replacement_off();
        self.begin_to_stop();
        self.fleet.stop();
    }

    /// Starts no more workers, and lets go of the listeners. The workers take what waits on them; then the last one's
    /// close refuses what comes, unless another master goes on with them.
    fn begin_to_stop(&mut self) {
        self.state = State::Stopping;
        self.releases.give_up();
        self.listeners.clear();
    }

    /// Ends before it has served.
    fn fail(&mut self, why: String) -> Result<(), End> {
        self.kill();
        Err(End::Failed(why))
    }

    /// Sleeps until a signal comes, a worker says something, or it is time to look.
    fn sleep(&mut self) {
        let now = Instant::now();
        let times = [
            self.systemd.feed(now),
            self.fleet.paused_until(now),
            self.attached.until(now),
            self.stats.as_ref().and_then(|stats| stats.server.until()),
            Some(self.watched.next_look(self.fleet.tick())),
            self.code.as_ref().map(CodeWatch::until),
            self.drain.until().filter(|_| self.state == State::Draining),
        ];
        let until = times.into_iter().flatten().min().unwrap_or(now);
        let millis = until.saturating_duration_since(now).as_millis() + 1;
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let readable = [self.watched.signals.descriptor()].into_iter();
        let readable = readable.chain(self.fleet.descriptors());
        let readable = readable.chain(self.control.as_ref().map(Control::descriptor));
        let readable = readable.chain(self.code.iter().flat_map(CodeWatch::descriptors));
        let waited_for = readable
            .map(|descriptor| (descriptor, PollFlags::POLLIN))
            .chain(self.stats.iter().flat_map(|stats| stats.server.waits_for()));
        let mut polled: Vec<PollFd<'_>> =
            waited_for.map(|(descriptor, flags)| PollFd::new(descriptor, flags)).collect();
        self.hooks.while_waiting(&mut || {
            // An error is a signal's, or means that the next turn looks a little early.
            let _ = poll(&mut polled, timeout);
        });
        // Handlers of signals that an application set before the fork (--preload) may have forked.
        fork_watch::end_child(0);
    }
}

fn ended_worker(worker: &Worker, row: Option<&Row>) -> EndedWorker {
    let on_loop = row.filter(|row| row.thread_counts.all == 0);
    let abort_sent = on_loop.map(|row| row.abort_sent).filter(|sent| match worker.stage {
        Stage::Aborted(_) => true,
        // It may have been aborted before.
        Stage::Killed => *sent > 0,
        _ => false,
    });
    let (number, place) = (worker.number, worker.slot);
    EndedWorker { number, pid: worker.pid.unsigned_abs(), place, abort_sent }
}
