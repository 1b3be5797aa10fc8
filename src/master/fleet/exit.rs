//! Takes note of the workers that have ended.

use std::time::{Duration, Instant};

use log::{debug, error, info};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};

use super::worker::activity;
use super::{Ending, Fleet, Stage, Worker};
use crate::telemetry::scoreboard::Row;

impl Fleet {
    /// Finds a worker that has ended, and takes its last words. Each is found once: it is to be removed.
    pub(in crate::master) fn find_ended(&mut self) -> Option<(usize, Ending)> {
        let mut workers = self.workers.iter().enumerate();
        let (at, ending) = workers.find_map(|(at, worker)| Some((at, worker.ended()?)))?;
        self.hear_one(at);
        Some((at, ending))
    }

    /// Takes a worker that has ended out of the fleet, with its last row.
    pub(in crate::master) fn remove(&mut self, at: usize) -> (Worker, Option<Row>) {
        let worker = self.workers.swap_remove(at);
        let row = self.board.memory.row(worker.slot);
        self.board.memory.free(worker.slot);
        (worker, row)
    }

    /// As a container's process 1: the processes that an application has left behind are this one's to wait for. `are_others`
    /// says of which others take note.
    pub(in crate::master) fn reap_orphans(&self, are_others: impl Fn(i32) -> bool) {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while let Ok(status) = waitid(Id::All, flags)
            && let Some(pid) = status.pid()
            // One that ended just now; the next turn takes note of it, and comes back here.
            && !self.workers.iter().any(|worker| worker.pid == pid.as_raw())
            && !are_others(pid.as_raw())
        {
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
    }

    /// A worker of the load that serves has ended before it served.
    pub(in crate::master) fn record_failed_start(&mut self, worker: &Worker, why: &str) {
        let pause = self.backoff.failed(Instant::now());
        error!("{worker} could not start; the next try is in {} s: {why}", pause.as_secs_f64());
    }

    /// In development: a worker has ended as it loaded the code, which it would do again. The next one says so to those that
    /// ask.
    pub(in crate::master) fn record_died_loading(&mut self, worker: &Worker, why: &str) {
        self.backoff.failed(Instant::now());
        error!("{worker} has ended as it loaded the code; a page says so, until a save mends it: {why}");
        self.died_loading = Some(why.to_owned());
    }

    /// A worker that has served has ended.
    pub(in crate::master) fn record_exit(&mut self, worker: &Worker, row: Option<&Row>, ending: Ending) {
        match worker.stage {
            Stage::Ready if is_at_start(worker, row, Instant::now()) => {
                let pause = self.backoff.failed(Instant::now());
                error!(
                    "{worker} has ended right after its start: {ending}; the next try is in {} s",
                    pause.as_secs_f64()
                );
            }
            Stage::Ready if ending == Ending::Exited(0) && !holds_request(row) => {
                info!("{worker} has left, as it was told by a signal");
            }
            Stage::Starting | Stage::Ready => {
                let memory = matches!(ending, Ending::Killed { signal: Signal::SIGKILL, .. })
                    && self.oom_kills.are_more();
                let memory = if memory {
                    " (out of memory, by all appearances: the kernel has just killed)"
                } else {
                    ""
                };
                let activity = row.map(activity).unwrap_or_default();
                error!("{worker} has ended: {ending}{memory}; it held {activity}");
            }
            Stage::Leaving(_) if ending == Ending::Exited(0) => debug!("{worker} has left"),
            Stage::Leaving(_) => {
                let activity = row.map(activity).unwrap_or_default();
                error!("{worker} has ended before it had finished: {ending}; it held {activity}");
            }
            Stage::Aborted(_) | Stage::Killed => info!("{worker} has ended: {ending}"),
            Stage::Dismissed => info!("{worker} was starting, and is dismissed: it is not needed any more"),
        }
    }
}

/// Whether a worker has not shown yet that it can serve: were it to die now, so would the next.
pub(super) fn is_at_start(worker: &Worker, row: Option<&Row>, now: Instant) -> bool {
    let is_young = now.saturating_duration_since(worker.started) < START_TIME;
    is_young && row.is_some_and(|row| row.totals.requests == 0) && !holds_request(row)
}

fn holds_request(row: Option<&Row>) -> bool {
    row.is_some_and(|row| !row.running().is_empty())
}

/// A worker that has lived so long is beyond its start.
const START_TIME: Duration = Duration::from_secs(1);
