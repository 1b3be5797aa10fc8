//! One contract over four listeners: uwsgi, HTTP, FastCGI and SCGI, over TCP and unix sockets, directly and behind a real
//! nginx. Every case is written once and checked over each of the sixteen [`ways`]; a failure names case and way.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;

mod bodies;
mod cases;
mod client;
mod endings;
mod environs;
mod files;
mod kept;
mod last;
mod readme;
mod rules;
mod streams;
mod ways;

use support::request;
