//! Watches the workers: whether one is stuck, has had its time, or is due for retirement.

use std::time::{Duration, Instant};

use log::{error, info, warn};

use super::exit::is_at_start;
use super::worker::activity;
use super::{Fleet, Stage, Worker};
use crate::process::load::processor_time_of;
use crate::process::memory::Memory;
use crate::telemetry::scoreboard::Doing;

impl Fleet {
    /// How often the workers are looked at.
    pub(in crate::master) fn tick(&self) -> Duration {
        let is_pressing = |worker: &Worker| matches!(worker.stage, Stage::Leaving(_) | Stage::Aborted(_));
        let is_bounded =
            self.bounds.timeout.is_some() || self.bounds.retirement.is_any() || self.is_by_need();
        if is_bounded || self.workers.iter().any(is_pressing) { TICK } else { SLOW_TICK }
    }

    /// Begins to look for signs of life anew: the master itself had none to give.
    pub(in crate::master) fn forgive(&mut self, now: Instant) {
        self.workers.iter_mut().for_each(|worker| worker.forgive(now));
    }

    /// Notes the memory of each worker, and the processor's time that it has used.
    pub(in crate::master) fn measure(&mut self) {
        for worker in &self.workers {
            let memory = u32::try_from(worker.pid).ok().and_then(Memory::of);
            if let Some(Memory { rss, vsz }) = memory {
                worker.row.set_memory(rss, vsz);
            }
            if let Some(time) = processor_time_of(worker.pid) {
                worker.row.set_cpu(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
            }
        }
    }

    /// Looks at each worker, and ends those that are over a bound; where `may_retire`, has others retire. Returns the
    /// numbers of those that were aborted by the timeout.
    pub(in crate::master) fn watch(&mut self, now: Instant, may_retire: bool) -> Vec<u32> {
        let bounds = &self.bounds;
        let silence_max = bounds.timeout.map_or(SILENCE_TIME_MAX, |time| time.max(SILENCE_TIME_MIN));
        let mut timed_out = Vec::new();
        for worker in &mut self.workers {
            let Some(row) = self.board.memory.row(worker.slot) else { continue };
            let (stuck, silent) = (worker.stuck_for(&row, now), worker.silent_for(&row, now));
            if worker.stage == Stage::Ready && !is_at_start(worker, Some(&row), now) {
                self.backoff.survived(worker.started);
            }
            match worker.stage {
                Stage::Ready | Stage::Leaving(_)
                    if bounds.timeout.is_some_and(|timeout| stuck >= timeout) =>
                {
                    error!(
                        "{worker}: {}: it has not come back for {:.1} s, longer than --timeout: aborted",
                        activity(&row),
                        stuck.as_secs_f64()
                    );
                    worker.abort();
                    timed_out.push(worker.number);
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
                Stage::Ready if may_retire && !worker.retiring => {
                    if let Some(reason) = bounds.retirement.reason(worker, &row, now) {
                        info!("{worker} retires after {reason}, once its successor serves");
                        worker.retiring = true;
                    }
                }
                _ => {}
            }
        }
        timed_out
    }
}

/// Time without a sign of life of a worker that waits, where --timeout sets none: gunicorn's timeout.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(30);
/// No --timeout makes it shorter: signs of life are a second apart, and a busy machine delays them.
const SILENCE_TIME_MIN: Duration = Duration::from_secs(3);
/// How soon a worker is found that is over a bound.
const TICK: Duration = Duration::from_millis(100);
/// How often memory and paths are looked at, and workers where nothing is bounded.
pub(in crate::master) const SLOW_TICK: Duration = Duration::from_secs(1);
