//! Static files as they are served over HTTP: against nginx's own answers for the same tree, against all that tries to get out
//! of it, and beside an application that does not come back.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;

mod beside;
mod oracle;
mod traversal;
mod tree;
