//! What a worker counts. Only one process at a time writes a set of these.
//!
//! To count something else: a row in the table, and the line that counts it.

use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The upper bounds of a histogram's buckets, microseconds; one more bucket has all that took longer.
///
/// Powers of two, so that a bucket is found without a search: from 64 µs, what a small request takes through a
/// queue, to 17 s, where front ends give up soon.
pub(crate) const LATENCY_BOUNDS_MICROS: [u64; 19] = {
    let mut bounds = [0; 19];
    let mut at = 0;
    while at < bounds.len() {
        bounds[at] = FIRST_BOUND_MICROS << at;
        at += 1;
    }
    bounds
};

const FIRST_BOUND_MICROS: u64 = 64;
const CLASSES: usize = 5;
const BUCKETS: usize = LATENCY_BOUNDS_MICROS.len() + 1;

/// Makes the table, and a field for each of its rows.
macro_rules! counters {
    ($($field:ident, $unit:ident, $key:literal, $metric:literal, $help:literal;)*) => {
        /// A set of counters. All of them only ever grow.
        #[repr(C)]
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub(crate) struct CounterSet<T> {
            $(#[doc = $help] pub $field: T,)*
            /// Responses by the class of their status: 1xx to 5xx.
            pub classes: [T; CLASSES],
            /// How long requests took, from the complete request to the response's last byte.
            pub latency: Histogram<T>,
            /// How long those requests waited for a thread of the application that did not find one idle.
            pub waiting: Histogram<T>,
        }

        /// What is told of each counter but the histograms.
        pub(crate) const COUNTERS: &[Counter] = &[$(Counter {
            key: $key,
            metric: $metric,
            help: $help,
            unit: Unit::$unit,
            of: |totals| totals.$field,
        }),*];

        impl<T> CounterSet<T> {
            fn all(&self) -> impl Iterator<Item = &T> {
                let histograms = self.latency.all().chain(self.waiting.all());
                [$(&self.$field,)*].into_iter().chain(&self.classes).chain(histograms)
            }

            fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
                let histograms = self.latency.all_mut().chain(self.waiting.all_mut());
                [$(&mut self.$field,)*].into_iter().chain(&mut self.classes).chain(histograms)
            }
        }
    };
}

// Field, unit, JSON's key, Prometheus's name, and a sentence that says what it is.
counters! {
    requests, Count, "requests", "requests_total", "Requests answered, well or not.";
    errors, Count, "errors", "request_errors_total",
        "Requests answered with a status of 500 or more, or broken off.";
    files, Count, "static_requests", "static_requests_total", "Requests answered by a file, without the application.";
    exceptions, Count, "exceptions", "application_exceptions_total", "Failures of the application.";
    broken_off, Count, "broken_off", "responses_broken_off_total", "Responses not sent to their end.";
    bytes_in, Count, "received_bytes", "received_bytes_total", "Bytes received.";
    bytes_out, Count, "sent_bytes", "sent_bytes_total", "Bytes sent.";
    body_files, Count, "body_files", "request_body_files_total",
        "Bodies of requests that went to a temporary file.";
    accepted, Count, "accepted", "connections_accepted_total", "Connections accepted.";
    passed_on, Count, "passed_on", "requests_passed_on_total",
        "Requests passed on to another worker, as no thread was idle.";
    taken_over, Count, "taken_over", "requests_taken_over_total", "Requests taken over from another worker.";
    dropped, Count, "dropped", "requests_dropped_total",
        "Requests whose clients had gone before a thread of the application was free.";
    shed, Count, "shed", "requests_shed_total",
        "Requests answered with 503, as no thread of the application came free in time.";
    busy_micros, Micros, "busy_seconds", "worker_busy_seconds_total",
        "Time not spent waiting for something to do.";
    cpu_micros, Micros, "cpu_seconds", "worker_cpu_seconds_total",
        "The processor's time that the worker has used, in it and for it in the system.";
}

/// How many took how long.
#[repr(C)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Histogram<T> {
    /// The times of all together, microseconds.
    pub micros: T,
    /// A count for each of [`LATENCY_BOUNDS_MICROS`], and one for what took longer. Not cumulative.
    pub counts: [T; BUCKETS],
}

impl<T> Histogram<T> {
    fn all(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.micros).chain(&self.counts)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        std::iter::once(&mut self.micros).chain(&mut self.counts)
    }
}

impl Histogram<AtomicU64> {
    pub(super) fn took(&self, micros: u64) {
        add(&self.micros, micros);
        add(&self.counts[bucket(micros)], 1);
    }
}

/// The counters, shared.
pub(crate) type Counters = CounterSet<AtomicU64>;

/// The counters' values.
pub(crate) type Totals = CounterSet<u64>;

/// How a counter is told.
pub(crate) struct Counter {
    /// Its key in JSON.
    pub key: &'static str,
    /// Its name for Prometheus.
    pub metric: &'static str,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// What its values are in.
    pub unit: Unit,
    /// Its value.
    pub of: fn(&Totals) -> u64,
}

/// What a counter's values are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// They are numbers of something.
    Count,
    /// Microseconds; they are told in seconds.
    Micros,
}

impl Counters {
    /// The values now.
    pub(crate) fn read(&self) -> Totals {
        let mut totals = Totals::default();
        totals.all_mut().zip(self.all()).for_each(|(value, counter)| *value = counter.load(Relaxed));
        totals
    }

    /// Adds what another set has counted.
    pub(super) fn absorb(&self, other: &Counters) {
        self.all().zip(other.all()).for_each(|(sum, part)| add(sum, part.load(Relaxed)));
    }

    pub(super) fn clear(&self) {
        self.all().for_each(|counter| counter.store(0, Relaxed));
    }
}

impl Add for Totals {
    type Output = Totals;

    fn add(mut self, other: Totals) -> Totals {
        self.all_mut().zip(other.all()).for_each(|(sum, part)| *sum += part);
        self
    }
}

impl Counters {
    /// A response of this status has ended.
    pub(super) fn answered(&self, code: u16) {
        if let Some(class) = usize::from(code / 100).checked_sub(1).and_then(|class| self.classes.get(class))
        {
            add(class, 1);
        }
    }
}

/// Adds to a counter. One thread writes it, so no locked instruction is needed.
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

/// The bucket of a latency: the first whose bound is not below it.
fn bucket(micros: u64) -> usize {
    let steps = (micros.saturating_sub(1) / FIRST_BOUND_MICROS).checked_ilog2();
    steps.map_or(0, |steps| steps as usize + 1).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_in_the_first_bucket_that_holds_it() {
        for micros in [0, 1, 63, 64, 65, 127, 128, 129, 1_000, 16_777_216, 16_777_217, u64::MAX] {
            let bounds = LATENCY_BOUNDS_MICROS.iter();
            let want = bounds.clone().position(|bound| micros <= *bound).unwrap_or(BUCKETS - 1);
            assert_eq!(bucket(micros), want, "{micros}");
        }
    }

    #[test]
    fn sums_are_of_all_counters() {
        let (one, sum) = (Counters::default(), Counters::default());
        one.all().enumerate().for_each(|(at, counter)| counter.store(at as u64 + 1, Relaxed));
        sum.absorb(&one);
        assert_eq!(sum.read(), one.read());
        sum.absorb(&one);
        assert_eq!(sum.read(), one.read() + one.read());
        sum.clear();
        assert_eq!(sum.read(), Totals::default());
    }
}
