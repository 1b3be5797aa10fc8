//! wrk and h2load: many connections, many requests, none of them lost.

use crate::server::{Demo, output};
use crate::support::program::installed;

#[test]
fn wrk_gets_an_answer_to_everything() {
    let demo = Demo::start();
    let mut wrk = installed("wrk", "wrk");
    wrk.args(["-t1", "-c16", "-d1s", &demo.url("/hello")]);
    let told = output(wrk);
    // wrk is silent about what did not happen.
    assert!(!told.contains("Socket errors") && !told.contains("Non-2xx"), "{told}");
    let requests = told.lines().find_map(|line| line.trim().split_once(" requests in "));
    let requests: u64 = requests.unwrap_or_else(|| panic!("{told}")).0.parse().unwrap();
    assert!(requests > 0, "{told}");
    assert_eq!(demo.stop(), [""; 0]);
}

/// 2,000 requests over 16 connections, all of which must succeed.
#[track_caller]
fn h2load(path: &str, more: &[&str]) {
    let demo = Demo::start();
    let mut h2load = installed("h2load", "nghttp2-client");
    h2load.args(["--h1", "-n", "2000", "-c", "16"]).args(more).arg(demo.url(path));
    let told = output(h2load);
    for line in [
        "requests: 2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout",
        "status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx",
    ] {
        assert!(told.lines().any(|one| one == line), "{line:?} is not said:\n{told}");
    }
    assert_eq!(demo.stop(), [""; 0]);
}

#[test]
fn h2load_gets_an_answer_to_everything() {
    h2load("/hello", &[]);
}

#[test]
fn h2load_gets_an_answer_to_all_that_it_pipelines() {
    h2load("/hello", &["-m", "8"]);
}

#[test]
fn h2load_gets_an_answer_in_chunks_to_everything() {
    h2load("/stream?chunks=5&size=2000", &[]);
}

#[test]
fn h2load_gets_all_bodies_back() {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    std::fs::write(&body, "tide".repeat(5_000)).unwrap();
    h2load("/echo", &["-d", body.to_str().unwrap()]);
}
