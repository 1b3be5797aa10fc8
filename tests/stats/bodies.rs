//! The memory for request bodies: what is in it, what goes to files, and that all of it comes back.

use std::fs;
use std::io::Write;
use std::net::Shutdown;

use nix::sys::signal::Signal;
use socket2::Socket;
use tidegate::ProtocolName;

use crate::reader::{Told, at, number};
use crate::support::application::pattern;
use crate::support::client::{Remote, Response, get, post_head, read_all};
use crate::support::eventually;
use crate::support::request::Request;
use crate::wire::fastcgi::{Record, record_type};

const KIB: usize = 1 << 10;
/// A worker, threads of the application, and several workers, of which any may have the next request.
const WAYS: [&[&str]; 3] = [&["--workers", "1"], &["--threads", "4"], &["--workers", "4"]];

fn start(args: &[&str]) -> (Told, Vec<(ProtocolName, Remote)>) {
    let tcp = ["--http", "127.0.0.1:0", "--fastcgi", "127.0.0.1:0", "--scgi", "127.0.0.1:0"];
    let told = Told::start(&[&tcp, args].concat());
    let remote = |protocol| match protocol {
        ProtocolName::Uwsgi => told.master.remote.clone(),
        protocol => told.master.tcp(protocol),
    };
    let remotes = ProtocolName::ALL.map(|protocol| (protocol, remote(protocol))).into();
    (told, remotes)
}

/// The response on this connection, as HTTP has it whatever `protocol` is.
#[track_caller]
fn answer(socket: &Socket, protocol: ProtocolName) -> Response {
    let (mut bytes, broken) = read_all(socket);
    if protocol == ProtocolName::Fastcgi {
        let records = Record::all(&bytes).into_iter().filter(|one| one.record_type == record_type::STDOUT);
        bytes = records.flat_map(|record| record.content).collect();
    }
    let response = match bytes.strip_prefix(b"Status: ") {
        Some(rest) => [b"HTTP/1.1 ", rest].concat(),
        None => bytes,
    };
    Response::of(&response, broken)
}

fn sum(body: &[u8]) -> String {
    format!("{} bytes, sum {}", body.len(), body.iter().copied().map(u64::from).sum::<u64>())
}

impl Told {
    #[track_caller]
    fn eventually_uses(&self, what: &str, is_so: impl Fn(f64) -> bool) {
        self.eventually(what, |json| is_so(number(json, "tidegate.body_memory_bytes")));
    }

    fn files(&self) -> f64 {
        number(&self.json(), "tidegate.totals.body_files")
    }
}

#[test]
fn memory_comes_back_however_an_upload_ends() {
    let body = pattern(300 * KIB);
    for way in WAYS {
        let (told, remotes) = start(&[way, &["--max-body", "1m", "--body-timeout", "0.3"]].concat());
        for (protocol, remote) in &remotes {
            let ends =
                |what: &str| told.eventually_uses(&format!("{what} by {protocol}"), |used| used == 0.0);
            let request = |path| Request::post(path, body.as_slice());
            answer(&remote.send(request("/sum").encode(*protocol)), *protocol).assert_body(sum(&body));
            ends("an answer");
            if *protocol == ProtocolName::Http {
                answer(&remote.send(request("/sum").chunked().encode(*protocol)), *protocol)
                    .assert_body(sum(&body));
                ends("an answer to a chunked body");
                // Nobody can know before it comes.
                let too_long = Request::post("/sum", pattern(1_100 * KIB)).chunked();
                answer(&remote.send(too_long.encode(*protocol)), *protocol).assert_status(413);
                ends("a refusal");
            }
            let bytes = request("/sum").encode(*protocol);
            let half = remote.send(&bytes[..bytes.len() / 2]);
            told.eventually_uses("half of it", |used| used >= 128.0 * KIB as f64);
            drop(half);
            ends("a broken upload");
            answer(&remote.send(request("/error").encode(*protocol)), *protocol).assert_status(500);
            ends("an error");
            // A second for each 500 bytes that came, beside what all have.
            let short = Request::post("/sum", "0123456789").encode(*protocol);
            answer(&remote.send(&short[..short.len() - 4]), *protocol).assert_status(408);
            ends("a timeout");
        }
        assert_eq!(told.files(), 0.0);
    }
}

#[test]
fn a_body_that_is_kept_beyond_its_request_keeps_its_memory() {
    let body = pattern(300 * KIB);
    for way in [&["--workers", "1"], &["--threads", "4"]] {
        let (told, remotes) = start(way);
        for (protocol, remote) in &remotes {
            answer(&remote.send(Request::post("/keep", body.as_slice()).encode(*protocol)), *protocol)
                .assert_body("one");
        }
        let blocks = (300 * KIB).next_multiple_of(64 * KIB) * remotes.len();
        told.eventually_uses("all four", |used| used == blocks as f64);
        told.master.get("/drop").assert_body("one");
        told.eventually_uses("none", |used| used == 0.0);
    }
}

#[test]
fn what_is_beyond_the_memory_goes_to_files_and_is_the_same() {
    for way in WAYS {
        let (told, remotes) = start(&[way, &["--body-memory", "1m"]].concat());
        for (len, is_file) in [(1, false), (256 * KIB, false), (256 * KIB + 1, true), (3 << 20, true)] {
            for (protocol, remote) in &remotes {
                let (body, before) = (pattern(len), told.files());
                answer(&remote.send(Request::post("/sum", body.as_slice()).encode(*protocol)), *protocol)
                    .assert_body(sum(&body));
                let what = format!("{len} bytes by {protocol}");
                told.eventually(&what, |json| {
                    let files = number(json, "tidegate.totals.body_files") - before;
                    files == f64::from(u8::from(is_file)) && number(json, "tidegate.body_memory_bytes") == 0.0
                });
            }
        }
        let metrics = told.metrics();
        let files = metrics.lines().filter(|line| line.starts_with("tidegate_request_body_files_total{"));
        let files: f64 = files.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
        assert_eq!(files, 8.0);
        assert!(metrics.contains("\ntidegate_request_body_memory_bytes{worker=\"1\"} 0\n"));
    }
}

#[test]
fn without_memory_each_body_goes_to_a_file() {
    let (told, remotes) = start(&["--body-memory", "0"]);
    for (protocol, remote) in &remotes {
        for len in [1, 5, 300 * KIB] {
            let body = pattern(len);
            answer(&remote.send(Request::post("/sum", body.as_slice()).encode(*protocol)), *protocol)
                .assert_body(sum(&body));
        }
        answer(&remote.send(Request::get("/").encode(*protocol)), *protocol).assert_body("one");
    }
    assert_eq!(
        number(
            &told.eventually("all", |json| number(json, "tidegate.totals.body_files") == 12.0),
            "tidegate.body_memory_bytes"
        ),
        0.0
    );
}

#[test]
fn a_thousand_slow_uploads_stay_within_the_memory() {
    const UPLOADS: usize = 1_000;
    const MIB: usize = 1 << 20;
    const MEMORY: usize = 16 * MIB;
    let told = Told::start(&["--workers", "1", "--body-memory", "16m"]);
    told.master.get("/").assert_body("one");
    let worker = told.master.workers()[0];
    let before = resident(worker);
    let body = pattern(MIB);
    let (first, rest) = body.split_at(200 * KIB);
    let uploads: Vec<Socket> = (0..UPLOADS)
        .map(|_| {
            let mut socket = told.master.remote.send(post_head("/sum", MIB));
            socket.write_all(first).unwrap();
            socket
        })
        .collect();
    let received = (UPLOADS * first.len()) as f64;
    let json = told
        .eventually("all that was sent", |json| number(json, "tidegate.totals.received_bytes") >= received);
    let used = number(&json, "tidegate.body_memory_bytes");
    assert!(used > 0.9 * MEMORY as f64 && used <= MEMORY as f64, "{used}");
    let grown = resident(worker).saturating_sub(before);
    assert!(grown <= MEMORY + 10 * MIB, "{} KiB more", grown / KIB);
    // Beside them one is served at once, and those that go on are whole wherever they were kept.
    told.master.get("/").assert_body("one");
    for mut socket in [&uploads[0], &uploads[UPLOADS / 2], &uploads[UPLOADS - 1]] {
        socket.write_all(rest).unwrap();
        Response::read(socket).assert_body(sum(&body));
    }
    drop(uploads);
    told.eventually_uses("none", |used| used == 0.0);
    let grown = resident(worker).saturating_sub(before);
    assert!(grown <= MEMORY + 10 * MIB, "{} KiB more", grown / KIB);
    // What no other upload wants goes back to the system.
    eventually("the memory is the system's", || resident(worker) < before + 10 * MIB);
}

#[test]
fn an_upload_that_a_reload_finds_half_done_is_answered() {
    let body = pattern(900 * KIB);
    for way in WAYS {
        for memory in ["64m", "0"] {
            let (told, remotes) = start(&[way, &["--body-memory", memory]].concat());
            let uploads: Vec<_> = (remotes.iter())
                .map(|(protocol, remote)| {
                    let bytes = Request::post("/sum", body.as_slice()).encode(*protocol);
                    let (first, rest) = bytes.split_at(bytes.len() / 2);
                    (*protocol, remote.send(first), rest.to_owned())
                })
                .collect();
            told.eventually("the first halves", |json| {
                number(json, "tidegate.totals.received_bytes") >= (2 * body.len()) as f64
            });
            told.master.write_version("two");
            told.master.signal(Signal::SIGHUP);
            told.eventually("a reload", |json| !at(json, "tidegate.last_reload_ended").is_null());
            eventually("the new code", || told.master.get("/").body == b"two");
            for (protocol, mut socket, rest) in uploads {
                socket.write_all(&rest).unwrap();
                answer(&socket, protocol).assert_body(sum(&body));
            }
            told.eventually_uses("none", |used| used == 0.0);
        }
    }
}

#[test]
fn a_child_that_is_forked_with_a_body_in_memory_takes_nothing_of_it_away() {
    let body = pattern(900 * KIB);
    for way in [&["--workers", "1"], &["--threads", "4"]] {
        let (told, remotes) = start(way);
        for (protocol, remote) in &remotes {
            // Another upload is in memory meanwhile.
            let bytes = Request::post("/sum", body.as_slice()).encode(*protocol);
            let mut half = remote.send(&bytes[..bytes.len() / 2]);
            told.eventually_uses("half of it", |used| used > 0.0);
            for path in ["/fork", "/fork-live"] {
                answer(&remote.send(Request::post(path, body.as_slice()).encode(*protocol)), *protocol)
                    .assert_body("one");
            }
            half.write_all(&bytes[bytes.len() / 2..]).unwrap();
            answer(&half, *protocol).assert_body(sum(&body));
            told.eventually_uses("none", |used| used == 0.0);
        }
    }
}

#[test]
fn a_peer_that_only_says_how_much_it_will_send_takes_no_memory() {
    let told = Told::start(&["--workers", "1"]);
    let silent: Vec<Socket> =
        (0..100).map(|_| told.master.remote.send(post_head("/sum", 10 << 20))).collect();
    told.eventually("all are there", |json| number(json, "tidegate.connections") == 100.0);
    let mut more = told.master.remote.send(post_head("/sum", 10 << 20));
    more.write_all(b"x").unwrap();
    told.eventually_uses("one byte", |used| used == 1.0);
    for socket in silent {
        socket.shutdown(Shutdown::Both).unwrap();
    }
    told.eventually("only one is left", |json| number(json, "tidegate.connections") == 1.0);
    told.master.remote.ask(get("/")).assert_body("one");
}

/// What a process has in memory, bytes.
fn resident(pid: i32) -> usize {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * KIB
}
