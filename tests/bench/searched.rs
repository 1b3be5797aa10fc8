//! The highest rate within a bound.

use std::time::Duration;

use crate::known::{Answer, Known};
use crate::process::run;

#[test]
fn the_rate_that_keeps_a_bound_is_found() {
    // 4 connections of 20 ms each: 200 requests a second, and no more.
    let server = Known::start(|_, _| Answer::After(Duration::from_millis(20)));
    let address = format!("http://{}", server.address);
    let args = ["bench", &address, "--slo", "p99=200ms", "-c", "4", "-d", "0.5", "--warm-up", "0"];
    let done = run(&[&args[..], &["--json"]].concat());
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let told: serde_json::Value = serde_json::from_slice(&done.out).unwrap();
    crate::schema::holds(&told);
    let rate = told["rate"].as_f64().unwrap();
    assert!((50.0..=205.0).contains(&rate), "{told}");
    let steps = told["steps"].as_array().unwrap();
    let kept = |step: &&serde_json::Value| step["holds"] == true && !step["run"]["load"]["rate"].is_null();
    let best = steps
        .iter()
        .filter(kept)
        .map(|step| step["run"]["load"]["rate"].as_f64().unwrap())
        .fold(0.0, f64::max);
    assert!(rate == best && steps.len() > 2, "{told}");
    // No rate keeps what one request alone does not.
    let done = run(&["bench", &address, "--slo", "p50=1ms", "-c", "4", "-d", "0.2", "--warm-up", "0"]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.text().contains("No rate keeps p50<=1ms."), "{}", done.text());
}
