//! What a worker counts. Only one process at a time writes a set of these.

use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The upper bounds of the latency histogram's buckets, microseconds; one more bucket has all that took longer.
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
const BUCKETS: usize = LATENCY_BOUNDS_MICROS.len() + 1;

/// The counters, shared.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) exceptions: AtomicU64,
    pub(super) broken_off: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) busy_micros: AtomicU64,
    pub(super) latency_micros: AtomicU64,
    pub(super) latency: [AtomicU64; BUCKETS],
}

/// The counters' values. All of them only ever grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Requests that were answered, well or not.
    pub requests: u64,
    /// Of these, those answered with a status of 500 or more, or broken off.
    pub errors: u64,
    /// Failures of the application: exceptions that it let out, bodies and heads that could not be sent.
    pub exceptions: u64,
    /// Responses that were not sent to their end, whoever's doing that was.
    pub broken_off: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Time not spent waiting, microseconds.
    pub busy_micros: u64,
    /// The latencies of all requests together, microseconds.
    pub latency_micros: u64,
    /// How many requests took how long, from the complete request to the response's last byte: a count for each
    /// of [`LATENCY_BOUNDS_MICROS`], and one for what took longer. Not cumulative.
    pub latency: [u64; BUCKETS],
}

impl Counters {
    pub(super) fn took(&self, micros: u64) {
        add(&self.latency_micros, micros);
        add(&self.latency[bucket(micros)], 1);
    }

    /// The values now.
    pub(crate) fn read(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Totals {
            accepted: read(&self.accepted),
            requests: read(&self.requests),
            errors: read(&self.errors),
            exceptions: read(&self.exceptions),
            broken_off: read(&self.broken_off),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            busy_micros: read(&self.busy_micros),
            latency_micros: read(&self.latency_micros),
            latency: std::array::from_fn(|at| read(&self.latency[at])),
        }
    }

    /// Adds what another set has counted.
    pub(super) fn absorb(&self, other: &Counters) {
        self.all().zip(other.all()).for_each(|(sum, part)| add(sum, part.load(Relaxed)));
    }

    pub(super) fn clear(&self) {
        self.all().for_each(|counter| counter.store(0, Relaxed));
    }

    fn all(&self) -> impl Iterator<Item = &AtomicU64> {
        let single = [
            &self.accepted,
            &self.requests,
            &self.errors,
            &self.exceptions,
            &self.broken_off,
            &self.bytes_in,
            &self.bytes_out,
            &self.busy_micros,
            &self.latency_micros,
        ];
        single.into_iter().chain(&self.latency)
    }
}

impl Add for Totals {
    type Output = Totals;

    fn add(mut self, other: Totals) -> Totals {
        self.accepted += other.accepted;
        self.requests += other.requests;
        self.errors += other.errors;
        self.exceptions += other.exceptions;
        self.broken_off += other.broken_off;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.busy_micros += other.busy_micros;
        self.latency_micros += other.latency_micros;
        for (sum, part) in self.latency.iter_mut().zip(other.latency) {
            *sum += part;
        }
        self
    }
}

/// Adds to a counter that nobody else writes: no locked instruction is needed.
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
