//! A run's figures as JSON: docs/bench.schema.json says what each is.

use std::time::{SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::plan::{Bound, Pace, Plan};
use super::run::Measured;
use super::table::quantiles;
use super::tally::{Kind, Tally};

/// The whole of a run.
pub(super) fn run(plan: &Plan, measured: &Measured, doubts: &[String]) -> Value {
    let Measured { total, series: _, span, own, stolen, server, cut } = measured;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    json!({
        "format": FORMAT,
        "version": env!("CARGO_PKG_VERSION"),
        "time": now,
        "target": plan.target.to_string(),
        "asked": plan.requests.iter().take(ASKED_MAX).map(|request| request.name.as_str()).collect::<Vec<_>>(),
        "load": load(plan),
        "requests": total.answered(),
        "seconds": span.as_secs_f64(),
        "rate": measured.rate(),
        "bytes": total.bytes,
        "statuses": total.statuses.iter().map(|(code, count)| (code.to_string(), json!(count))).collect::<Map<_, _>>(),
        "failed": failed(total),
        "reconnects": total.reconnects,
        "latency": times(&total.latency),
        "service": (!total.service.is_empty()).then(|| times(&total.service)),
        "generator": {
            "busy": own.iter().map(|own| own.busy).collect::<Vec<_>>(),
            "waited_seconds": own.iter().map(|own| own.waited.map(|time| time.as_secs_f64())).collect::<Vec<_>>(),
            "taken_off": own.iter().map(|own| own.taken_off).collect::<Vec<_>>(),
            "late_p99": (!total.lag.is_empty()).then(|| seconds(total.lag.value_at_quantile(0.99))),
            "stolen": stolen,
        },
        "server": server.as_ref().map(|server| json!({
            "pid": server.pid,
            "processes": server.processes,
            "cpu_seconds": server.processor.as_secs_f64(),
            "cpu_per_request": server.processor.as_secs_f64() / total.answered().max(1) as f64,
            "resident_bytes": server.resident,
            "peak_bytes": server.peak,
            "voluntary_switches": server.voluntary,
            "involuntary_switches": server.involuntary,
            "syscalls": server.syscalls,
        })),
        "series": measured.stretches().map(|(from, length, tally)| stretch(from, length, tally)).collect::<Vec<_>>(),
        "doubts": doubts,
        "cut": cut,
    })
}

fn load(plan: &Plan) -> Value {
    let (duration, number) = match plan.bound {
        Bound::Time(time) => (Some(time.as_secs_f64()), None),
        Bound::Requests(requests) => (None, Some(requests)),
    };
    let rate = match plan.pace {
        Pace::Closed => None,
        Pace::Rate(rate) => Some(rate),
    };
    json!({
        "connections": plan.connections,
        "kept_alive": plan.stays,
        "threads": plan.threads,
        "spin": plan.spins,
        "rate": rate,
        "duration_seconds": duration,
        "requests": number,
        "warm_up_seconds": plan.warm_up.as_secs_f64(),
        "timeout_seconds": plan.timeout.as_secs_f64(),
    })
}

fn failed(tally: &Tally) -> Value {
    let count = |kind: Kind| tally.failures.get(&kind).map_or(0, |failures| failures.count);
    let mut failed: Map<_, _> =
        Kind::ALL.into_iter().map(|kind| (kind.name().to_owned(), json!(count(kind)))).collect();
    failed.insert("all".to_owned(), json!(tally.failed()));
    Value::Object(failed)
}

fn times(histogram: &Histogram<u64>) -> Value {
    let mut times: Map<_, _> =
        quantiles(histogram).map(|(name, value)| (name.to_owned(), json!(seconds(value)))).collect();
    times.insert("mean".to_owned(), json!(histogram.mean() / 1e9));
    times.insert("longest".to_owned(), json!(seconds(histogram.max())));
    Value::Object(times)
}

fn stretch(from: u64, length: f64, tally: &Tally) -> Value {
    let at = |quantile| seconds(tally.latency.value_at_quantile(quantile));
    json!({
        "from": from,
        "seconds": length,
        "requests": tally.answered(),
        "failed": tally.failed(),
        "p50": at(0.5),
        "p99": at(0.99),
        "longest": seconds(tally.latency.max()),
    })
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// Rises when a figure changes its meaning or goes away.
pub(super) const FORMAT: u32 = 1;
/// So many requests are named.
const ASKED_MAX: usize = 100;
