//! A run's figures as a table.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::plan::{Bound, Pace, Plan};
use super::run::Measured;
use super::words::{count, digits, size, time};

/// Quantiles that are told, with their names. One that not a single request lies beyond is none.
pub(super) const QUANTILES: [(&str, f64); 7] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// Those of [`QUANTILES`] that a histogram has enough for.
pub(super) fn quantiles(histogram: &Histogram<u64>) -> impl Iterator<Item = (&'static str, u64)> + '_ {
    let told = QUANTILES.into_iter().filter(|(_, at)| histogram.len() as f64 * (1.0 - at) >= 0.999);
    told.map(|(name, at)| (name, histogram.value_at_quantile(at)))
}

/// What is asked, and how: the first lines of a table.
pub(super) fn heading(plan: &Plan) -> String {
    format!("{}{}\n", asked(plan), load(plan))
}

/// The same of a search, each step of which is a run.
pub(super) fn heading_of_search(plan: &Plan) -> String {
    let pace = "each asks again at once in the first step, at a rate in the others";
    format!("{}{} a step\n", asked(plan), load_at(pace, plan))
}

/// What is asked: a line.
fn asked(plan: &Plan) -> String {
    let requests = match plan.requests.as_slice() {
        [one] => one.name.clone(),
        several => format!("{} requests", count(several.len() as u64)),
    };
    format!("{}  {requests}\n", plan.target)
}

/// How it is asked.
pub(super) fn load(plan: &Plan) -> String {
    let pace = match plan.pace {
        Pace::Closed => "each asks again at once".to_owned(),
        Pace::Rate(rate) => format!("{} requests a second", digits(rate)),
    };
    load_at(&pace, plan)
}

fn load_at(pace: &str, plan: &Plan) -> String {
    let bound = match plan.bound {
        Bound::Time(time) => format!("{} s", time.as_secs_f64()),
        Bound::Requests(requests) => format!("{} requests", count(requests)),
    };
    let connections = match plan.connections {
        1 => "1 connection".to_owned(),
        many => format!("{} connections", count(many as u64)),
    };
    let kept = if plan.stays { "kept alive" } else { "new for each request" };
    let threads = if plan.threads > 1 { format!(", {} threads", plan.threads) } else { String::new() };
    let warm_up = if plan.warm_up.is_zero() {
        String::new()
    } else {
        format!(" after {} s of warm-up", plan.warm_up.as_secs_f64())
    };
    format!("{connections}, {kept}, {pace}{threads}; {bound}{warm_up}")
}

/// All figures.
pub(super) fn figures(measured: &Measured, doubts: &[String]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<12}{value}");
    };
    let total = &measured.total;
    let rate = digits(measured.rate());
    line(
        "requests",
        format!("{} in {:.2} s, {rate} a second", count(total.answered()), measured.span.as_secs_f64()),
    );
    line("read", format!("{}{}", size(total.bytes), each(total.bytes, total.answered())));
    line("failed", count(total.failed()));
    for (kind, failures) in &total.failures {
        line("", format!("{} {kind}; the first: {}", count(failures.count), failures.first));
    }
    if total.reconnects > 0 {
        line(
            "",
            format!("{} idle connections were closed by the server, and made anew", count(total.reconnects)),
        );
    }
    times(&mut text, measured);
    costs(&mut text, measured);
    for doubt in doubts {
        let _ = writeln!(text, "  doubt: {doubt}");
    }
    if let Some(cut) = &measured.cut {
        let _ = writeln!(text, "  ended early: {cut}");
    }
    text
}

fn each(bytes: u64, requests: u64) -> String {
    bytes.checked_div(requests).map(|bytes| format!(", {} bytes a reply", count(bytes))).unwrap_or_default()
}

/// Latency, and beside it the service time where the two differ.
fn times(text: &mut String, measured: &Measured) {
    let (latency, service) = (&measured.total.latency, &measured.total.service);
    if latency.is_empty() {
        return;
    }
    let has_service = !service.is_empty();
    let heading = if has_service { "from when due   from when sent" } else { "latency" };
    let _ = writeln!(text, "\n  {:<12}{heading}", "");
    let mean = |histogram: &Histogram<u64>| histogram.mean() as u64;
    let mut rows = vec![("mean", mean(latency), mean(service))];
    rows.extend(
        quantiles(latency)
            .zip(quantiles(service).map(|row| row.1).chain(std::iter::repeat(0)))
            .map(|((name, latency), service)| (name, latency, service)),
    );
    rows.push(("longest", latency.max(), service.max()));
    for (name, latency, service) in rows {
        let service = if has_service { format!("   {:>14}", time(service)) } else { String::new() };
        let _ = writeln!(
            text,
            "  {name:<12}{:>width$}{service}",
            time(latency),
            width = if has_service { 13 } else { 7 }
        );
    }
}

/// What it took of the machine.
fn costs(text: &mut String, measured: &Measured) {
    text.push('\n');
    if let Some(server) = &measured.server {
        let requests = measured.total.answered().max(1);
        let processor = server.processor.as_secs_f64();
        let busy = processor / measured.span.as_secs_f64().max(f64::EPSILON);
        let (processes, peak) = match server.processes {
            1 => (String::new(), "peak"),
            // Peaks of several at different times have no sum.
            many => (format!(" and {} more", many - 1), "the largest at most"),
        };
        let _ = writeln!(
            text,
            "  {:<12}pid {}{processes}: {} of CPU a request ({:.0} % of a core), {} resident ({peak} {})",
            "server",
            server.pid,
            time((processor * 1e9 / requests as f64) as u64),
            busy * 100.0,
            size(server.resident),
            size(server.peak),
        );
        let per = |switches: u64| digits(switches as f64 / requests as f64);
        let _ = writeln!(
            text,
            "  {:<12}{} context switches a request, {} of them by the system",
            "",
            per(server.voluntary + server.involuntary),
            per(server.involuntary)
        );
        if let Some(syscalls) = server.syscalls {
            let _ = writeln!(text, "  {:<12}{} system calls a request", "", per(syscalls));
        }
    }
    let busy: Vec<String> = measured.own.iter().map(|own| format!("{:.0} %", own.busy * 100.0)).collect();
    let _ = writeln!(text, "  {:<12}busy for {} of the time", "generator", busy.join(", "));
}
