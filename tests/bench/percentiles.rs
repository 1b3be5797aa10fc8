//! Percentiles beside those that are true: the server's own, or arithmetic's.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use crate::bench;
use crate::known::{Answer, Known};

/// One at a time: each is the noise of the others.
static ALONE: Mutex<()> = Mutex::new(());

/// Measures until what is measured agrees with what is true, as long as the machine has spoilt the run: the generator says so itself,
/// or the server's sleeps were longer than they should be. Others run on it, and who has to wait for a processor is late.
#[track_caller]
fn agree(
    args: &[&str],
    before: impl Fn(),
    is_spoilt: impl Fn() -> bool,
    truth: impl Fn(&Value) -> Vec<(&'static str, f64, f64)>,
) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut seen = String::new();
    for _ in 0..RUNS {
        before();
        let run = bench(args);
        let pairs = truth(&run);
        let wrong: Vec<_> = pairs.iter().filter(|(_, is, want)| (is - want).abs() > want * 0.03).collect();
        if wrong.is_empty() {
            return;
        }
        seen += &format!("{wrong:?}, doubts {}\n", run["doubts"]);
        assert!(is_spoilt() || run["doubts"] != serde_json::json!([]), "what, is, should be: {seen}");
    }
    panic!("in none of {RUNS} runs: {seen}");
}

fn seconds(run: &Value, column: &str, quantile: &str) -> f64 {
    run[column][quantile].as_f64().unwrap_or_else(|| panic!("no {column} {quantile} in {run}"))
}

/// Of a delay that is short beside what a busy machine adds now and then, only the middle is looked at.
#[test]
fn a_constant_delay_is_seen_as_it_is() {
    let short = Known::start(|_, _| Answer::After(Duration::from_millis(10)));
    let long = Known::start(|_, _| Answer::After(Duration::from_millis(100)));
    for (server, delay, quantiles) in
        [(&short, 0.01, &[("p50", 0.5)][..]), (&long, 0.1, &[("p50", 0.5), ("p75", 0.75), ("p90", 0.9)])]
    {
        let address = format!("http://{}", server.address);
        for pace in [&["-c", "8"][..], &["--rate", "50"]] {
            let args = [&[address.as_str(), "-d", "1", "--warm-up", "0"], pace].concat();
            let is_spoilt = || server.within(0.9) > delay * 1.02;
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

/// Half a second in five times that: a fifth of all requests is due in it, and waits for its end.
#[test]
fn at_a_constant_rate_a_stall_is_as_long_as_arithmetic_says() {
    let server = Known::start(|_, elapsed| {
        let phase = elapsed.as_millis() % 2_500;
        let left = u64::try_from(2_500 - phase).unwrap();
        Answer::After(Duration::from_millis(if phase >= 2_000 { left } else { 0 }))
    });
    let address = format!("http://{}", server.address);
    let args = [&address, "--rate", "200", "-c", "4", "-d", "5", "--warm-up", "0"];
    agree(
        &args,
        || {},
        || false,
        |run| {
            // Of the requests in flight when it comes, four see it: this is what a closed loop tells, and all of it.
            assert!(seconds(run, "service", "p95") < 0.1, "{run}");
            [("p90", 0.25), ("p95", 0.375), ("p99", 0.475), ("longest", 0.5)]
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
const RUNS: usize = 12;
