//! Applications that fork: a child that comes back serves no request, and one that lives keeps nothing open.

use std::io::{Read, Write};
use std::net::TcpListener;

use nix::sys::signal::Signal;
use tidegate::ProtocolName;

use crate::master::{Master, children, stat};
use crate::support::client::{Remote, Response, read_all};
use crate::support::eventually;
use crate::support::request::Request;

const TCP: [&str; 4] = ["--http", "127.0.0.1:0", "--uwsgi", "127.0.0.1:0"];

fn remotes(master: &Master) -> [(ProtocolName, Remote); 3] {
    let tcp = |protocol| (protocol, master.tcp(protocol));
    [tcp(ProtocolName::Http), tcp(ProtocolName::Uwsgi), (ProtocolName::Uwsgi, master.remote.clone())]
}

#[test]
fn a_child_that_comes_back_ends_and_there_is_one_response() {
    for workers in ["0", "1", "4"] {
        let mut master = Master::start(&[&["--workers", workers][..], &TCP].concat());
        let mut count = 0;
        for (protocol, remote) in remotes(&master) {
            for path in ["/fork", "/fork-error", "/fork-panic", "/fork-step", "/fork-close"] {
                let (bytes, broken) = read_all(remote.send(Request::get(path).encode(protocol)));
                let response = Response::of(&bytes, broken);
                let body = if path == "/fork-step" { "oneoneone" } else { "one" };
                response.assert_body(body);
                let heads = bytes.windows(9).filter(|part| *part == b"HTTP/1.1 ").count();
                assert_eq!(heads, 1, "{path} by {protocol}: {}", bytes.escape_ascii());
                count += 1;
                eventually("the child says so and ends", || {
                    master.count(", which the application has forked, came back and was ended") == count
                });
            }
        }
        let servers = if workers == "0" { vec![master.pid()] } else { master.workers() };
        assert_eq!(servers.len().to_string(), if workers == "0" { "1" } else { workers });
        // What is left of one is a zombie, as the application does not wait for it.
        let lives = |pid: i32| stat(pid).is_some_and(|(state, _)| state != "Z");
        eventually("no child is left", || !servers.iter().flat_map(|pid| children(*pid)).any(lives));
        let address = master.tcp(ProtocolName::Http).name;
        master.signal(Signal::SIGTERM);
        master.wait();
        TcpListener::bind(address).expect("the port is free");
    }
}

#[test]
fn a_child_that_lives_keeps_no_response_open_and_no_port() {
    let mut master = Master::start(&TCP);
    for (protocol, remote) in remotes(&master) {
        // HTTP/1.0 has no chunks: the response ends with its connection, as uwsgi's does. The child lives for longer than is
        // waited for here.
        let (bytes, broken) = read_all(remote.send(Request::get("/fork-live").http10().encode(protocol)));
        Response::of(&bytes, broken).assert_body("one");
    }
    let left = children(master.workers()[0]);
    let live = || left.iter().all(|pid| stat(*pid).is_some_and(|(state, _)| state != "Z"));
    assert!(left.len() == 3 && live());
    let address = master.tcp(ProtocolName::Http).name;
    master.signal(Signal::SIGTERM);
    master.wait();
    assert!(live(), "they outlive the server");
    // A child lets go of the port as the first thing that it does, which is later on a busy machine.
    eventually("the port is free", || TcpListener::bind(&address).is_ok());
}

#[test]
fn a_response_is_seen_to_be_broken_off_though_a_child_lives() {
    let master = Master::start(&TCP);
    for protocol in [ProtocolName::Http, ProtocolName::Uwsgi] {
        let request = Request::get("/fork-live-error").http10().encode(protocol);
        let (bytes, broken) = read_all(master.tcp(protocol).send(request));
        assert!(
            bytes.ends_with(b"one") && broken.is_some(),
            "{protocol}: {broken:?}, {}",
            bytes.escape_ascii()
        );
    }
}

/// The child has the first connection too, so that its registration outlives the close; the second connection has the
/// first one's place by then.
#[test]
fn the_end_of_a_connection_that_a_child_holds_ends_no_other() {
    let master = Master::start(&TCP);
    let http = master.tcp(ProtocolName::Http);
    let mut first = http.send(Request::get("/").kept().encode(ProtocolName::Http));
    assert!(first.read(&mut [0; 4 << 10]).unwrap() > 0);
    first.write_all(&Request::get("/fork-live").encode(ProtocolName::Http)).unwrap();
    Response::read(&first).assert_body("one");
    let mut second = http.connect_small();
    second.write_all(&Request::get("/big").encode(ProtocolName::Http)).unwrap();
    let mut begun = vec![0; 64 << 10];
    let read = second.read(&mut begun).unwrap();
    drop(first);
    // The worker has a turn at least in which it would hear of the first.
    master.get("/").assert_body("one");
    let (rest, broken) = read_all(&second);
    let response = Response::of(&[&begun[..read], &rest].concat(), broken);
    assert_eq!((response.broken, response.complete, response.body.len()), (None, true, 64 << 20));
}
