//! What speaks against a run's own figures.

use super::run::Measured;
use super::words::time;

/// A sentence for each reason to doubt them.
pub(super) fn doubts(measured: &Measured) -> Vec<String> {
    let mut doubts = Vec::new();
    let own = &measured.own;
    let busiest = own.iter().map(|own| own.busy).fold(0.0, f64::max);
    if busiest > BUSY_MAX {
        let percent = (busiest * 100.0).round();
        doubts.push(format!(
            "the generator was busy for {percent} % of the time: it may be the limit, and not the server (more --threads, or --spin on a core of its own)"
        ));
    }
    let lag = &measured.total.lag;
    let (late, p99) = (lag.value_at_quantile(0.99), measured.total.latency.value_at_quantile(0.99));
    if !lag.is_empty() && late > LATE_NS.max(p99 / 20) {
        doubts.push(format!(
            "the generator was late: one request in a hundred was sent {} or more after it was due, though a connection was free",
            time(late)
        ));
    }
    let waited =
        own.iter().filter_map(|own| own.waited).map(|waited| waited.as_secs_f64()).fold(0.0, f64::max);
    if waited > measured.span.as_secs_f64() * WAITED_MAX {
        let taken_off: u64 = own.iter().map(|own| own.taken_off).sum();
        let waited = time((waited * 1e9) as u64);
        doubts.push(format!(
            "the generator waited {waited} for a processor, which others had ({taken_off} times it was taken off): give it one of its own (--cpus), and the server another"
        ));
    }
    if let Some(stolen) = measured.stolen.filter(|stolen| *stolen > STOLEN_MAX) {
        let percent = stolen * 100.0;
        doubts.push(format!(
            "another machine on this hardware took {percent:.1} % of the processors' time (steal)"
        ));
    }
    doubts
}

/// The part of its time that a thread may have work in, and the part of the run that it may wait for a processor.
const BUSY_MAX: f64 = 0.9;
const WAITED_MAX: f64 = 0.02;
const STOLEN_MAX: f64 = 0.01;
/// How late one request in a hundred may be sent: a sleep of the system is as precise.
const LATE_NS: u64 = 500_000;
