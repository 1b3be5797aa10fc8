//! Requests that wait for a thread, and the end of the worker in whose hands they are: none is lost, and none is called twice.

use std::collections::HashMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::Socket;
use tidegate::ProtocolName;

use crate::master::Master;
use crate::reader::{Told, number};
use crate::support::client::{Remote, Response, get, read_all, read_until};
use crate::support::eventually;
use crate::support::request::Request;

/// Requests that wait, a count.
const WAITING: usize = 6;

/// What was called, in order.
fn calls(master: &Master) -> Vec<String> {
    let text = fs::read_to_string(master.folder.path().join("version-calls")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Each of these was called, and none of them twice.
#[track_caller]
fn assert_called_once(master: &Master, mut want: Vec<String>) {
    let mut calls = calls(master);
    calls.sort();
    want.sort();
    assert_eq!(calls, want);
}

fn paths(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|at| format!("/{name}-{at}")).collect()
}

/// Lets all calls of /held go, those that come later too.
fn let_go(master: &Master) {
    fs::write(master.folder.path().join("version-open"), "").unwrap();
}

/// Has a call on each of so many threads, and then these wait for one.
#[track_caller]
fn hold_and_wait(told: &Told, threads: usize) -> (Vec<Socket>, Vec<Socket>) {
    let send = |paths: Vec<String>| paths.iter().map(|path| told.master.remote.send(get(path))).collect();
    let held = send(paths("held", threads));
    eventually("each thread has a call", || calls(&told.master).len() == threads);
    let waiting = send(paths("once", WAITING));
    told.eventually("the others wait", |json| number(json, "tidegate.waiting") == WAITING as f64);
    (held, waiting)
}

#[test]
fn what_waits_at_a_reload_is_answered_by_the_new_workers_while_the_old_ones_finish() {
    let told = Told::start(&["--workers", "2", "--threads", "2"]);
    let (held, waiting) = hold_and_wait(&told, 4);
    told.master.write_version("two");
    told.master.signal(Signal::SIGHUP);
    for client in &waiting {
        Response::read(client).assert_body("two");
    }
    // Some were passed on before, while threads became busy, or after, from one new worker to the other.
    told.eventually("as many are taken over as are passed on", |json| {
        let passed_on = number(json, "tidegate.totals.passed_on");
        passed_on >= WAITING as f64 && number(json, "tidegate.totals.taken_over") == passed_on
    });
    let_go(&told.master);
    for client in &held {
        Response::read(client).assert_body("one");
    }
    assert_called_once(&told.master, [paths("held", 4), paths("once", WAITING)].concat());
}

#[test]
fn what_waits_at_a_stop_is_answered_before_the_end() {
    let mut told = Told::start(&["--workers", "2", "--threads", "2"]);
    let (held, waiting) = hold_and_wait(&told, 4);
    told.master.signal(Signal::SIGTERM);
    told.master.says("stopping: ");
    let_go(&told.master);
    for client in held.iter().chain(&waiting) {
        Response::read(client).assert_body("one");
    }
    assert_eq!(told.master.wait().code(), Some(0));
    assert_called_once(&told.master, [paths("held", 4), paths("once", WAITING)].concat());
}

#[test]
fn what_waits_in_a_worker_that_is_told_to_end_is_answered() {
    let told = Told::start(&["--workers", "2", "--threads", "1"]);
    let (held, waiting) = hold_and_wait(&told, 2);
    for worker in told.master.workers() {
        kill(Pid::from_raw(worker), Signal::SIGTERM).unwrap();
    }
    eventually("both accept no more", || told.master.count(": stopping: ") == 2);
    let_go(&told.master);
    for client in held.iter().chain(&waiting) {
        Response::read(client).assert_body("one");
    }
    assert_called_once(&told.master, [paths("held", 2), paths("once", WAITING)].concat());
}

/// Kept connections to each worker, by its process, of which one has `count` at least.
fn kept_connections(http: &Remote, count: usize) -> HashMap<i32, Vec<Socket>> {
    let mut all: HashMap<i32, Vec<Socket>> = HashMap::new();
    while all.values().map(Vec::len).max().unwrap_or_default() < count {
        let client = http.send(Request::get("/pid").kept().encode(ProtocolName::Http));
        let head = read_until(&client, "\r\n\r\n");
        let pid = String::from_utf8(head).unwrap().rsplit("\r\n\r\n").next().unwrap().parse().unwrap();
        all.entry(pid).or_default().push(client);
    }
    all
}

#[test]
fn what_a_worker_had_passed_on_when_it_was_killed_is_taken_by_others() {
    for round in 0..3 {
        let told = Told::start(&["--workers", "2", "--threads", "1", "--http", "FOLDER/http"]);
        let http = Remote::at(&format!("unix:{}/http", told.master.folder.path().display()));
        let connections = kept_connections(&http, WAITING + 1);
        let (victim, sockets) = connections.into_iter().max_by_key(|(_, sockets)| sockets.len()).unwrap();
        let other = told.master.workers().into_iter().find(|pid| *pid != victim).unwrap();
        let ask = |mut socket: &Socket, path: &str| {
            let request = Request::get(path).encode(ProtocolName::Http);
            std::io::Write::write_all(&mut socket, &request).unwrap();
        };
        ask(&sockets[0], "/held-0");
        eventually("its thread has a call", || calls(&told.master).len() == 1);
        // It has an idle thread for all to see, and takes nothing.
        kill(Pid::from_raw(other), Signal::SIGSTOP).unwrap();
        for (socket, path) in sockets[1..].iter().zip(paths("once", WAITING)) {
            ask(socket, &path);
        }
        told.eventually("all are on their way", |json| {
            number(json, "tidegate.totals.passed_on") == WAITING as f64
        });
        kill(Pid::from_raw(victim), Signal::SIGKILL).unwrap();
        if round == 0 {
            // Its successor is not the only one that can take them.
            kill(Pid::from_raw(other), Signal::SIGCONT).unwrap();
        }
        for socket in &sockets[1..=WAITING] {
            let response = Response::read(socket);
            response.assert_body("one");
        }
        kill(Pid::from_raw(other), Signal::SIGCONT).unwrap();
        // What was inside its call is lost, and not called again.
        assert!(read_all(&sockets[0]).0.is_empty());
        assert_called_once(&told.master, [paths("held", 1), paths("once", WAITING)].concat());
        let json = told.json();
        assert_eq!(number(&json, "tidegate.totals.taken_over"), WAITING as f64, "{json}");
    }
}
