//! The workers there are, and those there should be.

pub(super) mod backoff;
pub(super) mod oom;
pub(super) mod retirement;
pub(super) mod worker;

use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use log::{debug, error, info, warn};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};

use super::signals::{Loading, hold_back};
use super::worker_setup::unix_micros;
use super::{Fork, Leave, Master, State, WorkerSetup};
use crate::process::fork_watch;
use crate::telemetry::scoreboard::{Doing, Life, Row, Scoreboard};
use retirement::memory;
use worker::{Ending, Stage, Worker, activity};

/// Writes the master's own part of the scoreboard.
pub(super) fn introduce(scoreboard: &Scoreboard) {
    let master = &scoreboard.master;
    master.pid.store(std::process::id(), Relaxed);
    master.generation.store(1, Relaxed);
    master.started_at.store(unix_micros(), Relaxed);
}

impl Master<'_> {
    /// Takes what workers that start have to say.
    pub(super) fn hear(&mut self) {
        for at in 0..self.workers.len() {
            self.hear_one(at);
        }
    }

    fn hear_one(&mut self, at: usize) {
        let worker = &mut self.workers[at];
        if worker.stage == Stage::Starting && worker.hear_ready() {
            self.serves(at);
        }
    }

    /// A worker has come to serve.
    fn serves(&mut self, at: usize) {
        let worker = &mut self.workers[at];
        worker.stage = Stage::Ready;
        worker.tell_life(self.scoreboard, Life::Ready);
        let (number, generation) = (worker.number, worker.generation);
        debug!("{worker} serves, {} ms after it was started", worker.started.elapsed().as_millis());
        let before = |one: &&mut Worker| one.retiring && (one.number, one.generation) == (number, generation);
        for worker in self.workers.iter_mut().filter(before) {
            worker.retire(self.scoreboard, self.plan.grace);
        }
        if self.state == State::Starting && self.all_serve(self.generation) {
            self.state = State::Serving;
            self.listeners.iter_mut().for_each(crate::net::listener::Listener::own_file);
            if let Some(stats) = &mut self.stats {
                stats.own_files();
            }
            self.hooks.serving(&self.listeners);
            self.notify.ready();
            if self.handover.is_awaited() {
                info!("upgrade: this master serves");
            }
            if let Err(error) = self.handover.done() {
                warn!("upgrade: the master before does not hear that this one serves: {error}");
            }
        }
        self.finish_reload();
    }

    /// Whether every number has a worker of this load that serves.
    pub(super) fn all_serve(&self, generation: u32) -> bool {
        (1..=self.wanted).all(|number| {
            self.workers
                .iter()
                .any(|one| (one.number, one.generation, one.stage) == (number, generation, Stage::Ready))
        })
    }

    /// Takes note of the workers that have ended.
    pub(super) fn reap(&mut self) -> Result<(), Leave> {
        let mut at = 0;
        while at < self.workers.len() {
            match self.workers[at].ended() {
                None => at += 1,
                Some(ending) => {
                    self.hear_one(at);
                    let worker = self.workers.swap_remove(at);
                    self.record_exit(&worker, ending)?;
                }
            }
        }
        if std::process::id() == 1 {
            self.reap_orphans();
        }
        Ok(())
    }

    /// As a container's process 1: the processes that an application has left behind are this one's to wait for.
    fn reap_orphans(&self) {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while let Ok(status) = waitid(Id::All, flags)
            && let Some(pid) = status.pid()
            // One that ended just now; the next turn takes note of it, and comes back here.
            && !self.workers.iter().any(|worker| worker.pid == pid.as_raw())
        {
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
    }

    fn record_exit(&mut self, worker: &Worker, ending: Ending) -> Result<(), Leave> {
        let row = self.scoreboard.row(worker.slot);
        if let (Some(stats), Some(row)) = (&mut self.stats, &row) {
            stats.ended(row);
        }
        self.scoreboard.free(worker.slot);
        match worker.stage {
            Stage::Starting => return self.record_failed_start(worker, ending),
            Stage::Ready if is_at_start(worker, row.as_ref(), Instant::now()) => {
                let pause = self.backoff.failed(Instant::now());
                error!(
                    "{worker} has ended right after its start: {ending}; the next try is in {} s",
                    pause.as_secs_f64()
                );
            }
            Stage::Ready if ending == Ending::Exited(0) && !holds_request(row.as_ref()) => {
                info!("{worker} has left, as it was told by a signal");
            }
            Stage::Ready => {
                let memory = matches!(ending, Ending::Killed { signal: Signal::SIGKILL, .. })
                    && self.oom_kills.are_more();
                let memory = if memory {
                    " (out of memory, by all appearances: the kernel has just killed)"
                } else {
                    ""
                };
                let activity = row.as_ref().map(activity).unwrap_or_default();
                error!("{worker} has ended: {ending}{memory}; it held {activity}");
            }
            Stage::Leaving(_) if ending == Ending::Exited(0) => debug!("{worker} has left"),
            Stage::Leaving(_) => {
                let activity = row.as_ref().map(activity).unwrap_or_default();
                error!("{worker} has ended before it had finished: {ending}; it held {activity}");
            }
            Stage::Aborted(_) | Stage::Killed => info!("{worker} has ended: {ending}"),
        }
        Ok(())
    }

    /// A worker has ended that never served.
    fn record_failed_start(&mut self, worker: &Worker, ending: Ending) -> Result<(), Leave> {
        if matches!(self.state, State::Stopping { .. }) {
            return Ok(());
        }
        let why = worker.failure().unwrap_or_else(|| format!("a worker ended before it served: {ending}"));
        if self.state == State::Starting {
            let _ = self.stop_now(1);
            return Err(Leave::Failed(why));
        }
        if self.is_reloading(worker.generation) {
            self.fail_reload(&why);
            return Ok(());
        }
        if worker.generation == self.generation {
            let pause = self.backoff.failed(Instant::now());
            error!("{worker} could not start; the next try is in {} s: {why}", pause.as_secs_f64());
        }
        Ok(())
    }

    /// How often the workers are looked at.
    pub(super) fn tick(&self) -> Duration {
        let is_pressing = |worker: &Worker| matches!(worker.stage, Stage::Leaving(_) | Stage::Aborted(_));
        let bounded = self.plan.timeout.is_some() || self.plan.retirement.is_any();
        if bounded || self.workers.iter().any(is_pressing) { TICK } else { SLOW_TICK }
    }

    /// Looks at every worker: whether it is stuck, has had its time, or is due for retirement.
    pub(super) fn watch(&mut self, now: Instant) {
        let silence_max = self.plan.timeout.map_or(SILENCE_TIME_MAX, |time| time.max(SILENCE_TIME_MIN));
        let slowly = now >= self.looked_slowly + SLOW_TICK;
        if slowly {
            self.looked_slowly = now;
        }
        for worker in &mut self.workers {
            let Some(row) = self.scoreboard.row(worker.slot) else { continue };
            if slowly
                && let (Some(slot), Some((rss, vsz))) =
                    (self.scoreboard.slot(worker.slot), memory(worker.pid))
            {
                slot.set_memory(rss, vsz);
            }
            let (stuck, silent) = (worker.stuck_for(&row, now), worker.silent_for(&row, now));
            if worker.stage == Stage::Ready && !is_at_start(worker, Some(&row), now) {
                self.backoff.survived(worker.started);
            }
            match worker.stage {
                Stage::Ready | Stage::Leaving(_)
                    if self.plan.timeout.is_some_and(|timeout| stuck >= timeout) =>
                {
                    error!(
                        "{worker}: {}: it has not come back for {:.1} s, longer than --timeout: aborted",
                        activity(&row),
                        stuck.as_secs_f64()
                    );
                    worker.abort();
                    if let Some(stats) = &mut self.stats {
                        stats.timed_out(worker.number);
                    }
                }
                Stage::Ready | Stage::Leaving(_)
                    if row.doing == Doing::Waiting && silent >= silence_max && !worker.is_traced() =>
                {
                    error!(
                        "{worker}: no sign of life for {:.1} s, though it has nothing to do: is it stopped? It is killed",
                        silent.as_secs_f64()
                    );
                    worker.kill();
                }
                Stage::Leaving(until) if now >= until => {
                    error!("{worker}: {}: its time (--grace) is over: aborted", activity(&row));
                    worker.abort();
                }
                Stage::Aborted(until) if now >= until => {
                    warn!("{worker} has outlived its abort: killed");
                    worker.kill();
                }
                Stage::Ready if !worker.retiring && self.state == State::Serving => {
                    if let Some(reason) = self.plan.retirement.reason(worker, &row, now) {
                        info!("{worker} retires after {reason}, once its successor serves");
                        worker.retiring = true;
                    }
                }
                _ => {}
            }
        }
        if slowly {
            self.look_for_stats(now);
        }
        if slowly
            && self.state == State::Serving
            && !self.file_watch.is_empty()
            && self.file_watch.have_changed()
        {
            self.start_reload("a path of --reload-on has changed");
        }
    }

    /// Another number of workers is wanted.
    pub(super) fn want(&mut self, count: u32) {
        self.wanted = count.clamp(1, WORKERS_MAX);
        info!("{} workers are wanted", self.wanted);
        if self.wanted > 1 {
            self.workers.iter_mut().for_each(Worker::share);
        }
        for worker in self.workers.iter_mut().filter(|worker| worker.number > self.wanted) {
            worker.retire(self.scoreboard, self.plan.grace);
        }
        self.finish_reload();
    }

    /// Starts the workers that are missing.
    pub(super) fn fill(&mut self, now: Instant) -> Result<(), Leave> {
        if matches!(self.state, State::Stopping { .. }) {
            return Ok(());
        }
        for generation in [Some(self.generation), self.reloaded_generation()].into_iter().flatten() {
            for number in 1..=self.wanted {
                let serves = |one: &Worker| {
                    (one.number, one.generation) == (number, generation)
                        && one.is_in_service()
                        && !one.retiring
                };
                if !self.workers.iter().any(serves) && self.backoff.until(now).is_none() {
                    self.spawn(number, generation)?;
                }
            }
        }
        Ok(())
    }

    fn spawn(&mut self, number: u32, generation: u32) -> Result<(), Leave> {
        let before = self.last_respawns.get(&number).map_or(0, |before| before + 1);
        let Some(slot) = self.scoreboard.take(number, generation, before, unix_micros()) else {
            return self.cannot_spawn(number, "the scoreboard is full of workers that do not end");
        };
        let fork = || -> std::io::Result<_> {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            let held = hold_back()?;
            Ok((self.hooks.fork()?, ours, theirs, held))
        };
        match fork() {
            Ok((Fork::Parent(pid), ours, _, _)) => {
                let row = self.scoreboard.slot(slot).expect("take() gives a slot that is there");
                row.set_pid(pid.unsigned_abs());
                if before > 0 {
                    self.scoreboard.master.respawns.fetch_add(1, Relaxed);
                }
                self.last_respawns.insert(number, before);
                self.workers.push(Worker::new(number, generation, pid, slot, ours));
                Ok(())
            }
            Ok((Fork::Child, _, link, held)) => {
                let slot = self.scoreboard.slot(slot).expect("take() gives a slot that is there");
                let loading = Loading::begin().map_err(|error| Leave::Failed(error.to_string()))?;
                let listeners = std::mem::take(&mut self.listeners);
                Err(Leave::Worker(Box::new(WorkerSetup {
                    listeners,
                    link,
                    slot,
                    loading,
                    held: Some(held),
                    shares: self.wanted > 1,
                })))
            }
            Err(error) => {
                self.scoreboard.free(slot);
                self.cannot_spawn(number, &error.to_string())
            }
        }
    }

    /// A process, a socket or a row could not be had. It is tried again, unless the master has not served yet.
    fn cannot_spawn(&mut self, number: u32, why: &str) -> Result<(), Leave> {
        if self.state == State::Starting {
            let _ = self.stop_now(1);
            return Err(Leave::Failed(format!("worker {number} cannot be started: {why}")));
        }
        // Not at once: what is missing is missing for the next one too.
        self.backoff.failed(Instant::now());
        let pause = self.backoff.failed(Instant::now());
        error!("worker {number} cannot be started; the next try is in {} s: {why}", pause.as_secs_f64());
        Ok(())
    }

    /// A line for systemd's status.
    pub(super) fn tell_status(&mut self) {
        let count = |stage: fn(&Stage) -> bool| self.workers.iter().filter(|one| stage(&one.stage)).count();
        let ready = count(|stage| *stage == Stage::Ready);
        let starting = count(|stage| *stage == Stage::Starting);
        let others = self.workers.len() - ready - starting;
        self.notify.status(format!("{ready} workers serve, {starting} start, {others} finish what runs"));
    }

    /// Sleeps until a signal comes, a worker says something, or it is time to look.
    pub(super) fn sleep(&mut self) {
        let now = Instant::now();
        let look = Some(self.looked + self.tick());
        let times = [self.notify.feed(now), self.backoff.until(now), self.stats_until(), look];
        let until = times.into_iter().flatten().min().unwrap_or(now);
        let millis = until.saturating_duration_since(now).as_millis() + 1;
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let lines = self.workers.iter().filter_map(Worker::descriptor);
        let upgrade = self.upgrade.as_ref().map(super::Upgrade::descriptor);
        let descriptors = [self.signals.descriptor()].into_iter().chain(lines).chain(upgrade);
        let descriptors = descriptors.map(|descriptor| (descriptor, PollFlags::POLLIN));
        let handover = self.handover.descriptor().map(|descriptor| (descriptor, PollFlags::empty()));
        let descriptors = descriptors.chain(handover);
        let descriptors = descriptors.chain(self.stats_wait_for());
        let mut polled: Vec<PollFd<'_>> =
            descriptors.map(|(descriptor, flags)| PollFd::new(descriptor, flags)).collect();
        self.hooks.while_waiting(&mut || {
            // An error is a signal's, or means that the next turn looks a little early.
            let _ = poll(&mut polled, timeout);
        });
        // Handlers of signals that an application set before the fork (--preload) may have forked.
        fork_watch::end_child(0);
    }
}

/// Whether a worker has not shown yet that it can serve: were it to die now, so would the next.
fn is_at_start(worker: &Worker, row: Option<&Row>, now: Instant) -> bool {
    let is_young = now.saturating_duration_since(worker.started) < START_TIME;
    is_young && row.is_some_and(|row| row.totals.requests == 0) && !holds_request(row)
}

fn holds_request(row: Option<&Row>) -> bool {
    row.is_some_and(|row| matches!(row.doing, Doing::Calling | Doing::Stepping))
}

/// Workers that a master may have, a count: more than any machine of today has cores, and a quarter of the scoreboard: reloads need room.
pub(crate) const WORKERS_MAX: u32 = 256;
/// A worker that has lived so long is beyond its start.
const START_TIME: Duration = Duration::from_secs(1);
/// Time without a sign of life of a worker that waits, where --timeout sets none: gunicorn's timeout.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(30);
/// No --timeout makes it shorter: signs of life are a second apart, and a busy machine delays them.
const SILENCE_TIME_MIN: Duration = Duration::from_secs(3);
/// How soon a worker is found that is over a bound.
const TICK: Duration = Duration::from_millis(100);
/// How often memory and paths are looked at, and workers where nothing is bounded.
pub(super) const SLOW_TICK: Duration = Duration::from_secs(1);
