//! FastCGI and SCGI: the bytes, a worker with real sockets, and a real nginx before it.
//!
//! No test sleeps until something has surely happened: it waits for what it can see, no longer than `PATIENCE`.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

mod application;
mod client;
mod decoding;
mod endings;
mod feeding;
mod fixtures;
mod heads;
mod kept;
mod leaving;
mod netstring;
mod nginx;
mod records;
mod refusals;
mod responses;
mod server;
mod streams;
mod through_nginx;
#[path = "../wire/mod.rs"]
mod wire;
