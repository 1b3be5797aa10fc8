//! The figures as lines of text. Whatever a client may have chosen, as a request's target, is plain ASCII in them.

use super::figures::{Interval, age, size};
use super::sample::{Listener, Process, Sample, Worker};

/// The lines for `sample`, with rates since `before`, or since the start; cut to `width` columns, if that is given.
pub(super) fn lines(sample: &Sample, before: Option<&Sample>, width: Option<usize>) -> Vec<String> {
    let mut lines = head(sample, before);
    lines.extend(sample.listeners.iter().map(listener));
    lines.push(String::new());
    lines.push(format!(
        "{:>6} {:>7} {:8} {:>8} {:>5} {:>6} {:>8} {:>8} {:>8} {:>8}  {}",
        "WORKER", "PID", "STATUS", "REQ/S", "BUSY", "FLIGHT", "AVG", "P99", "RSS", "RESPAWNS", "REQUEST"
    ));
    for worker in &sample.workers {
        let earlier = before.and_then(|before| before.workers.iter().find(|one| one.number == worker.number));
        lines.extend(rows(
            worker,
            &Interval::new(sample, before, &worker.totals, earlier.map(|one| &one.totals)),
        ));
    }
    lines.iter().map(|line| cut(&harmless(line), width)).collect()
}

fn head(sample: &Sample, before: Option<&Sample>) -> Vec<String> {
    let ready = sample.workers.iter().flat_map(|worker| &worker.processes);
    let ready = ready.filter(|process| process.status == "idle" || process.status == "busy").count();
    let mut first = format!(
        "Tidegate {}  pid {}  up {}  workers {ready} of {}  reloads {}",
        sample.version,
        sample.pid,
        age(sample.now - sample.started),
        sample.wanted,
        sample.reloads
    );
    if sample.reload_failures > 0 {
        first += &format!(" ({} failed)", sample.reload_failures);
    }
    if let Some(then) = sample.last_reload {
        first += &format!(", the last {} ago", age(sample.now - then));
    }
    let interval = Interval::new(sample, before, &sample.totals, before.map(|before| &before.totals));
    let totals = &sample.totals;
    let second = format!(
        "requests {} ({}/s)  errors {}  exceptions {}  in flight {}  connections {}  avg {}  p99 {}  sent {}",
        totals.requests,
        interval.rate(),
        totals.errors,
        totals.exceptions,
        sample.in_flight,
        sample.connections,
        interval.average(),
        interval.percentile_99(),
        size(totals.sent_bytes)
    );
    let fault = sample.fault.iter().map(|fault| format!("{fault}; these are the last figures"));
    [first, second].into_iter().chain(fault).collect()
}

fn listener(listener: &Listener) -> String {
    let mut line = format!("{} {}", listener.protocol, listener.address);
    if let Some((used, max)) = listener.backlog {
        line += &format!("  backlog {used} of {max}");
    }
    if let Some((accepted, open)) = listener.connections {
        line += &format!("  accepted {accepted}  open {open}");
    }
    line
}

/// The worker's row, and one for each process that it has beside the one that serves.
fn rows(worker: &Worker, interval: &Interval<'_>) -> Vec<String> {
    let figures = |process: Option<&Process>| {
        let (pid, status) = process.map_or((0, "none"), |process| (process.pid, process.status.as_str()));
        let busy = process.map_or(0.0, |process| process.busy * 100.0);
        (pid, status.to_owned(), format!("{busy:.0}%"), process.map_or(0, |process| process.in_flight))
    };
    let memory = |process: Option<&Process>| size(process.map_or(0, |process| process.rss_bytes));
    let request = |process: Option<&Process>| {
        let request = process.and_then(|process| Some((process.request.as_ref()?, process.stuck)));
        request.map_or(String::new(), |(request, time)| match time {
            0.1.. => format!("{request} ({time:.1} s)"),
            _ => request.clone(),
        })
    };
    let first = worker.processes.first();
    let (pid, status, busy, in_flight) = figures(first);
    let mut rows = vec![format!(
        "{:>6} {pid:>7} {status:8} {:>8} {busy:>5} {in_flight:>6} {:>8} {:>8} {:>8} {:>8}  {}",
        worker.number,
        interval.rate(),
        interval.average(),
        interval.percentile_99(),
        memory(first),
        worker.respawns,
        request(first)
    )];
    for process in worker.processes.iter().skip(1).map(Some) {
        let (pid, status, busy, in_flight) = figures(process);
        rows.push(format!(
            "{:>6} {pid:>7} {status:8} {:>8} {busy:>5} {in_flight:>6} {:>8} {:>8} {:>8} {:>8}  {}",
            "",
            "",
            "",
            "",
            memory(process),
            "",
            request(process)
        ));
    }
    rows
}

/// A line that cannot steer a terminal.
fn harmless(line: &str) -> String {
    let mut harmless = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            ' '..='~' => harmless.push(c),
            c => harmless.extend(c.escape_default()),
        }
    }
    harmless
}

fn cut(line: &str, width: Option<usize>) -> String {
    let line = line.trim_end();
    line.get(..width.unwrap_or(line.len())).unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_steers_no_terminal() {
        assert_eq!(harmless("GET /\u{1b}[2J\u{202e}\u{e9}"), "GET /\\u{1b}[2J\\u{202e}\\u{e9}");
        assert_eq!(
            (cut("abc  ", Some(2)), cut("abc", Some(9)), cut("abc ", None)),
            ("ab".into(), "abc".into(), "abc".into())
        );
    }
}
