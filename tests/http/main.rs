//! HTTP/1.1 and 1.0: the grammar, what it says in answer, and both over real sockets and with real clients.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

mod any_request;
mod arrivals;
mod clients;
mod compare;
mod connections;
mod continues;
mod feeding;
mod fixture;
mod fixtures;
mod oracle;
mod properties;
mod readings;
mod reply;
mod responses;
mod server;
mod slow;
mod smuggling;
