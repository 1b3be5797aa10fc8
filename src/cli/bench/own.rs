//! What the generator itself has cost, and what the machine has done to it.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use rustix::thread::gettid;

use crate::process::load::ThreadLoad;

/// A thread of the generator, in the time that counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    /// The part of the time in which it had work.
    pub(super) busy: f64,
    /// How long it was ready to run and no processor was free; `None` where the system does not tell.
    pub(super) waited: Option<Duration>,
    /// How often the system took the processor from it.
    pub(super) taken_off: u64,
}

/// Watches the calling thread.
pub(super) struct Watch {
    from: Instant,
    begin: Option<Figures>,
    spins: bool,
    /// For a thread that never sleeps: the time in which it found nothing to do.
    idle: Duration,
    turn: Option<Instant>,
    was_idle: bool,
}

#[derive(Clone, Copy)]
struct Figures {
    processor: Duration,
    waited: Option<Duration>,
    taken_off: u64,
}

impl Watch {
    /// Counts from `from` on.
    pub(super) fn new(from: Instant, spins: bool) -> Self {
        Watch { from, begin: None, spins, idle: Duration::ZERO, turn: None, was_idle: false }
    }

    /// A turn of the loop begins.
    pub(super) fn turn(&mut self, now: Instant) {
        if now < self.from {
            return;
        }
        if self.begin.is_none() {
            self.from = now;
            self.begin = Some(Figures::now());
        } else if self.was_idle
            && let Some(before) = self.turn
        {
            self.idle += now - before;
        }
        self.turn = Some(now);
    }

    /// The turn's poll is over.
    pub(super) fn polled(&mut self, found: bool) {
        self.was_idle = self.spins && !found;
    }

    pub(super) fn end(&self, now: Instant) -> Own {
        let Some(begin) = self.begin else { return Own::default() };
        let (end, all) = (Figures::now(), now - self.from);
        let worked = if self.spins {
            all.saturating_sub(self.idle)
        } else {
            end.processor.saturating_sub(begin.processor)
        };
        Own {
            busy: worked.as_secs_f64() / all.as_secs_f64().max(f64::EPSILON),
            waited: end.waited.zip(begin.waited).map(|(end, begin)| end.saturating_sub(begin)),
            taken_off: end.taken_off.saturating_sub(begin.taken_off),
        }
    }
}

impl Figures {
    fn now() -> Figures {
        let usage = getrusage(UsageWho::RUSAGE_THREAD);
        let taken_off =
            usage.map_or(0, |usage| u64::try_from(usage.involuntary_context_switches()).unwrap_or(0));
        // The second figure of a thread's schedstat, nanoseconds (Documentation/scheduler/sched-stats.rst).
        let path = format!("/proc/self/task/{}/schedstat", gettid().as_raw_nonzero());
        let waited = fs::read_to_string(path).ok();
        let waited = waited.and_then(|text| text.split_ascii_whitespace().nth(1)?.parse().ok());
        let processor = ThreadLoad::here().processor_time().unwrap_or_default();
        Figures { processor, waited: waited.map(Duration::from_nanos), taken_off }
    }
}

/// What another machine on the same hardware has taken of all processors' time, and all of that time; `None` where the system
/// does not tell.
pub(super) fn stolen() -> Option<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> =
        stat.lines().next()?.split_ascii_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal (proc_stat(5)); guests' time is in that of users.
    Some((*ticks.get(7)?, ticks.iter().take(8).sum()))
}
