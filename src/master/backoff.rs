//! The pause before a process is started again that died at its start: none at first, and then longer and longer.

use std::time::{Duration, Instant};

/// How often in a row processes have died at their start.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    last: Option<Instant>,
    until: Option<Instant>,
}

impl Backoff {
    /// A process has died at its start. Returns the pause before the next is started.
    pub(super) fn failed(&mut self, now: Instant) -> Duration {
        let pause = match self.failures {
            0 => Duration::ZERO,
            failures => FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(DOUBLINGS_MAX)).min(PAUSE_MAX),
        };
        self.failures += 1;
        self.last = Some(now);
        self.until = Some(now + pause);
        pause
    }

    /// One that was started then has come beyond its start. Older ones tell nothing of what starts now.
    pub(super) fn survived(&mut self, started: Instant) {
        if self.last.is_some_and(|last| started >= last) {
            self.reset();
        }
    }

    /// There is reason to believe that the next start is another matter.
    pub(super) fn reset(&mut self) {
        *self = Backoff::default();
    }

    /// Until when none is to be started, if that is later than `now`.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }
}

/// systemd's RestartSec is 100 ms.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// So that a server whose disk or database comes back serves again without an operator; Kubernetes waits up to 5 min.
const PAUSE_MAX: Duration = Duration::from_secs(30);
const DOUBLINGS_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_is_over_with_a_success() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let pauses: Vec<u128> = (0..12).map(|_| backoff.failed(now).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
        assert_eq!(backoff.until(now), Some(now + PAUSE_MAX));
        assert_eq!(backoff.until(now + PAUSE_MAX), None);
        backoff.survived(now - PAUSE_MAX);
        assert!(backoff.until(now).is_some(), "it was there before the failures");
        backoff.survived(now);
        assert_eq!((backoff.until(now), backoff.failed(now)), (None, Duration::ZERO));
    }
}
