//! What a run adds up to: a slice for each second, and all of them together.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Why a request counts as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Refused,
    QueueFull,
    TimedOut,
    Reset,
    Short,
    Garbled,
    Status,
    Text,
    Unsent,
}

impl Kind {
    pub(super) const ALL: [Kind; 9] = [
        Kind::Refused,
        Kind::QueueFull,
        Kind::TimedOut,
        Kind::Reset,
        Kind::Short,
        Kind::Garbled,
        Kind::Status,
        Kind::Text,
        Kind::Unsent,
    ];

    /// Its name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Refused => "refused",
            Kind::QueueFull => "queue_full",
            Kind::TimedOut => "timed_out",
            Kind::Reset => "reset",
            Kind::Short => "short",
            Kind::Garbled => "garbled",
            Kind::Status => "wrong_status",
            Kind::Text => "wrong_text",
            Kind::Unsent => "unsent",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Refused => "connection refused",
            Kind::QueueFull => "listen queue full",
            Kind::TimedOut => "timed out",
            Kind::Reset => "connection reset",
            Kind::Short => "short reply",
            Kind::Garbled => "no valid reply",
            Kind::Status => "wrong status",
            Kind::Text => "without the expected text",
            Kind::Unsent => "due and never sent",
        })
    }
}

/// Failures of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    pub(super) count: u64,
    /// What was wrong with the first.
    pub(super) first: String,
}

/// What was counted in a stretch of time. Times are in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// Of each request that was answered well: from when it was due to the end of the reply.
    pub(super) latency: Histogram<u64>,
    /// The same from when it was sent; it differs at a constant rate alone.
    pub(super) service: Histogram<u64>,
    /// By how much a request was sent later than it could have been: the generator's own fault.
    pub(super) lag: Histogram<u64>,
    /// Those answered well before the run's time was over.
    pub(super) in_time: u64,
    /// Read from the server, bytes.
    pub(super) bytes: u64,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) failures: BTreeMap<Kind, Failures>,
    /// Connections that the server closed while they were idle, so that another was made.
    pub(super) reconnects: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Tally {
            latency: histogram(),
            service: histogram(),
            lag: histogram(),
            in_time: 0,
            bytes: 0,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            reconnects: 0,
        }
    }

    pub(super) fn fail(&mut self, kind: Kind, why: impl FnOnce() -> String) {
        let failures = self.failures.entry(kind).or_default();
        if failures.count == 0 {
            failures.first = why();
        }
        failures.count += 1;
    }

    /// Adds what was counted elsewhere.
    pub(super) fn add(&mut self, other: &Tally) {
        for (mine, theirs) in [
            (&mut self.latency, &other.latency),
            (&mut self.service, &other.service),
            (&mut self.lag, &other.lag),
        ] {
            mine.add(theirs).expect("they grow by themselves");
        }
        self.in_time += other.in_time;
        self.bytes += other.bytes;
        self.reconnects += other.reconnects;
        for (code, count) in &other.statuses {
            *self.statuses.entry(*code).or_default() += count;
        }
        for (kind, failures) in &other.failures {
            let mine = self.failures.entry(*kind).or_default();
            if mine.count == 0 {
                mine.first.clone_from(&failures.first);
            }
            mine.count += failures.count;
        }
    }

    /// Requests that were answered well.
    pub(super) fn answered(&self) -> u64 {
        self.latency.len()
    }

    /// All that failed.
    pub(super) fn failed(&self) -> u64 {
        self.failures.values().map(|failures| failures.count).sum()
    }
}

/// Counts a time. The histogram grows for one that is longer than all before.
pub(super) fn record(histogram: &mut Histogram<u64>, time: Duration) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    // There is none that a histogram which grows has no place for.
    let _ = histogram.record(nanoseconds);
}

/// Three digits of each time, and room as it is needed.
fn histogram() -> Histogram<u64> {
    let mut histogram =
        Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS).expect("the bounds are in order");
    histogram.auto(true);
    histogram
}

/// Times are told apart from so many nanoseconds on: no clock's reading takes less.
const LOWEST_NS: u64 = 32;
/// Grows when there is more.
const HIGHEST_NS: u64 = 100_000_000;
const DIGITS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_any_length_is_counted_as_it_is() {
        let mut one = Tally::new();
        for time in [Duration::from_micros(10), Duration::from_secs(3_600)] {
            record(&mut one.latency, time);
        }
        let mut all = Tally::new();
        all.add(&one);
        all.add(&one);
        assert_eq!(all.answered(), 4);
        for (quantile, want) in [(0.5, 10e3), (1.0, 3_600e9)] {
            let is = all.latency.value_at_quantile(quantile) as f64;
            assert!((is / want - 1.0).abs() < 0.004, "{is} is not {want}");
        }
    }
}
