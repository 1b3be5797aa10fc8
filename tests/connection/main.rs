//! The connection's state machine against a stream that does what a script says, at a time that the test sets.
//!
//! `scripted` is the stream, `application` the application, `scene` puts them together and holds every turn to
//! the rules that hold for all turns.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

mod application;
mod scene;
mod schedules;
mod scripted;

mod deadlines;
mod endings;
mod flow;
mod held;
mod refusals;
mod responses;
#[path = "../wire/mod.rs"]
mod wire;
