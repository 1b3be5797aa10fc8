//! FastCGI and SCGI: the bytes, a worker with real sockets, and a real nginx before it.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

#[path = "../feeding/mod.rs"]
mod feeding;
#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;

mod application;
mod client;
mod decoding;
mod endings;
mod heads;
mod kept;
mod leaving;
mod refusals;
mod responses;
mod server;
mod streams;
mod through_nginx;
