//! The highest rate within a bound.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use crate::known::{Answer, Known};
use crate::longer_times::with_longer_times;
use crate::process::{Killed, Server, run, tidegate};

#[test]
fn the_rate_that_keeps_a_bound_is_found() {
    with_longer_times(|_| {
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
        let kept =
            |step: &&serde_json::Value| step["holds"] == true && !step["run"]["load"]["rate"].is_null();
        let best = steps
            .iter()
            .filter(kept)
            .map(|step| step["run"]["load"]["rate"].as_f64().unwrap())
            .fold(0.0, f64::max);
        assert!(rate == best && steps.len() > 2, "{told}");
        assert_eq!(told["cut"], serde_json::Value::Null);
        // No rate keeps what one request alone does not.
        let done = run(&["bench", &address, "--slo", "p50=1ms", "-c", "4", "-d", "0.2", "--warm-up", "0"]);
        assert_eq!(done.code, Some(1), "{}", done.err);
        assert!(done.text().contains("No rate keeps p50<=1ms."), "{}", done.text());
        let load = "4 connections, kept alive, each asks again at once in the first step, at a rate in the others; 0.2 s a step\n";
        assert_eq!(done.text().split_inclusive('\n').nth(1), Some(load));
    });
}

#[test]
fn a_search_that_is_cut_tells_what_it_has_found() {
    let mut server = Server::start(&["hello", "--workers", "0"]);
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let args = ["bench", &server.address, "--slo", "p99=5s", "-d", "1", "--warm-up", "0", "--html"];
    let mut bench = tidegate(args);
    bench.arg(&page);
    let mut child = Killed(bench.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut out = BufReader::new(child.0.stdout.take().unwrap());
    let mut told = String::new();
    // A step that is done is told of at once.
    while !told.ends_with("kept\n") {
        assert!(out.read_line(&mut told).unwrap() > 0, "{told}");
    }
    server.signal(nix::sys::signal::Signal::SIGKILL);
    server.wait();
    out.read_to_string(&mut told).unwrap();
    let mut err = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(1));
    assert!(err.contains("tidegate: the search ended early: "), "{err}");
    assert!(err.contains("refused") && err.lines().count() == 1, "{err}");
    assert!(told.contains("\nUntil then "), "{told}");
    assert!(std::fs::read_to_string(page).unwrap().contains("Until then "), "the page tells it too");
}
