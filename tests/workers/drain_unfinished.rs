//! `--drain` beside what is unfinished: a slow reader, half a request, a slow upload, and connections that are kept and say nothing.

use std::io::{ErrorKind, Read, Write};

use nix::sys::signal::Signal;
use socket2::Socket;
use tidegate::ProtocolName;

use crate::reader::Told;
use crate::support::client::{Remote, read_all, read_until};
use crate::support::eventually;
use crate::support::request::Request;

const WORKERS: [&str; 2] = ["1", "4"];
/// A response that no socket holds: this many pieces of 4 KiB.
const PIECES: usize = 2_000;
const UPLOAD_BYTES: usize = 300_000;

#[test]
fn what_is_unfinished_when_it_begins_is_whole_in_the_end() {
    for workers in WORKERS {
        let mut told = start(workers, "600", "600");
        let remotes = remotes(&told);
        let readers: Vec<_> = remotes.iter().map(read_slowly).collect();
        let mut writers: Vec<_> = remotes.iter().flat_map(write_slowly).collect();
        let silent: Vec<_> = remotes.iter().flat_map(say_nothing).collect();
        told.master.signal(Signal::SIGTERM);
        eventually("it is not ready", || told.http("/ready").status == 503);
        eventually("its workers know", || is_last(&remotes));
        writers.iter_mut().for_each(SlowWriter::go_on);
        for mut reader in &readers {
            reader.read_exact(&mut [0; 64 << 10]).unwrap();
        }
        silent.iter().for_each(assert_open);
        told.master.signal(Signal::SIGTERM);
        told.master.says("stopping: ");
        writers.into_iter().for_each(SlowWriter::finish);
        for reader in &readers {
            let (bytes, broken) = read_all(reader);
            // Behind what was read before; no head and no frame has an x.
            let count = bytes.iter().filter(|byte| **byte == b'x').count();
            let missing = PIECES * 4096 - count;
            assert!(broken.is_none() && missing < 128 << 10, "{broken:?}, {missing} bytes too few");
        }
        for socket in &silent {
            assert_eq!(read_all(socket), (Vec::new(), None));
        }
        assert_eq!(told.master.wait().code(), Some(0));
        assert!(!told.master.is_anyone_left());
    }
}

#[test]
fn what_does_not_end_is_given_up_with_the_time_of_the_stop() {
    for workers in WORKERS {
        let mut told = start(workers, "0.2", "0.5");
        let remotes = remotes(&told);
        let readers: Vec<_> = remotes.iter().map(read_slowly).collect();
        let writers: Vec<_> = remotes.iter().flat_map(write_slowly).collect();
        let silent: Vec<_> = remotes.iter().flat_map(say_nothing).collect();
        told.master.signal(Signal::SIGTERM);
        assert_eq!(told.master.wait().code(), Some(0));
        assert!(!told.master.is_anyone_left());
        for reader in &readers {
            // What is missing is not taken for the end.
            let (bytes, broken) = read_all(reader);
            assert!(
                broken.is_some() && bytes.len() < PIECES * 4096,
                "{broken:?} after {} bytes",
                bytes.len()
            );
        }
        for writer in &writers {
            let (bytes, _) = read_all(&writer.socket);
            assert!(!contains(&bytes, "200 OK"), "{:?}", String::from_utf8_lossy(&bytes));
        }
        for socket in &silent {
            assert_eq!(read_all(socket).0, Vec::<u8>::new());
        }
    }
}

#[track_caller]
fn start(workers: &str, drain: &str, grace: &str) -> Told {
    let mut args = vec!["--workers", workers, "--drain", drain, "--grace", grace];
    for option in ["--http", "--fastcgi", "--scgi", "--uwsgi"] {
        args.extend([option, "127.0.0.1:0"]);
    }
    Told::start(&args)
}

fn remotes(told: &Told) -> Vec<(ProtocolName, Remote)> {
    ProtocolName::ALL.into_iter().map(|protocol| (protocol, told.master.tcp(protocol))).collect()
}

/// Whether each protocol's connections end with the next answer; those of a worker that knows do.
fn is_last(remotes: &[(ProtocolName, Remote)]) -> bool {
    let (_, http) = remotes.iter().find(|(protocol, _)| *protocol == ProtocolName::Http).unwrap();
    let mut socket = http.connect();
    socket.write_all(&Request::get("/").kept().encode(ProtocolName::Http)).unwrap();
    contains(&read_until(&socket, "one"), "Connection: close")
}

/// Asks for a long response, and reads no more of it than its beginning.
fn read_slowly((protocol, remote): &(ProtocolName, Remote)) -> Socket {
    let mut socket = remote.connect_small();
    socket.write_all(&Request::get(format!("/chunks?{PIECES}")).encode(*protocol)).unwrap();
    assert!(socket.read(&mut [0; 512]).unwrap() > 0);
    socket
}

/// A request that is sent in three parts, and what its answer has in it.
struct SlowWriter {
    protocol: ProtocolName,
    socket: Socket,
    rest: Vec<u8>,
    part: usize,
    wants: String,
}

/// Half a request, and the first third of an upload.
fn write_slowly((protocol, remote): &(ProtocolName, Remote)) -> [SlowWriter; 2] {
    let upload = vec![7; UPLOAD_BYTES];
    let wants = format!("{UPLOAD_BYTES} bytes, sum {}", 7 * UPLOAD_BYTES);
    [(Request::get("/"), "one".to_owned()), (Request::post("/sum", upload), wants)].map(|(request, wants)| {
        let rest = request.encode(*protocol);
        let part = rest.len() / 3;
        let mut writer = SlowWriter { protocol: *protocol, socket: remote.connect(), rest, part, wants };
        writer.go_on();
        writer
    })
}

impl SlowWriter {
    fn go_on(&mut self) {
        let rest = self.rest.split_off(self.part);
        self.socket.write_all(&self.rest).unwrap();
        self.rest = rest;
    }

    #[track_caller]
    fn finish(mut self) {
        self.socket.write_all(&self.rest).unwrap();
        let (bytes, broken) = read_all(&self.socket);
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            broken.is_none() && text.contains("200 OK") && text.contains(&self.wants),
            "{}: {broken:?}, {text}",
            self.protocol
        );
    }
}

/// One connection that has said nothing, and one that is kept behind an answer, where there is such a thing.
fn say_nothing((protocol, remote): &(ProtocolName, Remote)) -> Vec<Socket> {
    let mut sockets = vec![remote.connect()];
    if matches!(protocol, ProtocolName::Http | ProtocolName::Fastcgi) {
        let mut kept = remote.connect();
        let request = Request::get("/").kept().encode(*protocol);
        kept.write_all(&request).unwrap();
        let answer = read_until(&kept, "one");
        if *protocol == ProtocolName::Fastcgi && !contains(&answer, "\u{1}\u{3}") {
            read_until(&kept, "\u{1}\u{3}");
        }
        sockets.push(kept);
    }
    sockets
}

#[track_caller]
fn assert_open(socket: &Socket) {
    socket.set_nonblocking(true).unwrap();
    let read = (&*socket).read(&mut [0; 64]);
    socket.set_nonblocking(false).unwrap();
    assert!(matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock), "{read:?}");
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
