//! What two samples come to: rates and latencies; and how figures are written.

use super::sample::{Sample, Totals};

/// How many there were, the seconds that they took together, and how many took how long.
type Times = (u64, f64, Vec<u64>);

/// What was done in a time.
pub(super) struct Interval<'a> {
    seconds: f64,
    requests: u64,
    latency: f64,
    counts: Vec<u64>,
    bounds: &'a [f64],
}

impl<'a> Interval<'a> {
    /// From `earlier` until `totals`, or from the server's start.
    pub(super) fn new(
        sample: &'a Sample,
        before: Option<&Sample>,
        totals: &Totals,
        earlier: Option<&Totals>,
    ) -> Self {
        let latency = |one: &Totals| (one.requests, one.latency_seconds, one.latency_counts.clone());
        Interval::of(sample, before, latency(totals), earlier.map(latency))
    }

    /// The same of the requests that waited for a thread, and how long that was.
    pub(super) fn waited(
        sample: &'a Sample,
        before: Option<&Sample>,
        totals: &Totals,
        earlier: Option<&Totals>,
    ) -> Self {
        let waiting =
            |one: &Totals| (one.waiting_counts.iter().sum(), one.waiting_seconds, one.waiting_counts.clone());
        Interval::of(sample, before, waiting(totals), earlier.map(waiting))
    }

    fn of(sample: &'a Sample, before: Option<&Sample>, totals: Times, earlier: Option<Times>) -> Self {
        // Another master's counters began anew.
        let before = before.filter(|before| before.pid == sample.pid);
        let (requests, seconds, counts) = earlier.filter(|_| before.is_some()).unwrap_or_default();
        let count = |at: usize| counts.get(at).copied().unwrap_or(0);
        Interval {
            seconds: sample.now - before.map_or(sample.started, |before| before.now),
            requests: totals.0.saturating_sub(requests),
            latency: totals.1 - seconds,
            counts: totals.2.iter().enumerate().map(|(at, now)| now.saturating_sub(count(at))).collect(),
            bounds: &sample.bounds,
        }
    }

    pub(super) fn rate(&self) -> String {
        let rate = if self.seconds > 0.0 { self.requests as f64 / self.seconds } else { 0.0 };
        format!("{rate:.1}")
    }

    pub(super) fn average(&self) -> String {
        let count: u64 = self.counts.iter().sum();
        if count == 0 { "-".to_owned() } else { time(self.latency / count as f64) }
    }

    /// The time that 99 of 100 requests did not take longer than, as far as the histogram tells: within a bucket they
    /// are taken to be spread evenly.
    pub(super) fn percentile_99(&self) -> String {
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
pub(super) fn age(seconds: f64) -> String {
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
pub(super) fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, shift)| bytes >> shift > 0);
    unit.map_or(format!("{bytes} B"), |(unit, shift)| {
        format!("{:.1} {unit}", bytes as f64 / f64::from(1 << shift))
    })
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
}
