//! How a server ends, and what does not end it.

use std::io::{BufRead, BufReader, Read, Write, pipe};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::wire::uwsgi::Packet;
use nix::sys::signal::Signal;

use crate::process::{Killed, PATIENCE, Server, run, tidegate};

const STREAM_BYTES: usize = 64 << 20;

/// A stream of [`STREAM_BYTES`], of which the first byte has been read: far more than sockets hold.
fn running_stream(server: &Server) -> TcpStream {
    let mut socket = TcpStream::connect(&server.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let packet = Packet::new()
        .var("REQUEST_METHOD", "GET")
        .var("PATH_INFO", "/stream")
        .var("QUERY_STRING", "chunks=1024&size=65536");
    socket.write_all(&packet.header_and_vars().unwrap()).unwrap();
    socket.read_exact(&mut [0]).unwrap();
    socket
}

#[test]
fn sigterm_sigquit_and_sigint_finish_what_runs() {
    for signal in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGINT] {
        let mut server = Server::start(&["demo"]);
        let mut socket = running_stream(&server);
        server.signal(signal);
        server.log("stopping: 1 connection is open");
        let refused = run(&["request", &server.address, "/hello"]);
        assert_eq!(refused.code, Some(1), "a new connection was accepted: {refused:?}");
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).unwrap();
        let head = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        assert_eq!(rest.len() - head - 4, STREAM_BYTES, "{signal}");
        assert_eq!(server.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_second_sigint_ends_it_at_once() {
    let mut server = Server::start(&["demo"]);
    let _socket = running_stream(&server);
    server.signal(Signal::SIGINT);
    server.log("stopping: 1 connection is open");
    server.signal(Signal::SIGINT);
    assert_eq!(server.wait().code(), Some(130));
}

#[test]
fn what_does_not_finish_is_ended_after_the_grace() {
    let mut server = Server::start(&["demo", "--grace", "0.1"]);
    let _socket = running_stream(&server);
    server.signal(Signal::SIGTERM);
    server.log("stopped with 1 connection open: the time (--grace) is over");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_stdout_that_nobody_reads_is_no_reason_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock").display().to_string();
    let without_reader = || Stdio::from(pipe().unwrap().1);
    for (redirection, stdout) in [(">&-", Stdio::null()), ("", without_reader())] {
        let script = format!("exec \"$0\" serve hello --access-log --trace --uwsgi \"$1\" {redirection}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_tidegate"), &path]);
        let _server =
            Killed(shell.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while run(&["request", &path, "/"]).text() != "Hello, World\n" {
            assert!(Instant::now() < deadline, "the server does not answer");
        }
        for _ in 0..3 {
            assert_eq!(run(&["request", &path, "/"]).text(), "Hello, World\n", "{redirection}");
        }
    }
}

#[test]
fn a_reader_that_leaves_costs_the_access_log_and_nothing_else() {
    let (reader, writer) = pipe().unwrap();
    let mut command = tidegate(["serve", "hello", "--access-log", "--uwsgi", "127.0.0.1:0"]);
    let mut server = Killed(command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap());
    drop(command);
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let address =
        lines.find_map(|line| line.strip_prefix("Listening on uwsgi://").map(str::to_owned)).unwrap();
    drop(lines);
    for _ in 0..3 {
        assert_eq!(run(&["request", &address, "/"]).text(), "Hello, World\n");
    }
    let mut err = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = err.find(|line| line.contains(" WARN ")).unwrap();
    assert!(line.ends_with("): the access log: nobody reads it any more: its lines are lost"), "{line}");
}
