//! The figures as lines of text. Whatever a client may have chosen, as a request's target, is plain ASCII in them.

use super::figures::{Interval, age, size};
use super::sample::{Listener, Process, Sample, Threads, Worker};

/// The lines for `sample`, with rates since `before`, or since the start; cut to `width` columns, if that is given.
pub(super) fn lines(sample: &Sample, before: Option<&Sample>, width: Option<usize>) -> Vec<String> {
    let mut lines = head(sample, before);
    lines.extend(sample.listeners.iter().map(listener));
    lines.push(String::new());
    lines.push(format!(
        "{:>6} {:>7} {:8} {:>8} {:>5} {:>7} {:>5} {:>6} {:>8} {:>8} {:>8} {:>8}  {}",
        "WORKER",
        "PID",
        "STATUS",
        "REQ/S",
        "BUSY",
        "THREADS",
        "WAIT",
        "FLIGHT",
        "AVG",
        "P99",
        "RSS",
        "RESPAWNS",
        "REQUEST"
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
    let by_need = match sample.workers_max > sample.wanted {
        true => format!(", up to {}", sample.workers_max),
        false => String::new(),
    };
    let mut first = format!(
        "Tidegate {}  pid {}  up {}  workers {ready} of {}{by_need}  reloads {}",
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
    [first, second].into_iter().chain(threads(sample, before)).chain(fault).collect()
}

/// The application's threads, where it has any of its own, and what came of the requests that found none idle.
fn threads(sample: &Sample, before: Option<&Sample>) -> Option<String> {
    let threads = sample.threads?;
    let waited = Interval::waited(sample, before, &sample.totals, before.map(|before| &before.totals));
    let totals = &sample.totals;
    let mut line = format!("threads {} busy", threads.in_use());
    if threads.late > 0 {
        line += &format!(" ({} late)", threads.late);
    }
    line += &format!(
        "  waiting {}  waited avg {}  p99 {}  passed on {}  taken over {}  dropped {}  shed {}",
        sample.waiting,
        waited.average(),
        waited.percentile_99(),
        totals.passed_on,
        totals.taken_over,
        totals.dropped,
        totals.shed
    );
    Some(line)
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
    let row = |at: usize, process: Option<&Process>| {
        // What is told of the worker stands in its first row.
        let [number, rate, average, percentile, respawns] = match at {
            0 => [
                worker.number.to_string(),
                interval.rate(),
                interval.average(),
                interval.percentile_99(),
                worker.respawns.to_string(),
            ],
            _ => <[String; 5]>::default(),
        };
        let (pid, status) = process.map_or((0, "none"), |process| (process.pid, &process.status));
        let busy = format!("{:.0}%", process.map_or(0.0, |process| process.busy * 100.0));
        let threads = process.and_then(|process| process.threads);
        let threads = threads.map_or("-".to_owned(), Threads::in_use);
        let waiting = process.map_or(0, |process| process.waiting);
        let in_flight = process.map_or(0, |process| process.in_flight);
        let memory = size(process.map_or(0, |process| process.rss_bytes));
        let request = process.map_or(String::new(), request);
        format!(
            "{number:>6} {pid:>7} {status:8} {rate:>8} {busy:>5} {threads:>7} {waiting:>5} {in_flight:>6} {average:>8} {percentile:>8} \
             {memory:>8} {respawns:>8}  {request}"
        )
    };
    let others = worker.processes.iter().enumerate().skip(1);
    let first = row(0, worker.processes.first());
    [first].into_iter().chain(others.map(|(at, process)| row(at, Some(process)))).collect()
}

/// What a process's application answers: the request that has run for longest, and how many others.
fn request(process: &Process) -> String {
    let mut line = process.request.clone().unwrap_or_default();
    if process.request.is_some() && process.stuck >= 0.1 {
        line += &format!(" ({:.1} s)", process.stuck);
    }
    if process.other_requests > 0 {
        line += &format!(" and {} more", process.other_requests);
    }
    line
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
