//! What is wrong with a request is told to its sender, and to the operator in a line.

use std::io::Write;
use std::net::{Ipv4Addr, UdpSocket};

use crate::wire::uwsgi::Packet;
use tidegate::parse_network;
use tidegate::{Limits, ListenOptions};

use crate::support::application::{Alive, hello};
use crate::support::client::{
    Remote, Response, assert_no_answer, end_sending, get, packet, post_head, read_all,
};
use crate::support::server::Server;
use crate::support::{PATIENCE, eventually};

/// A server that is asked nothing which reaches its application.
fn closed_to_all(limits: Limits) -> (Server, Alive) {
    let called = Alive::default();
    let count = called.clone();
    let server = Server::with(limits, move |_, start_response| {
        start_response.start("200 OK", [("X", "y")])?;
        Ok(count.body([]))
    });
    (server, called)
}

/// A request whose head is `vars`, as they stand.
fn raw(vars: &[u8]) -> Vec<u8> {
    let mut packet = vec![0, 0, 0, 0];
    packet[1..3].copy_from_slice(&u16::try_from(vars.len()).unwrap().to_le_bytes());
    [packet.as_slice(), vars].concat()
}

#[test]
fn a_bad_request_is_refused_and_logged_with_its_offset() {
    let (server, called) = closed_to_all(Limits::default());
    let length = |value: &str| packet("POST", "/").var("CONTENT_LENGTH", value).header_and_vars().unwrap();
    let many = (0..=1_000).fold(Packet::new(), |packet, i| packet.var(format!("V{i}"), ""));
    let cases: [(&str, Vec<u8>, u16, &str); 11] = [
        ("empty key", raw(b"\x01\0A\0\0\0\0\0\0"), 400, "key of length 0, at offset 9"),
        (
            "key overrun",
            raw(b"\x09\0A"),
            400,
            "a key of 9 bytes overruns the vars, of which 1 are left, at offset 4",
        ),
        ("value overrun", raw(b"\x01\0A\xff\xffB"), 400, "a value of 65535 bytes overruns"),
        ("cut length", raw(b"\x01\0A\x01"), 400, "1 of its 2 bytes), at offset 7"),
        ("no vars", raw(b""), 400, "REQUEST_METHOD is missing"),
        ("a word", length("many"), 400, "\"many\" is not a number of bytes, at offset"),
        ("a sign", length("+1"), 400, "\"+1\" is not a number of bytes"),
        ("a list", length("1, 1"), 400, "is not a number of bytes"),
        ("too long", length("1073741825"), 413, "larger than 1073741824 bytes (Limits::body_bytes_max)"),
        ("beyond 64 bits", length("99999999999999999999"), 413, "larger than 1073741824 bytes"),
        ("too many vars", many.header_and_vars().unwrap(), 431, "more than 1000 variables, at offset"),
    ];
    for (what, request, status, line) in cases {
        for remote in &server.remotes {
            let before = server.lines.all().len();
            let response = remote.ask(&request);
            assert_eq!((response.status, response.complete), (status, true), "{what}: {response:?}");
            assert!(!response.text().is_empty(), "{what}");
            let lines = server.lines.all().split_off(before);
            assert!(lines.len() == 1 && lines[0].starts_with("WARN "), "{what}: {lines:?}");
            assert!(lines[0].contains(line) && lines[0].contains(&status.to_string()), "{what}: {lines:?}");
        }
    }
    assert_eq!(called.begun(), 0);
}

#[test]
fn as_many_variables_as_allowed_are_a_request() {
    let server = Server::start(hello);
    let many = (0..999)
        .fold(Packet::new().var("REQUEST_METHOD", "GET"), |packet, i| packet.var(format!("V{i}"), ""));
    server.unix().ask(many.header_and_vars().unwrap()).assert_body("Hello, World");
}

#[test]
fn a_request_that_ends_early_is_closed_and_reaches_nobody() {
    let (server, called) = closed_to_all(Limits::default());
    let whole = [&post_head("/", 10)[..], b"012345678"].concat();
    for remote in &server.remotes {
        for len in [0, 1, 4, 20, whole.len() - 9, whole.len()] {
            let client = remote.send(&whole[..len]);
            end_sending(&client);
            assert_eq!(read_all(&client), (vec![], None), "{}: {len} bytes", remote.name);
        }
    }
    assert_eq!(called.begun(), 0);
    assert_eq!(server.lines.count("DEBUG "), 12, "{:?}", server.lines.all());
    assert_eq!(server.lines.count("after 9 bytes of a request's body"), 2, "{:?}", server.lines.all());
}

#[test]
fn another_protocol_is_recognised() {
    let (server, called) = closed_to_all(Limits::default());
    for remote in &server.remotes {
        for request in
            ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.0\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n"]
        {
            let response = remote.ask(request);
            response.assert_status(400);
            assert!(response.text().contains("speaks the uwsgi protocol, not HTTP"), "{}", response.text());
        }
        remote.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").assert_status(400);
        assert_no_answer(&remote.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"));
    }
    assert_eq!(server.lines.count("not HTTP: use nginx's uwsgi_pass"), 6, "{:?}", server.lines.all());
    assert_eq!(server.lines.count("not HTTP/2"), 2, "{:?}", server.lines.all());
    assert_eq!(server.lines.count("not TLS"), 2, "{:?}", server.lines.all());
    assert_eq!(called.begun(), 0);
}

#[test]
fn a_packet_that_is_no_request_is_closed_and_named() {
    let (server, called) = closed_to_all(Limits::default());
    for (modifier1, meaning) in
        [(5, "PSGI, Perl"), (22, "evaluation of code"), (173, "RPC"), (255, "a response")]
    {
        let vars = [("REQUEST_METHOD", "GET"), ("UWSGI_FILE", "/etc/passwd")];
        let packet = vars.iter().fold(Packet::new(), |packet, (name, value)| packet.var(name, value));
        for remote in &server.remotes {
            assert_no_answer(&remote.send(packet.clone().modifiers(modifier1, 0).header_and_vars().unwrap()));
        }
        let line = format!("modifier1 {modifier1} ({meaning}) is not served here");
        assert_eq!(server.lines.count(&line), 2, "{:?}", server.lines.all());
    }
    assert_eq!(called.begun(), 0);
}

/// Sends 100 MB, as far as they are taken, and only then reads.
fn upload(remote: &Remote, head: &[u8]) -> (usize, Response) {
    let mut client = remote.send(head);
    let piece = vec![b'u'; 1_000_000];
    let sent = (0..100).take_while(|_| client.write_all(&piece).is_ok()).count();
    (sent, Response::read(&client))
}

#[test]
fn a_refusal_reaches_a_peer_that_still_sends() {
    let limits = Limits { body_bytes_max: 1 << 20, ..Limits::default() };
    let (server, called) = closed_to_all(limits);
    for remote in &server.remotes {
        let (sent, response) = upload(remote, &post_head("/", 100_000_000));
        assert_eq!((sent, response.status, response.complete), (100, 413, true), "{}", remote.name);
        assert!(response.text().contains("larger than 1048576 bytes"), "{}", response.text());
        let (sent, response) = upload(remote, b"PUT / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n");
        assert_eq!((sent, response.status, response.complete), (100, 400, true), "{}", remote.name);
    }
    assert_eq!(called.begun(), 0);
}

#[test]
fn a_refused_peer_that_stays_is_closed_in_the_end() {
    let limits = Limits { drain_time_max: std::time::Duration::from_millis(100), ..Limits::default() };
    let (server, _) = closed_to_all(limits);
    for remote in &server.remotes {
        let mut client = remote.send(raw(b""));
        Response::read(&client).assert_status(400);
        // We have not closed our side: until its time is over, it takes what we send.
        eventually("the peer is closed", || client.write_all(b"more").is_err());
    }
}

#[test]
fn a_peer_that_is_not_allowed_is_refused() {
    // Connecting a datagram socket sends nothing; it only finds the address that this machine would use.
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = match probe.connect("198.51.100.1:9").and_then(|()| probe.local_addr()) {
        Ok(own) if !own.ip().is_loopback() => own.ip(),
        other => return println!("this machine has no address but loopback ({other:?}): not tested"),
    };
    let allow_from = vec![parse_network("203.0.113.0/24").unwrap()];
    let options = ListenOptions { allow_from, ..ListenOptions::default() };
    let server = Server::at(&["0.0.0.0:0"], &options, Limits::default(), hello);
    let port = server.remotes[0].address.as_socket().unwrap().port();
    let remote =
        |ip| Remote { name: "a peer".to_owned(), address: std::net::SocketAddr::new(ip, port).into() };

    let client = remote(own).connect();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_no_answer(&client);
    server.eventually_logs("refused: not among the addresses of ListenOptions::allow_from");
    remote(Ipv4Addr::LOCALHOST.into()).ask(get("/")).assert_body("Hello, World");
}
