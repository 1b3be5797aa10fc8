//! Python's requests. What it does stands in `session.py`, a function for each test here.

use std::process::Command;

use crate::server::{Demo, output};
use crate::support::program::{script, venv};

/// Runs one function of the script against a server of its own; returns what the server had to warn of.
#[track_caller]
fn run(function: &str) -> Vec<String> {
    let demo = Demo::start();
    let mut python = script(Command::new(venv("python")), "tests/clients/session.py");
    python.args([demo.url(""), function.to_owned()]);
    assert_eq!(output(python), "passed\n");
    demo.stop()
}

#[test]
fn requests_keeps_one_connection() {
    assert_eq!(run("one_connection"), [""; 0]);
}

#[test]
fn requests_uploads() {
    assert_eq!(run("uploads"), [""; 0]);
}

#[test]
fn requests_reads_as_it_comes() {
    assert_eq!(run("streams"), [""; 0]);
}

#[test]
fn requests_uses_every_method() {
    assert_eq!(run("methods"), [""; 0]);
}

#[test]
fn requests_sends_large_heads_and_is_told_of_too_large_ones() {
    let log = run("large_heads");
    assert_eq!(log.len(), 2, "a warning for each that was refused: {log:#?}");
}

#[test]
fn requests_in_many_threads_get_each_their_own_answer() {
    assert_eq!(run("threads"), [""; 0]);
}
