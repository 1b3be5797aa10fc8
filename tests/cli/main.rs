//! The command as operators run it: the real binary, its options, its words, its exit status.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

mod check;
mod completions;
mod config;
mod decode;
mod files;
mod logs;
mod man;
mod mounts;
mod process;
mod program;
mod request;
mod serve;
mod signals;
mod start;
mod targets;
mod uwsgi;
#[path = "../wire/mod.rs"]
mod wire;
