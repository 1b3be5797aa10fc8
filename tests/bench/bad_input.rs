//! What cannot be measured is told in a line.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::known::{Answer, Known};
use crate::process::{PATIENCE, Server, run, tidegate};

/// Runs it, and sees that it ends with this status and this line alone.
#[track_caller]
fn refused(args: &[&str], code: i32, line: &str) {
    let done = run(&[&["bench"], args].concat());
    assert_eq!((done.code, done.text()), (Some(code), ""), "{}", done.err);
    assert!(done.err.contains(line), "{line:?} is not in {}", done.err);
    assert!(code == 2 || done.err.lines().count() == 1, "{}", done.err);
}

#[test]
fn what_is_wrong_with_the_server_is_told_before_the_run() {
    let server = Server::start(&["hello"]);
    let known = Known::start(|_, _| Answer::Status(503));
    let known = format!("http://{}", known.address);
    let http = format!("http://{}", server.address);
    for (args, line) in [
        // A port that was free a moment ago may be another test's by now; nobody is given this one.
        (&["127.0.0.1:1"][..], "Connection refused"),
        (&["/nowhere/app.sock"], "No such file or directory"),
        (&["no-such-host.invalid:80"], "cannot connect to no-such-host.invalid:80: "),
        (&["fd:3"], "fd: is for a server to listen on"),
        // What speaks another protocol says so, or nothing, or what that protocol says.
        (&[&http], "does it speak uwsgi, fastcgi, scgi?"),
        (&[&format!("fastcgi://{}", server.address)], "does it speak uwsgi, http, scgi?"),
        (
            &[&server.address, "/hello", "--status", "404"],
            "is \"HTTP/1.1 200 OK\": ask for another PATH, or say --status",
        ),
        (&[&known], "the reply to GET / is \"HTTP/1.1 503 So\""),
        (&[&server.address, "--pid", "0"], "tidegate: --pid 0: there is no such process"),
        (
            &[&server.address, "/hello", "--vs", &server.address, "--vs-pid", "0"],
            "tidegate: --vs-pid 0: there is no such process",
        ),
        (&[&server.address, "--data-file", "/nowhere"], "--data-file: cannot read /nowhere: No such file"),
        (&[&server.address, "--requests", "/nowhere"], "cannot read /nowhere: No such file"),
        (&[&server.address, "--baseline", "/nowhere"], "--baseline: cannot read /nowhere: No such file"),
        (&[&server.address, "--baseline", "Cargo.toml"], "--baseline: Cargo.toml: "),
        (
            &[&server.address, "-c", "2", "--threads", "3"],
            "--threads 3: each has a connection, and there are 2 (-c)",
        ),
        (&[&server.address, "x"], "x: a path begins with /"),
        (&[&server.address, "-H", "A: b\r\nC: d"], "-H \"A: b\\r\\nC: d\": no field has a line's end"),
    ] {
        refused(args, 1, line);
    }
    server.stop();
}

/// It sends a byte now and then for ever: each comes in time, the whole does not.
#[test]
fn a_reply_that_drips_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            thread::spawn(move || {
                let mut piece = &b"HTTP/1.1 200 OK\r\nA: "[..];
                while socket.write_all(piece).is_ok() {
                    piece = b"a";
                    thread::sleep(Duration::from_millis(50));
                }
            });
        }
    });
    let begin = Instant::now();
    refused(&[&address, "--timeout", "0.5"], 1, "no whole reply to GET / within 0.5 s (--timeout): ");
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn options_without_sense_are_refused() {
    for (args, line) in [
        (&["--rate", "0"][..], "write a number of requests a second, from 0.001 to 10000000"),
        (&["--rate", "-1"], "unexpected argument '-1'"),
        (&["-c", "0"], "write a number from 1 to 100000"),
        (&["-d", "0"], "it must be more than 0"),
        (&["-n", "0"], "0 is not in 1.."),
        (&["-n", "1", "-d", "1"], "cannot be used with"),
        (&["--assert", "p99<5"], "write it with its unit"),
        (&["--slo", "rate=5"], "write a bound, as p99=5ms"),
        (&["--slo", "p99=5ms", "--rate", "5"], "cannot be used with"),
        (&["--status", "20"], "write a status"),
        (&["--http", "--scgi"], "cannot be used with"),
        (&["--random", "1"], "--requests"),
        (&["--cpus", "x"], "write numbers of processors"),
    ] {
        refused(&[&["127.0.0.1:1"], args].concat(), 2, line);
    }
    refused(&["https://127.0.0.1:1"], 2, "\"https\" is no protocol");
    refused(&[], 2, "<ADDR>");
}

#[test]
fn a_server_that_dies_in_the_middle_ends_the_run_with_what_there_was() {
    let mut server = Server::start(&["hello", "--workers", "0"]);
    let bench = tidegate(["bench", &server.address, "-d", "60", "--warm-up", "0"]);
    let running = thread::spawn(move || crate::process::end(bench, b""));
    // It is under load when its own figures say so, or at the latest now.
    thread::sleep(Duration::from_millis(500));
    server.signal(nix::sys::signal::Signal::SIGKILL);
    server.wait();
    let done = running.join().unwrap();
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("the run ended early: connections have been refused for 3 s"), "{}", done.err);
    assert!(done.text().contains("connection refused; the first: Connection refused"), "{}", done.text());
    assert!(done.text().contains("  p50"), "{}", done.text());
}

/// A shell in which no more than 64 descriptors may be open, or become so.
fn confined(args: &str) -> crate::process::Done {
    let mut shell = std::process::Command::new("sh");
    let bench = format!("ulimit -n 64; exec {} bench {args}", env!("CARGO_BIN_EXE_tidegate"));
    shell.args(["-c", &bench]);
    crate::process::end(shell, b"")
}

#[test]
fn more_connections_than_descriptors_are_refused_before_the_run() {
    let known = Known::start(|_, _| Answer::After(Duration::ZERO));
    let address = format!("http://{}", known.address);
    let done = confined(&format!("{address} -c 64"));
    let want = "tidegate: -c 64: only 64 files and sockets may be open at once (ulimit -Hn)\n";
    assert_eq!((done.code, done.err.as_str()), (Some(1), want));
    let done = confined(&format!("{address} -c 16 -n 300"));
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert!(done.text().contains("failed      0"), "{}", done.text());
}
