//! Percentiles beside those that are true: the server's own, or arithmetic's.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench;
use crate::known::{Answer, Known, hurry};

/// One at a time: each is the noise of the others.
static ALONE: Mutex<()> = Mutex::new(());

/// Measures until what is measured agrees with what is true, as long as the machine has spoilt the run: the generator says so itself,
/// the server's sleeps were longer than they should be, or programs had to wait for a processor, and who does is late.
#[track_caller]
fn agree(
    args: &[&str],
    before: impl Fn(),
    is_spoilt: impl Fn() -> bool,
    truth: impl Fn(&Value) -> Vec<(&'static str, f64, f64)>,
) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut seen = String::new();
    hurry();
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        before();
        let waited = waited_for_processors();
        let run = bench(args);
        let is_crowded = waited.zip(waited_for_processors()).is_none_or(|(before, after)| {
            (after - before).as_secs_f64() > run["seconds"].as_f64().unwrap() * 0.005
        });
        let pairs = truth(&run);
        // A machine that is always busy has no quiet run to show; there is still no other figure to be taken for the true one.
        let near = if begin.elapsed() < PATIENCE / 3 { 0.03 } else { 0.3 };
        let wrong: Vec<_> = pairs.iter().filter(|(_, is, want)| (is - want).abs() > want * near).collect();
        if wrong.is_empty() {
            return;
        }
        seen += &format!("{wrong:?}, crowded {is_crowded}, doubts {}\n", run["doubts"]);
        let is_spoilt = is_crowded || is_spoilt() || run["doubts"] != serde_json::json!([]);
        assert!(is_spoilt, "what, is, should be: {seen}");
    }
    panic!("in no run within {PATIENCE:?}: {seen}");
}

/// For how long some program had to wait for a processor; `None` where the system does not tell (Documentation/accounting/psi.rst).
fn waited_for_processors() -> Option<Duration> {
    let pressure = std::fs::read_to_string("/proc/pressure/cpu").ok()?;
    let total = pressure.lines().next()?.rsplit_once("total=")?.1;
    total.parse().ok().map(Duration::from_micros)
}

fn seconds(run: &Value, column: &str, quantile: &str) -> f64 {
    run[column][quantile].as_f64().unwrap_or_else(|| panic!("no {column} {quantile} in {run}"))
}

#[test]
fn a_constant_delay_is_seen_as_it_is() {
    let short = Known::start(|_, _| Answer::After(Duration::from_millis(10)));
    let long = Known::start(|_, _| Answer::After(Duration::from_millis(100)));
    for (server, delay, quantiles) in
        [(&short, 0.01, [("p50", 0.5), ("p99", 0.99)]), (&long, 0.1, [("p50", 0.5), ("p90", 0.9)])]
    {
        let address = format!("http://{}", server.address);
        for pace in [&["-c", "8"][..], &["--rate", "150"]] {
            let args = [&[address.as_str(), "-d", "1", "--warm-up", "0"], pace].concat();
            let is_spoilt = || server.within(quantiles[1].1) > delay * 1.02;
            agree(
                &args,
                || server.forget(),
                is_spoilt,
                |run| {
                    assert_eq!(run["failed"]["all"], 0);
                    let column = if run["service"].is_null() { "latency" } else { "service" };
                    let pair = |(name, at): &(&'static str, f64)| {
                        (*name, seconds(run, column, name), server.within(*at))
                    };
                    quantiles.iter().map(pair).collect()
                },
            );
        }
    }
}

/// A second in five: a fifth of all requests is due in it, and waits for its end.
#[test]
fn at_a_constant_rate_a_stall_is_as_long_as_arithmetic_says() {
    let server = Known::start(|_, elapsed| {
        let phase = elapsed.as_millis() % 5_000;
        let left = u64::try_from(5_000 - phase).unwrap();
        Answer::After(Duration::from_millis(if phase >= 4_000 { left } else { 0 }))
    });
    let address = format!("http://{}", server.address);
    let args = [&address, "--rate", "200", "-c", "4", "-d", "10", "--warm-up", "0"];
    agree(
        &args,
        || {},
        || false,
        |run| {
            // Of the requests in flight when it comes, four see it: this is what a closed loop tells, and all of it.
            assert!(seconds(run, "service", "p95") < 0.1, "{run}");
            [("p90", 0.5), ("p95", 0.75), ("p99", 0.95), ("longest", 1.0)]
                .map(|(name, want)| (name, seconds(run, "latency", name), want))
                .to_vec()
        },
    );
}

#[test]
fn a_slow_request_in_a_hundred_is_found_where_it_is() {
    let server = Known::start(|number, _| {
        Answer::After(Duration::from_millis(if number % 100 == 50 { 50 } else { 0 }))
    });
    let address = format!("http://{}", server.address);
    agree(
        &[&address, "-n", "2000", "-c", "4"],
        || server.forget(),
        || server.within(1.0) > 0.051,
        |run| {
            assert_eq!(run["requests"], 2_000);
            assert!(seconds(run, "latency", "p95") < 0.04, "{run}");
            [("p99.9", 0.999), ("longest", 1.0)]
                .map(|(name, at)| (name, seconds(run, "latency", name), server.within(at)))
                .to_vec()
        },
    );
}

/// A machine that is busy for as long is busy for good.
const PATIENCE: Duration = Duration::from_secs(150);
