//! HTTP/1.1 and 1.0: the grammar, what it says in answer, and both over real sockets and with real clients.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

#[path = "../feeding/mod.rs"]
mod feeding;
#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;

mod any_request;
mod application;
mod arrivals;
mod clients;
mod compare;
mod connections;
mod continues;
mod fields;
mod oracle;
mod properties;
mod readings;
mod reply;
mod responses;
mod slow;
mod smuggling;
