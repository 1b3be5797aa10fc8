//! When a worker is replaced though nothing is wrong with it: after so many requests, so much time, so much memory.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::worker::Worker;
use crate::telemetry::scoreboard::Row;

/// The bounds of a worker's life. What is `None` is no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retirement {
    /// Requests, a count. gunicorn's max_requests, uWSGI's max-requests.
    pub requests_max: Option<u64>,
    /// Up to so many requests more, another number for each worker, so that they do not all retire at once.
    pub requests_jitter: u64,
    /// Time since it was started. uWSGI's max-worker-lifetime.
    pub lifetime_max: Option<Duration>,
    /// Resident memory, bytes. uWSGI's reload-on-rss.
    pub rss_bytes_max: Option<u64>,
    /// Virtual memory, bytes. uWSGI's reload-on-as.
    pub vsz_bytes_max: Option<u64>,
}

impl Retirement {
    /// Whether there is any bound.
    pub(super) fn is_any(&self) -> bool {
        let memory = self.rss_bytes_max.or(self.vsz_bytes_max);
        self.requests_max.or(memory).is_some() || self.lifetime_max.is_some()
    }

    /// Which bound a worker has reached, in words.
    pub(super) fn reason(&self, worker: &Worker, row: &Row, now: Instant) -> Option<String> {
        if row.is_late {
            return Some("a request whose time was over (--timeout)".to_owned());
        }
        if let Some(requests) = self.requests_max
            && row.totals.requests >= requests + self.jitter(worker)
        {
            return Some(format!("{} requests (--max-requests)", row.totals.requests));
        }
        if let Some(time) = self.lifetime_max
            && now.saturating_duration_since(worker.started) >= time
        {
            return Some(format!("{} s (--max-lifetime)", time.as_secs_f64()));
        }
        if self.vsz_bytes_max.is_some_and(|bytes| row.vsz_bytes >= bytes) {
            return Some(format!("{} MiB of address space (--max-address-space)", row.vsz_bytes >> 20));
        }
        let bytes = self.rss_bytes_max.filter(|bytes| row.rss_bytes >= *bytes);
        bytes.map(|_| format!("{} MiB of memory (--max-rss)", row.rss_bytes >> 20))
    }

    /// A number below the jitter that is the worker's own.
    fn jitter(&self, worker: &Worker) -> u64 {
        if self.requests_jitter == 0 {
            return 0;
        }
        SEED.with(|seed| seed.hash_one(worker.pid)) % (self.requests_jitter + 1)
    }
}

thread_local! {
    static SEED: RandomState = RandomState::new();
}
