//! `tidegate bench` against servers of which everything is known: when they answer, and what.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

mod bad_input;
mod compared;
mod errors;
mod fastcgi;
mod known;
#[path = "../support/longer_times.rs"]
mod longer_times;
mod outputs;
mod percentiles;
#[path = "../cli/process.rs"]
#[allow(dead_code, reason = "tests/cli uses the rest")]
mod process;
mod protocols;
mod schema;
mod searched;

use serde_json::Value;

use process::run;

/// What `tidegate bench --json` says of a run, which must have ended well.
#[track_caller]
fn bench(args: &[&str]) -> Value {
    let done = run(&[&["bench", "--json"], args].concat());
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{args:?}");
    let told = serde_json::from_slice(&done.out).unwrap();
    schema::holds(&told);
    told
}
