//! The figures as lines of text. Whatever a client may have chosen, as a request's target, is plain ASCII in them.

use super::sample::{Listener, Process, Sample, Totals, Worker};

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

/// What was done in a time.
struct Interval<'a> {
    seconds: f64,
    requests: u64,
    latency: f64,
    counts: Vec<u64>,
    bounds: &'a [f64],
}

impl<'a> Interval<'a> {
    /// From `earlier` until `totals`, or from the server's start.
    fn new(sample: &'a Sample, before: Option<&Sample>, totals: &Totals, earlier: Option<&Totals>) -> Self {
        // Another master's counters began anew.
        let before = before.filter(|before| before.pid == sample.pid);
        let earlier = earlier.filter(|_| before.is_some());
        let count = |at: usize| earlier.and_then(|one| one.latency_counts.get(at)).copied().unwrap_or(0);
        let counts = totals.latency_counts.iter().enumerate();
        Interval {
            seconds: sample.now - before.map_or(sample.started, |before| before.now),
            requests: totals.requests.saturating_sub(earlier.map_or(0, |one| one.requests)),
            latency: totals.latency_seconds - earlier.map_or(0.0, |one| one.latency_seconds),
            counts: counts.map(|(at, now)| now.saturating_sub(count(at))).collect(),
            bounds: &sample.bounds,
        }
    }

    fn rate(&self) -> String {
        let rate = if self.seconds > 0.0 { self.requests as f64 / self.seconds } else { 0.0 };
        format!("{rate:.1}")
    }

    fn average(&self) -> String {
        let count: u64 = self.counts.iter().sum();
        if count == 0 { "-".to_owned() } else { time(self.latency / count as f64) }
    }

    /// The time that 99 of 100 requests did not take longer than, as far as the histogram tells: within a bucket they
    /// are taken to be spread evenly.
    fn percentile_99(&self) -> String {
        let wanted = self.counts.iter().sum::<u64>() as f64 * 0.99;
        let (mut below, mut lower) = (0.0, 0.0);
        for (at, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            lower = if at == 0 { 0.0 } else { self.bounds.get(at - 1).copied().unwrap_or(lower) };
            let Some(upper) = self.bounds.get(at) else { break };
            if below + *count as f64 >= wanted {
                return time(lower + (upper - lower) * (wanted - below) / *count as f64);
            }
            below += *count as f64;
        }
        if wanted > 0.0 { format!(">{}", time(lower)) } else { "-".to_owned() }
    }
}

/// `0.35 ms`, `2.10 s`.
fn time(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.2} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// `12 s`, `5:07`, `3 d 04:05`.
fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes}:{:02} min", seconds % 60),
        (0, _, _) => format!("{hours}:{minutes:02} h"),
        _ => format!("{days} d {hours:02}:{minutes:02} h"),
    }
}

/// `512 B`, `3.4 MiB`.
fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, shift)| bytes >> shift > 0);
    unit.map_or(format!("{bytes} B"), |(unit, shift)| {
        format!("{:.1} {unit}", bytes as f64 / f64::from(1 << shift))
    })
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

    fn interval(counts: &[u64]) -> Interval<'static> {
        let requests = counts.iter().sum();
        Interval { seconds: 2.0, requests, latency: 0.4, counts: counts.to_vec(), bounds: &[0.1, 0.2, 0.4] }
    }

    #[test]
    fn a_percentile_is_where_the_histogram_has_it() {
        for (counts, want) in [
            ([0, 0, 0, 0], "-"),
            ([100, 0, 0, 0], "99.00 ms"),
            ([0, 100, 0, 0], "199.00 ms"),
            ([99, 1, 0, 0], "100.00 ms"),
            ([90, 0, 10, 0], "380.00 ms"),
            ([1, 0, 0, 1], ">400.00 ms"),
        ] {
            assert_eq!(interval(&counts).percentile_99(), want, "{counts:?}");
        }
        let interval = interval(&[1, 1, 0, 0]);
        assert_eq!((interval.rate(), interval.average()), ("1.0".to_owned(), "200.00 ms".to_owned()));
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(
            [0, 59, 67, 3_700, 90_000].map(|one| age(f64::from(one))),
            ["0 s", "59 s", "1:07 min", "1:01 h", "1 d 01:00 h"]
        );
        assert_eq!([512, 1_536, 5 << 20, 3 << 30].map(size), ["512 B", "1.5 KiB", "5.0 MiB", "3.0 GiB"]);
    }

    #[test]
    fn a_target_steers_no_terminal() {
        assert_eq!(harmless("GET /\u{1b}[2J\u{202e}\u{e9}"), "GET /\\u{1b}[2J\\u{202e}\\u{e9}");
        assert_eq!(
            (cut("abc  ", Some(2)), cut("abc", Some(9)), cut("abc ", None)),
            ("ab".into(), "abc".into(), "abc".into())
        );
    }
}
