//! Who takes what: a worker that is busy takes nothing, and one that is idle takes what waits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::master::Master;
use crate::support::client::{Response, get};
use crate::support::nginx::Nginx;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";

#[test]
fn no_small_request_waits_for_a_sleeper() {
    let master = Master::start(&["--workers", "2", "--http", "127.0.0.1:0"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let begin = Instant::now();
    let sleeper = nginx.send("GET /sleep?2000", &[], b"");
    let mut longest = Duration::ZERO;
    for _ in 0..100 {
        let asked = Instant::now();
        nginx.get("/").assert_body("one");
        longest = longest.max(asked.elapsed());
    }
    // Together too: they are there before any of them is answered. nginx has 256 connections, two for each.
    let clients: Vec<_> = (0..100).map(|_| nginx.send("GET /", &[], b"")).collect();
    clients.iter().for_each(|client| Response::read(client).assert_body("one"));
    assert!(begin.elapsed() < Duration::from_millis(1_900), "they took {:?}", begin.elapsed());
    println!("the longest of 100 beside a sleeper took {longest:?}");
    Response::read(&sleeper).assert_body("one");
    assert!(begin.elapsed() >= Duration::from_secs(2));
}

#[test]
fn sleepers_are_spread_over_the_workers() {
    for _ in 0..20 {
        let master = Master::start(&["--workers", "4"]);
        let begin = Instant::now();
        let clients: Vec<_> = (0..4).map(|_| master.remote.send(get("/sleep?300"))).collect();
        clients.iter().for_each(|client| Response::read(client).assert_body("one"));
        // One after the other in any worker would be 600 ms.
        assert!(begin.elapsed() < Duration::from_millis(590), "{:?}", begin.elapsed());
    }
}

#[test]
fn requests_that_come_together_are_taken_by_all() {
    let master = Master::start(&["--workers", "2"]);
    let mut taken: HashMap<String, usize> = HashMap::new();
    for _ in 0..20 {
        let clients: Vec<_> = (0..20).map(|_| master.remote.send(get("/pid"))).collect();
        for client in &clients {
            *taken.entry(Response::read(client).text()).or_default() += 1;
        }
    }
    println!("{taken:?}");
    assert_eq!(taken.values().sum::<usize>(), 400);
    assert_eq!(taken.len(), 2, "one worker has taken all");
}
