//! Real clients beside the real binary: Python's requests, wrk, h2load, and a browser.
//!
//! `make test` installs them (`tests/setup.sh`); one that is missing is a failure that says so.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

mod browser;
mod load;
mod own;
#[allow(dead_code, reason = "it is tests/cli's, and a part of it is used here")]
#[path = "../cli/process.rs"]
mod process;
mod requests;
mod server;
#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;
