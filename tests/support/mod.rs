//! What the tests with real sockets share: a worker on a thread, clients, a real nginx.
//!
//! No test sleeps until something has surely happened: it waits for what it can see, no longer than [`PATIENCE`].

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

pub(crate) mod application;
pub(crate) mod child;
pub(crate) mod client;
pub(crate) mod damage;
pub(crate) mod fixture;
pub(crate) mod lines;
pub(crate) mod longer_times;
pub(crate) mod nginx;
pub(crate) mod program;
pub(crate) mod request;
pub(crate) mod server;

use std::thread;
use std::time::{Duration, Instant};

/// How long anything is waited for. Only a failure takes that long, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` holds; `what` says in the failure what never came.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "in {} s it never came to this: {what}", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(2));
    }
}

/// Compares long bytes, and shows no more of them than where they part.
#[track_caller]
pub(crate) fn assert_same(got: &[u8], want: &[u8]) {
    if got != want {
        let at = got.iter().zip(want).position(|(got, want)| got != want);
        let at = at.unwrap_or(got.len().min(want.len()));
        panic!("{} bytes instead of {}; they part at {at}", got.len(), want.len());
    }
}
