//! The time between a SIGTERM and the stop (`--drain`), in which all is served as before: a load balancer that asks every few
//! seconds, and an orchestrator that removes an endpoint while it sends the signal, still send requests here.

use std::time::{Duration, Instant};

use log::info;

/// How long it is, and when it is over.
pub(super) struct Drain {
    time: Option<Duration>,
    until: Option<Instant>,
}

impl Drain {
    /// So long; `None` is not at all.
    pub(super) fn new(time: Option<Duration>) -> Self {
        Drain { time, until: None }
    }

    /// Begins, if there is to be such a time. Returns whether there is.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        let Some(time) = self.time else { return false };
        info!(
            "draining: /ready says 503, and requests are taken for {} s more; a second SIGTERM skips that",
            time.as_secs_f64()
        );
        self.until = Some(now + time);
        true
    }

    /// When it is over, if it has begun.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}
