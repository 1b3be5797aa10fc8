//! What takes too long is ended, and the peer is told, if it can still hear it.

use std::io::Write;
use std::time::Duration;

use tidegate::Limits;

use crate::support::application::{echo, pattern};
use crate::support::client::{Response, get, packet, post_head, read_all};
use crate::support::longer_times::with_longer_times;
use crate::support::server::Server;

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn a_late_head_is_a_408() {
    with_longer_times(|factor| {
        let server = Server::with(Limits { head_time_max: factor * SHORT, ..Limits::default() }, echo);
        for remote in &server.remotes {
            for len in [1, 4, get("/").len() - 1] {
                let response = remote.ask(&get("/")[..len]);
                response.assert_status(408);
                assert!(response.text().contains("head did not arrive in time"), "{}", response.text());
            }
        }
        assert_eq!(server.lines.count("WARN "), 6, "{:?}", server.lines.all());
    });
}

#[test]
fn a_late_body_is_a_408() {
    let server = Server::with(Limits { body_time_max: SHORT, ..Limits::default() }, echo);
    for remote in &server.remotes {
        // As uwsgi_pass_request_body off sends it; and one that stops.
        for body in [&b""[..], b"0123456789"] {
            let response = remote.ask([&post_head("/", 1_000)[..], body].concat());
            response.assert_status(408);
            assert!(response.text().contains(&format!("({} bytes of it did)", body.len())), "{response:?}");
        }
    }
}

#[test]
fn a_silent_connection_is_closed() {
    let server = Server::with(Limits { head_time_max: SHORT, ..Limits::default() }, echo);
    for remote in &server.remotes {
        assert_eq!(read_all(&remote.connect()), (vec![], None));
    }
    assert_eq!(server.lines.count("DEBUG "), 2, "{:?}", server.lines.all());
}

#[test]
fn bytes_of_a_body_earn_it_time() {
    let limits = Limits { body_time_max: SHORT, body_bytes_per_second_min: 10_000, ..Limits::default() };
    let server = Server::with(limits, echo);
    let body = pattern(1 << 20);
    for remote in &server.remotes {
        // All but the last byte, which is worth 104 s.
        let mut earns = remote.send([&post_head("/", body.len())[..], &body[1..]].concat());
        // Two that came later, one behind the other, have their time over first.
        for _ in 0..2 {
            remote.ask(post_head("/", 1)).assert_status(408);
        }
        earns.write_all(&body[..1]).unwrap();
        Response::read(&earns).assert_body([&body[1..], &body[..1]].concat());
    }
}

#[test]
fn many_that_are_late_are_all_told() {
    with_longer_times(|factor| {
        let short = factor * SHORT;
        let limits = Limits { head_time_max: short, body_time_max: 2 * short, ..Limits::default() };
        let server = Server::with(limits, echo);
        let clients: Vec<_> = (0..60)
            .map(|at| {
                let head = if at % 3 == 0 { vec![0] } else { post_head("/", 9) };
                server.remotes[at % 2].send(head)
            })
            .collect();
        for client in &clients {
            Response::read(client).assert_status(408);
        }
        server.tcp().ask(packet("GET", "/").header_and_vars().unwrap()).assert_body("");
    });
}
