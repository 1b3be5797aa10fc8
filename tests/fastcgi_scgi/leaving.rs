//! FastCGI connections that are kept, at a server that stops: END_REQUEST cannot say that no more is answered there.

use std::time::Duration;

use crate::wire::fastcgi::record_type::GET_VALUES_RESULT;
use tidegate::{Limits, ProtocolName};

use crate::client::Client;
use crate::server::Server;
use crate::support::longer_times::with_longer_times;
use crate::wire::Pairs;
use crate::wire::fastcgi::{KEEP_CONN, Record, get, request};

/// A request that nginx sends.
fn from_nginx(id: u16, flags: u8, path: &str) -> Vec<u8> {
    let pairs: Pairs<'_> = &[
        (b"REQUEST_METHOD", b"GET"),
        (b"PATH_INFO", path.as_bytes()),
        (b"SERVER_SOFTWARE", b"nginx/1.22.1"),
    ];
    request(id, flags, pairs, b"")
}

#[test]
fn what_is_asked_on_a_kept_connection_meanwhile_is_answered() {
    with_longer_times(|factor| {
        let limits = Limits::default();
        let grace_idle_time_max = factor * limits.grace_idle_time_max;
        let grace_kept_time_max = limits.grace_time_max;
        ask_meanwhile(Server::with(Limits { grace_idle_time_max, grace_kept_time_max, ..limits }));
    });
}

fn ask_meanwhile(server: Server) {
    let mut clients: Vec<_> =
        server.remotes(ProtocolName::Fastcgi).into_iter().map(Client::connect_small).collect();
    for client in &mut clients {
        client.send(get(1, KEEP_CONN, "/long"));
        client.record();
    }
    server.order_stop();
    for client in &mut clients {
        client.answer(1);
        // Each is behind the last one's END_REQUEST, which a peer takes for the connection's being free.
        for _ in 0..100 {
            client.send(get(1, KEEP_CONN, "/hello"));
            assert_eq!(client.answer(1).parts().1, b"Hello, World");
        }
    }
    // A peer that asks no more is let go.
    clients.into_iter().for_each(Client::assert_closed);
    server.stop();
}

#[test]
fn one_that_is_always_in_use_is_closed_behind_an_answer_in_time() {
    let server = Server::with(Limits { grace_kept_time_max: Duration::ZERO, ..Limits::default() });
    let mut clients = Vec::new();
    for ahead in [0, 1, 3] {
        let mut client = Client::connect_small(server.fastcgi());
        client.send(get(1, KEEP_CONN, "/long"));
        client.record();
        // What is asked by then is answered.
        (0..ahead).for_each(|_| client.send(get(1, KEEP_CONN, "/hello")));
        clients.push((client, ahead));
    }
    server.order_stop();
    for (mut client, ahead) in clients {
        client.answer(1);
        for _ in 0..ahead {
            assert_eq!(client.answer(1).parts().1, b"Hello, World");
        }
        client.assert_closed();
    }
    server.stop();
}

#[test]
fn nginx_is_told_to_let_go() {
    let server = Server::start();
    for (flags, is_told) in [(KEEP_CONN, true), (0, false)] {
        let server = Server::start();
        let mut client = Client::connect_small(server.fastcgi());
        client.send(from_nginx(1, flags, "/long"));
        client.record();
        server.order_stop();
        client.answer(1);
        if is_told {
            let record = Record { record_type: GET_VALUES_RESULT, id: 0, content: Vec::new() };
            assert_eq!(client.record(), record);
        }
        client.assert_closed();
    }
    // Not before it stops, and no other peer is.
    let mut client = Client::connect(server.fastcgi());
    client.send([from_nginx(1, KEEP_CONN, "/hello"), from_nginx(1, 0, "/hello")].concat());
    for _ in 0..2 {
        assert_eq!(client.answer(1).parts().1, b"Hello, World");
    }
    client.assert_closed();
}
