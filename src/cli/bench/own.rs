//! What the generator itself has cost, and what the machine has done to it.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use rustix::thread::gettid;

use crate::process::load::ThreadLoad;

/// A thread of the generator, in the time that counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    /// The part of the time in which it had work.
    pub(super) busy: f64,
    /// How long it was ready to run and no processor was free, beyond what it takes to be woken; `None` where the system does not
    /// tell.
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
    /// How often it gave the processor up by itself.
    slept: u64,
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
            waited: end.waited.zip(begin.waited).map(|(after, before)| {
                beyond_waking(after.saturating_sub(before), end.slept.saturating_sub(begin.slept))
            }),
            taken_off: end.taken_off.saturating_sub(begin.taken_off),
        }
    }
}

impl Figures {
    fn now() -> Figures {
        let usage = getrusage(UsageWho::RUSAGE_THREAD);
        let count =
            |of: fn(&Usage) -> i64| usage.as_ref().map_or(0, |usage| u64::try_from(of(usage)).unwrap_or(0));
        let slept = count(Usage::voluntary_context_switches);
        let taken_off = count(Usage::involuntary_context_switches);
        // The second figure of a thread's schedstat, nanoseconds (Documentation/scheduler/sched-stats.rst).
        let path = format!("/proc/self/task/{}/schedstat", gettid().as_raw_nonzero());
        let waited = fs::read_to_string(path).ok();
        let waited = waited.and_then(|text| text.split_ascii_whitespace().nth(1)?.parse().ok());
        let processor = ThreadLoad::here().processor_time().unwrap_or_default();
        Figures { processor, waited: waited.map(Duration::from_nanos), slept, taken_off }
    }
}

/// What of a thread's waiting others have caused: each of its sleeps ends with a little of it, though the processor is free.
fn beyond_waking(waited: Duration, sleeps: u64) -> Duration {
    waited.saturating_sub(WAKING_TIME.saturating_mul(u32::try_from(sleeps).unwrap_or(u32::MAX)))
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

/// What it takes to be woken on a processor that is free: mostly less than a microsecond, and more where that has slept too. Who
/// waits for another program waits for longer.
const WAKING_TIME: Duration = Duration::from_micros(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_be_woken_often_is_not_to_wait_for_others() {
        let (us, ms) = (Duration::from_micros, Duration::from_millis);
        // An upload of 10 MiB has some fifty sleeps, each of which ended a microsecond late.
        assert_eq!(beyond_waking(ms(20), 20_000), Duration::ZERO);
        // The server has the same processor, for 15 us at a time.
        assert_eq!(beyond_waking(us(15) * 30_000, 30_000), ms(300));
        assert_eq!(beyond_waking(ms(318), 40), us(317_800));
    }
}
