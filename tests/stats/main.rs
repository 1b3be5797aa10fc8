//! `--stats` and `tidegate top`: a real master, uwsgitop, Prometheus's own parser, terminals, and readers that mean no
//! good.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

#[allow(dead_code, reason = "shared with the tests of the workers")]
#[path = "../workers/master.rs"]
mod master;
#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;

mod attackers;
mod bodies;
mod counters;
mod crowded;
mod forms;
mod probes;
mod programs;
mod reader;
mod stuck;
mod threads;
mod top;
