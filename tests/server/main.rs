//! Real sockets: a worker on a thread of the test, and clients that behave as clients do.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;

mod bodies;
mod crowds;
mod deadlines;
mod failures;
mod hang_ups;
mod refusals;
mod requests;
mod standard;
mod stopping;
mod system;
mod written;
