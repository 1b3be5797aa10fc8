//! Readers that mean no good: the workers are looked after all the same, and others are answered.

use std::fs;
use std::io::Write;
use std::time::Instant;

use crate::reader::{Told, at, kill_worker};
use crate::support::client::{Response, read_all};
use crate::support::eventually;

/// How many descriptors the master has open.
fn descriptors(told: &Told) -> usize {
    fs::read_dir(format!("/proc/{}/fd", told.master.pid())).unwrap().count()
}

/// That the master does its work: a worker that is killed is replaced, and a reader answered.
#[track_caller]
fn assert_alive(told: &Told) {
    let begin = Instant::now();
    let victim = told.master.eventually_has(1)[0];
    kill_worker(victim);
    told.eventually("its successor", |json| {
        at(json, "workers.0.status") == "idle" && *at(json, "workers.0.pid") != victim
    });
    println!("answered and replaced after {:?}", begin.elapsed());
}

#[test]
fn half_a_request_is_told_408() {
    let told = Told::at("127.0.0.1:0", &[]);
    let halves: Vec<_> = (0..40).map(|_| told.remote.send("GET / HTTP/1.1\r\nHost: ")).collect();
    assert_alive(&told);
    for half in &halves {
        assert_eq!(Response::read(half).status, 408);
    }
}

#[test]
fn a_head_without_end_is_told_431() {
    let told = Told::at("127.0.0.1:0", &[]);
    let mut client = told.remote.connect();
    let _ = client.write_all(&[b'A'; 8 << 10]);
    assert_eq!(Response::read(&client).status, 431);
}

#[test]
fn a_thousand_connections_keep_nobody_out() {
    for words in ["", "GET / HTTP/1.1\r\n"] {
        let told = Told::at("127.0.0.1:0", &[]);
        let before = descriptors(&told);
        let crowd: Vec<_> = (0..1_000).map(|_| told.remote.send(words)).collect();
        assert_alive(&told);
        assert!(descriptors(&told) <= before + 64 + 4, "{} after {before}", descriptors(&told));
        drop(crowd);
        eventually("they are let go of", || descriptors(&told) <= before + 2);
    }
}

#[test]
fn a_reader_that_never_reads_is_let_go_of() {
    // Enough workers that what is told of them fills a socket that is not read.
    let told = Told::at("127.0.0.1:0", &["--workers", "32"]);
    let before = descriptors(&told);
    let lazy: Vec<_> = (0..50)
        .map(|_| {
            let mut lazy = told.remote.connect_small();
            lazy.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            lazy
        })
        .collect();
    eventually("they are there", || descriptors(&told) > before + 40);
    told.http("/metrics").assert_status(200);
    eventually("they are let go of", || descriptors(&told) <= before + 2);
    for one in &lazy {
        let (bytes, _) = read_all(one);
        assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[test]
fn a_reader_that_talks_on_and_on_is_cut_off() {
    let told = Told::at("127.0.0.1:0", &[]);
    let mut client = told.remote.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let begin = Instant::now();
    while client.write_all(&[b'x'; 4 << 10]).is_ok() {
        assert!(begin.elapsed() < crate::support::PATIENCE, "it listens for ever");
    }
    assert_alive(&told);
}
