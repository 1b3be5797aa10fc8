//! Which worker takes what: one that is busy takes nothing, and one that is idle takes what waits.

use std::collections::HashMap;

use crate::master::Master;
use crate::support::client::{Response, get};
use crate::support::eventually;
use crate::support::nginx::Nginx;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";

/// Longer than any test waits: it ends with the server.
const SLEEP: &str = "/sleep?600000";

#[test]
fn no_small_request_waits_for_a_sleeper() {
    let master = Master::start(&["--workers", "2", "--http", "127.0.0.1:0"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let _sleeper = nginx.send(&format!("GET {SLEEP}"), &[], b"");
    eventually("it sleeps", || master.asleep().len() == 1);
    for _ in 0..100 {
        nginx.get("/").assert_body("one");
    }
    // Together too: they are there before any of them is answered. nginx has 256 connections, two for each.
    let clients: Vec<_> = (0..100).map(|_| nginx.send("GET /", &[], b"")).collect();
    clients.iter().for_each(|client| Response::read(client).assert_body("one"));
    assert_eq!(master.asleep().len(), 1, "the sleeper sleeps on");
    nginx.get("/sleep?20").assert_body("one");
}

#[test]
fn sleepers_are_spread_over_the_workers() {
    for _ in 0..20 {
        // One with threads of its own would take a second one.
        let master = Master::on_loop(&["--workers", "4"], |_| {});
        let _sleepers: Vec<_> = (0..4).map(|_| master.remote.send(get(SLEEP))).collect();
        // A second one in any worker would begin when the first has ended, which is never.
        eventually("each of four workers has a sleeper", || master.asleep().len() == 4);
    }
}

#[test]
fn sleepers_are_answered() {
    let master = Master::start(&["--workers", "4"]);
    let clients: Vec<_> = (0..4).map(|_| master.remote.send(get("/sleep?20"))).collect();
    clients.iter().for_each(|client| Response::read(client).assert_body("one"));
}

#[test]
fn requests_that_come_together_are_taken_by_all() {
    let master = Master::start(&["--workers", "2"]);
    let mut taken: HashMap<String, usize> = HashMap::new();
    // One may have no processor for a while.
    eventually("both workers have taken some", || {
        let clients: Vec<_> = (0..20).map(|_| master.remote.send(get("/pid"))).collect();
        for client in &clients {
            *taken.entry(Response::read(client).text()).or_default() += 1;
        }
        taken.len() == 2
    });
    println!("{taken:?}");
}
