//! The load against the floor, briefly: both ends of every measurement at once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tidegate_compare::address::Address;
use tidegate_compare::cores::Cores;
use tidegate_compare::load::{Bound, Target, run};
use tidegate_compare::procfs;
use tidegate_compare::protocol::Protocol;
use tidegate_compare::server::Server;
use tidegate_compare::stream::{Stream, download};
use tidegate_compare::{idle, load};

/// More than one round of a chunk, and not a whole number of them.
const BODY: u64 = 300_001;

#[test]
fn every_request_is_answered_over_a_unix_socket() {
    let floor = floor("unix", unix("unix"), &[]);
    assert_eq!(hundred(&floor, &mut []).unwrap().requests, 100);
}

#[test]
fn every_request_is_answered_over_tcp() {
    let floor = floor("tcp", Address::free_tcp().expect("a free port"), &[]);
    assert_eq!(hundred(&floor, &mut []).unwrap().requests, 100);
}

#[test]
fn a_wrong_body_is_an_error() {
    let floor = floor("wrong", unix("wrong"), &["--stream", "20"]);
    assert!(hundred(&floor, &mut []).is_err_and(|error| error.to_string().contains("wrong body")));
}

#[test]
fn a_long_reply_is_checked_to_its_last_byte() {
    let floor = floor("long", unix("long"), &["--stream", &BODY.to_string()]);
    let body = vec![b'.'; BODY as usize];
    assert_eq!(requests(&floor, &body, &mut []).unwrap().requests, 100);
    assert!(
        requests(&floor, &body[1..], &mut []).is_err_and(|error| error.to_string().contains("wrong body"))
    );
}

#[test]
fn a_stream_is_counted_to_its_last_byte() {
    let floor = floor("stream", unix("stream"), &["--stream", &BODY.to_string()]);
    let packet = Protocol::Uwsgi.get("/");
    assert!(download(&floor.address, &packet, BODY).unwrap() > 0.0);
    assert!(download(&floor.address, &packet, BODY + 1).is_err());
}

#[test]
fn small_requests_go_on_beside_others() {
    let floor = floor("beside", unix("beside"), &[]);
    let held = idle::hold(&floor.address, 50).unwrap();
    let mut streams = [Stream::open(&floor.address, &Protocol::Uwsgi.get("/")).unwrap()];
    assert_eq!(hundred(&floor, &mut streams).unwrap().requests, 100);
    assert_eq!(streams[0].received, 13);
    assert!(procfs::descriptors(floor.pid()).unwrap() > held.len());
}

fn hundred(server: &Server, streams: &mut [Stream]) -> std::io::Result<load::Report> {
    requests(server, b"Hello, World\n", streams)
}

/// A hundred requests of two kinds, each answered with `body`.
fn requests(server: &Server, body: &[u8], streams: &mut [Stream]) -> std::io::Result<load::Report> {
    let packets = ["/", "/other"].map(|target| Protocol::Uwsgi.get(target));
    let target = Target { address: &server.address, protocol: Protocol::Uwsgi, packets: &packets, body };
    run(&target, 7, Bound { time: Duration::from_secs(10), requests: 100 }, streams)
}

fn floor(name: &str, address: Address, options: &[&str]) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floor"));
    command.arg(address.to_string()).args(options);
    let log = scratch(name).with_extension("log");
    Server::start(command, address, &log, &Cores::one()).expect("the floor starts")
}

fn unix(name: &str) -> Address {
    Address::unix(&scratch(name)).expect("a path short enough for a socket")
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.sock"))
}
