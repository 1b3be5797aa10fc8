//! One address, two kinds of reader.

use std::io::Write;
use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::reader::{Told, at, number};
use crate::support::client::{Response, end_sending, get, read_all};

/// What uWSGI 2.0.21's stats server has, key by key.
const KEYS: [&str; 13] = [
    "version",
    "listen_queue",
    "listen_queue_errors",
    "signal_queue",
    "load",
    "pid",
    "uid",
    "gid",
    "cwd",
    "locks",
    "sockets",
    "workers",
    "tidegate",
];
const SOCKET_KEYS: [&str; 6] = ["name", "proto", "queue", "max_queue", "shared", "can_offload"];
const WORKER_KEYS: [&str; 20] = [
    "id",
    "pid",
    "accepting",
    "requests",
    "delta_requests",
    "exceptions",
    "harakiri_count",
    "signals",
    "signal_queue",
    "status",
    "rss",
    "vsz",
    "running_time",
    "last_spawn",
    "respawn_count",
    "tx",
    "avg_rt",
    "apps",
    "cores",
    "tidegate",
];
const CORE_KEYS: [&str; 10] = [
    "id",
    "requests",
    "static_requests",
    "routed_requests",
    "offloaded_requests",
    "write_errors",
    "read_errors",
    "in_request",
    "vars",
    "req_info",
];

#[track_caller]
fn assert_keys(value: &Value, keys: &[&str]) {
    let mut want = keys.to_vec();
    want.sort_unstable();
    assert_eq!(value.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>(), want);
}

#[test]
fn who_says_nothing_gets_the_keys_of_uwsgi_and_who_speaks_http_is_answered_in_http() {
    for address in ["127.0.0.1:0", "FOLDER/stats"] {
        let told = Told::at(address, &["--workers", "2", "--http", "127.0.0.1:0"]);
        for json in [told.raw(), told.json()] {
            assert_keys(&json, &KEYS);
            assert_keys(at(&json, "sockets.0"), &SOCKET_KEYS);
            assert_keys(at(&json, "workers.1"), &WORKER_KEYS);
            assert_keys(at(&json, "workers.1.cores.0"), &CORE_KEYS);
            assert_eq!(*at(&json, "pid"), told.master.pid());
            assert_eq!(*at(&json, "cwd"), told.master.folder.path().to_str().unwrap());
        }
        let response = told.http("/");
        assert_eq!(response.header("Content-Type"), Some("application/json"));
        let response = told.http("/metrics");
        assert_eq!(response.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        assert!(response.text().contains("\ntidegate_requests_total{worker=\"1\"} 0\n"));
        let head = told.remote.ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!((head.status, head.body.len()), (200, 0));
        told.http("/other").assert_status(404);
        told.remote.ask("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n").assert_status(405);
        told.remote.ask("\x16\x03\x01\x02\x00").assert_status(400);
    }
}

#[test]
fn who_closes_its_side_at_once_is_not_kept_waiting() {
    let told = Told::start(&[]);
    let client = told.remote.connect();
    let begin = Instant::now();
    end_sending(&client);
    let (bytes, broken) = read_all(&client);
    assert!(broken.is_none() && bytes.starts_with(b"{"));
    println!("{:?}", begin.elapsed());
}

#[test]
fn a_stop_takes_the_socket_file_away_and_tells_until_then() {
    let mut told = Told::start(&["--grace", "20"]);
    let running = told.master.remote.send(get("/sleep?1000"));
    told.eventually("it runs", |json| number(json, "tidegate.in_flight") == 1.0);
    told.master.signal(Signal::SIGTERM);
    told.eventually("the worker leaves", |json| at(json, "workers.0.status") == "leaving");
    Response::read(&running).assert_body("one");
    assert_eq!(told.master.wait().code(), Some(0));
    assert!(!told.master.folder.path().join("stats").exists());
}

#[test]
fn a_request_in_pieces_is_one() {
    let told = Told::at("127.0.0.1:0", &[]);
    let mut client = told.remote.connect();
    for byte in b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" {
        client.write_all(&[*byte]).unwrap();
    }
    let (bytes, broken) = read_all(&client);
    assert!(broken.is_none() && bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[test]
fn an_address_that_is_wrong_is_one_line() {
    let refused = |args: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["serve", "hello", "--uwsgi"]).arg(folder.path().join("x.sock")).args(args);
        let output = command.env_remove("RUST_LOG").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let line = refused(&["--stats", "0.0.0.0:0"]);
    assert!(line.contains("not loopback") && line.contains("--allow-from"), "{line}");
    let line = refused(&["--stats", "127.0.0.1:0", "--workers", "0"]);
    assert!(line.starts_with("tidegate: --stats is told by a master") && line.lines().count() == 1, "{line}");
}
