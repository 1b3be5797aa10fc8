//! Requests as they should be, through every kind of socket.

use std::io::Write;
use std::net::TcpListener;

use crate::wire::uwsgi::{Packet, PacketHeader};
use tidegate::{Limits, ListenOptions};

use crate::support::application::{echo, hello, pattern, variables};
use crate::support::client::{Response, get, packet, post, read_all};
use crate::support::eventually;
use crate::support::server::Server;

#[test]
fn every_kind_of_socket_serves() {
    let name = format!("@tidegate-test-server-{}", std::process::id());
    let mut addresses = vec!["127.0.0.1:0", "FOLDER/socket", &name];
    if TcpListener::bind("[::1]:0").is_ok() {
        addresses.push("[::1]:0");
    } else {
        println!("this machine has no ::1: not tested");
    }
    let server = Server::at(&addresses, &ListenOptions::default(), Limits::default(), hello);
    assert_eq!(server.remotes.len(), addresses.len());
    for remote in &server.remotes {
        for _ in 0..3 {
            let response = remote.ask(get("/"));
            response.assert_body("Hello, World");
            assert_eq!(response.header("Content-Type"), Some("text/plain"));
            assert_eq!(response.headers.len(), 2, "the front end adds Date and Server: {response:?}");
        }
    }
}

#[test]
fn the_largest_packet_arrives_intact() {
    let server = Server::start(echo);
    for remote in &server.remotes {
        // 65,535 bytes of variables.
        let small = packet("GET", "/").header_and_vars().unwrap().len() - PacketHeader::LEN;
        let value = "x".repeat(usize::from(u16::MAX) - small - 2 - "HTTP_X".len() - 2);
        let largest = packet("GET", "/").var("HTTP_X", value).header_and_vars().unwrap();
        assert_eq!(largest.len(), usize::from(u16::MAX) + PacketHeader::LEN);
        remote.ask(&largest).assert_body("");
    }
}

#[test]
fn a_request_in_pieces_arrives_intact() {
    let server = Server::start(echo);
    let body = pattern(150_000);
    let request = post("/", &body);
    let head = request.len() - body.len();
    for remote in &server.remotes {
        let (mut client, before) = (remote.connect(), server.received());
        let mut sent = 0;
        // Within the header, within the vars, between head and body, within the body and at its memory's end.
        for end in [1, 3, 4, 5, head - 1, head, head + 1, head + (128 << 10), request.len()] {
            client.write_all(&request[sent..end]).unwrap();
            sent = end;
            eventually("the piece has arrived", || server.received() - before == sent);
        }
        Response::read(&client).assert_body(&body);
    }
}

#[test]
fn one_byte_at_a_time_is_a_request_too() {
    let server = Server::start(echo);
    for remote in &server.remotes {
        let (mut client, before) = (remote.connect(), server.received());
        for (at, byte) in post("/", b"body").iter().enumerate() {
            client.write_all(&[*byte]).unwrap();
            eventually("the byte has arrived", || server.received() - before > at);
        }
        Response::read(&client).assert_body("body");
    }
}

#[test]
fn what_follows_a_request_is_left_alone() {
    let server = Server::start(echo);
    for remote in &server.remotes {
        remote.ask([&post("/", b"body")[..], b" and more"].concat()).assert_body("body");
        let two = [get("/"), get("/")].concat();
        remote.ask(two).assert_body("");
    }
}

#[test]
fn a_ping_is_answered_as_uwsgi_answers_it() {
    let server = Server::start(hello);
    let ping = Packet::new().modifiers(100, 0).header_and_vars().unwrap();
    for remote in &server.remotes {
        assert_eq!(read_all(&remote.send(&ping)), (vec![100, 0, 0, 1], None));
        assert_eq!(read_all(&remote.send([&ping[..], b"trailing"].concat())), (vec![100, 0, 0, 1], None));
    }
}

#[test]
fn the_application_gets_the_variables() {
    let server = Server::start(variables);
    let request = Packet::new()
        .modifiers(30, 0)
        .var("REQUEST_METHOD", "GET")
        .var("SCRIPT_NAME", "/app")
        .var("PATH_INFO", b"/app/caf\xe9")
        .var("HTTP_HOST", "www.example.com:8080")
        .var("HTTP_ACCEPT", "a")
        .var("HTTP_PROXY", "http://evil")
        .var("HTTP_ACCEPT", "b")
        .var("CONTENT_LENGTH", "")
        .header_and_vars()
        .unwrap();
    let want = "REQUEST_METHOD=GET\nSCRIPT_NAME=/app\nPATH_INFO=/caf\\xe9\nHTTP_HOST=www.example.com:8080\n\
                HTTP_ACCEPT=a, b\nSERVER_NAME=www.example.com\nSERVER_PORT=8080\n";
    for remote in &server.remotes {
        assert_eq!(remote.ask(&request).text(), want);
    }
}

#[test]
fn an_expect_header_changes_nothing() {
    let server = Server::start(echo);
    let request = packet("POST", "/")
        .var("CONTENT_LENGTH", "4")
        .var("HTTP_EXPECT", "100-continue")
        .var("HTTP_TRANSFER_ENCODING", "chunked");
    let request = [&request.header_and_vars().unwrap()[..], b"body"].concat();
    for remote in &server.remotes {
        remote.ask(&request).assert_body("body");
    }
}
