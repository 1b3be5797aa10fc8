//! `--min-workers`: how many workers the requests need, from what a look at them finds.
//!
//! More are started when requests wait, or when most threads are busy; those that idle for long are let go. Between the two
//! bounds lies a wide band in which nothing happens, so that no worker is started only to be ended again.

use std::time::{Duration, Instant};

/// Between which numbers of workers, and how fast. Counts, from 1 on.
#[derive(Clone, Debug)]
pub(crate) struct ByNeed {
    /// So many serve in any case.
    pub min: u32,
    /// So many are started at first.
    pub initial: u32,
    /// So many are started at once.
    pub step: u32,
    /// Those that were not needed for so long are ended.
    pub idle_time: Duration,
}

/// What a look at the workers that serve has found. Counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub workers: u32,
    /// The application's threads in all of them; one each where it runs on the loop's.
    pub threads: usize,
    pub busy: usize,
    /// A request waits for a thread, or to be accepted.
    pub waits: bool,
}

/// What has been found so far.
#[derive(Debug)]
pub(super) struct Need {
    pub(super) plan: ByNeed,
    /// How busy they were lately, and since any were last started or ended.
    lately: Span,
    since: Span,
    /// Looks in a row in which requests waited.
    waited: u32,
}

/// The looks since a moment.
#[derive(Debug)]
struct Span {
    began: Instant,
    looks: usize,
    threads: usize,
    busy: usize,
}

impl Need {
    pub(super) fn new(plan: ByNeed, now: Instant) -> Self {
        Need { plan, lately: Span::new(now), since: Span::new(now), waited: 0 }
    }

    /// Begins anew: the number of workers has changed, or there was no looking.
    pub(super) fn forget(&mut self, now: Instant) {
        (self.lately, self.since, self.waited) = (Span::new(now), Span::new(now), 0);
    }

    /// How many workers are needed now, at most `max`.
    pub(super) fn look(&mut self, found: Found, max: u32, now: Instant) -> u32 {
        self.lately.add(found);
        self.since.add(found);
        self.waited = if found.waits { self.waited + 1 } else { 0 };
        let is_busy = self.lately.looks == BUSY_LOOKS && {
            let lately = std::mem::replace(&mut self.lately, Span::new(now));
            lately.busy * 100 >= lately.threads * BUSY_PERCENT
        };
        if is_busy || self.waited >= WAITING_LOOKS {
            self.forget(now);
            return found.workers.saturating_add(self.plan.step).min(max);
        }
        if now.saturating_duration_since(self.since.began) < self.plan.idle_time {
            return found.workers;
        }
        let needed = self.since.needed(found.workers).max(self.plan.min);
        self.since = Span::new(now);
        needed.min(found.workers)
    }
}

impl Span {
    fn new(began: Instant) -> Self {
        Span { began, looks: 0, threads: 0, busy: 0 }
    }

    fn add(&mut self, found: Found) {
        self.looks += 1;
        self.threads += found.threads;
        self.busy += found.busy;
    }

    /// How many of these workers would have been busy for half of the time at the most.
    fn needed(&self, workers: u32) -> u32 {
        let needed = (2 * self.busy * workers as usize).div_ceil(self.threads.max(1));
        u32::try_from(needed).unwrap_or(u32::MAX)
    }
}

/// Looks over which it is found how busy they are, a count: a second's. uWSGI's cheaper-overload is 3 s.
const BUSY_LOOKS: usize = 10;
/// So busy are they too few.
const BUSY_PERCENT: usize = 80;
/// Looks in a row, a count: half a second's. Requests that come at once wait for less.
const WAITING_LOOKS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(100);

    fn need() -> (Need, Instant) {
        let plan = ByNeed { min: 2, initial: 2, step: 3, idle_time: Duration::from_secs(30) };
        let now = Instant::now();
        (Need::new(plan, now), now)
    }

    /// The first look after which another number is needed, and that number.
    fn changes(looks: std::ops::Range<u32>, found: impl Fn(u32) -> (u32, usize, bool)) -> Option<(u32, u32)> {
        let (mut need, began) = need();
        looks.into_iter().find_map(|look| {
            let (workers, busy, waits) = found(look);
            let found = Found { workers, threads: 4 * workers as usize, busy, waits };
            let needed = need.look(found, 8, began + LOOK * look);
            (needed != workers).then_some((look, needed))
        })
    }

    #[test]
    fn more_are_started_where_requests_wait_or_most_threads_are_busy() {
        assert_eq!(changes(1..1000, |_| (2, 8, true)), Some((5, 5)));
        assert_eq!(changes(1..1000, |look| (2, 8, look % 5 > 0)), Some((10, 5)));
        assert_eq!(changes(1..1000, |_| (2, 7, false)), Some((10, 5)));
        assert_eq!(changes(1..1000, |_| (7, 28, true)), Some((5, 8)), "a step may be smaller");
        assert_eq!(changes(1..1000, |_| (8, 32, true)), None);
    }

    #[test]
    fn those_that_were_not_needed_for_long_are_ended() {
        assert_eq!(changes(1..1000, |_| (8, 0, false)), Some((300, 2)), "never below the minimum");
        assert_eq!(changes(1..1000, |_| (8, 8, false)), Some((300, 4)));
        assert_eq!(changes(1..1000, |_| (8, 16, false)), None);
        assert_eq!(changes(1..1000, |_| (2, 0, false)), None);
        // Between the bounds nothing changes, nor for a request that waits now and then.
        assert_eq!(changes(1..1000, |look| (2, 5, look % 4 > 0)), None);
    }

    #[test]
    fn what_is_left_is_not_at_once_too_little() {
        for workers in 3..=8 {
            for busy in 0..=4 * workers as usize {
                if let Some((_, fewer)) = changes(1..400, |_| (workers, busy, false))
                    && fewer < workers
                {
                    assert_eq!(changes(1..400, |_| (fewer, busy, false)), None, "{busy} busy of {workers}");
                }
            }
        }
    }
}
