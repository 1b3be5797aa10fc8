//! When each request of a thread is due, and what remains to be made.

use std::time::{Duration, Instant};

use super::plan::{Bound, Pace, Plan};

/// The moments of a run, the same for all threads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub(super) start: Instant,
    /// What is due from here on counts.
    pub(super) counted_from: Instant,
    /// Nothing is due from here on.
    pub(super) end: Option<Instant>,
    /// What comes after the end is counted with the second before it.
    pub(super) last_second: u64,
}

impl Moments {
    pub(super) fn of(plan: &Plan, start: Instant) -> Self {
        let counted_from = start + plan.warm_up;
        let (end, last_second) = match plan.bound {
            Bound::Time(time) => {
                (Some(counted_from + time), time.saturating_sub(Duration::from_nanos(1)).as_secs())
            }
            Bound::Requests(_) => (None, u64::MAX),
        };
        Moments { start, counted_from, end, last_second }
    }
}

/// A thread's part of the run's requests.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    moments: Moments,
    /// Seconds between two of this thread's; `None` for a closed loop.
    gap: Option<f64>,
    /// How many were taken, and where the first stands between those of the other threads, in gaps.
    taken: u64,
    offset: f64,
    /// How many that count are left.
    left: u64,
}

impl Schedule {
    /// That of thread `thread`, of those of `plan`.
    pub(super) fn new(plan: &Plan, moments: Moments, thread: usize) -> Self {
        let threads = plan.threads as f64;
        let gap = match plan.pace {
            Pace::Closed => None,
            Pace::Rate(rate) => Some(threads / rate),
        };
        let left = match plan.bound {
            Bound::Time(_) => u64::MAX,
            Bound::Requests(count) => share(count, plan.threads, thread),
        };
        Schedule { moments, gap, taken: 0, offset: thread as f64 / threads, left }
    }

    /// Whether requests are due at moments of their own.
    pub(super) fn is_open(&self) -> bool {
        self.gap.is_some()
    }

    /// When the next request is due; `None` if there is no further.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let due = match self.gap {
            None => now,
            // From the start each time: small errors do not add up.
            Some(gap) => {
                self.moments.start + Duration::from_secs_f64((self.taken as f64 + self.offset) * gap)
            }
        };
        let is_over = self.left == 0 || self.moments.end.is_some_and(|end| due >= end);
        (!is_over).then_some(due)
    }

    /// Takes the request that is due. Returns whether it counts.
    pub(super) fn take(&mut self, due: Instant) -> bool {
        self.taken += 1;
        let counts = due >= self.moments.counted_from;
        self.left -= u64::from(counts);
        counts
    }

    /// How many were due before `now` and are still to be taken.
    pub(super) fn behind(&self, now: Instant) -> u64 {
        let mut rest = self.clone();
        let mut behind = 0;
        while let Some(due) = rest.next(now).filter(|due| *due < now) {
            behind += u64::from(rest.take(due));
        }
        behind
    }
}

/// What thread `at` has of `all`.
pub(super) fn share(all: u64, threads: usize, at: usize) -> u64 {
    let (threads, at) = (threads as u64, at as u64);
    all / threads + u64::from(at < all % threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(gap: Option<f64>, offset: f64, left: u64, seconds: u64) -> Schedule {
        let start = Instant::now();
        let end = Some(start + Duration::from_secs(seconds));
        Schedule {
            moments: Moments {
                start,
                counted_from: start + Duration::from_secs(1),
                end,
                last_second: u64::MAX,
            },
            gap,
            taken: 0,
            offset,
            left,
        }
    }

    #[test]
    fn each_is_due_at_its_moment_and_counts_after_the_warm_up() {
        let mut schedule = schedule(Some(0.25), 0.5, u64::MAX, 2);
        let mut seen = Vec::new();
        while let Some(due) = schedule.next(Instant::now()) {
            let counts = schedule.take(due);
            seen.push(((due - schedule.moments.start).as_millis(), counts));
        }
        assert_eq!(
            seen,
            [
                (125, false),
                (375, false),
                (625, false),
                (875, false),
                (1125, true),
                (1375, true),
                (1625, true),
                (1875, true)
            ]
        );
    }

    #[test]
    fn what_was_due_and_not_made_is_known() {
        let schedule = schedule(Some(0.25), 0.0, u64::MAX, 2);
        let start = schedule.moments.start;
        assert_eq!(schedule.behind(start), 0);
        assert_eq!(schedule.behind(start + Duration::from_millis(1_400)), 2);
        assert_eq!(schedule.behind(start + Duration::from_secs(60)), 4);
    }

    #[test]
    fn a_number_of_requests_is_shared_and_ends() {
        assert_eq!([0, 1, 2].map(|at| share(11, 3, at)), [4, 4, 3]);
        let mut schedule = schedule(None, 0.0, 2, 60);
        let now = schedule.moments.counted_from;
        assert!(!schedule.take(schedule.moments.start));
        assert!(schedule.take(now) && schedule.take(now));
        assert_eq!(schedule.next(now), None);
    }
}
