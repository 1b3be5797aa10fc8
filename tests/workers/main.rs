//! The master and its workers: real processes, and where it matters a real nginx and a client that counts.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;

mod access_log;
mod attached;
mod breaks;
mod churn;
mod control;
mod daemon;
mod disk;
mod drain;
mod drain_unfinished;
mod drips;
mod faults;
mod files;
mod forks;
mod hooks;
mod lives;
mod load;
mod master;
mod need;
mod outputs;
mod passing;
#[allow(dead_code, reason = "shared with the tests of the statistics")]
#[path = "../stats/reader.rs"]
mod reader;
mod reloads;
mod sharing;
mod signals;
mod systemd;
mod unfinished;
mod upgrades;
