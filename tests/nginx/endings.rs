//! What ends badly is seen by the client of nginx, and by the application.

use std::time::Duration;

use bytes::Bytes;
use tidegate::Limits;

use crate::support::application::{Alive, PLAIN, endless, hello};
use crate::support::client::read_until;
use crate::support::eventually;
use crate::support::server::Server;
use crate::through_nginx;

#[test]
fn a_client_that_leaves_ends_the_stream() {
    for buffering in ["yes", "no"] {
        let alive = Alive::default();
        let bodies = alive.clone();
        let server = Server::start(move |_, start_response| {
            start_response.start("200 OK", [("X-Accel-Buffering", buffering)])?;
            Ok(bodies.body(endless()))
        });
        // Where nginx buffers, it is to stop at its buffers and not fill a disk.
        let pass = "location / { uwsgi_pass UPSTREAM; uwsgi_max_temp_file_size 0; }";
        through_nginx(&server, pass, |nginx| {
            // One that reads, and one that does not.
            let reader = nginx.send("GET /", &[], b"");
            read_until(&reader, "~~~~");
            assert_eq!(alive.now(), 1);
            drop(reader);
            eventually("the body is closed", || alive.now() == 0);
            let begun = alive.begun();
            let other = nginx.send("GET /", &[], b"");
            eventually("the body is made", || alive.begun() > begun);
            drop(other);
            eventually("the body is closed", || alive.now() == 0);
        });
    }
}

#[test]
fn a_body_that_nginx_keeps_to_itself_is_a_408() {
    let pass = "location / { uwsgi_pass UPSTREAM; uwsgi_pass_request_body off; }";
    let limits = Limits { body_time_max: Duration::from_millis(100), ..Limits::default() };
    let server = Server::with(limits, hello);
    through_nginx(&server, pass, |nginx| {
        let response = nginx.ask("POST /", &[], b"body");
        assert_eq!((response.status, response.complete), (408, true), "{response:?}");
        nginx.get("/").assert_body("Hello, World");
    });
}

#[test]
fn an_answer_that_does_not_come_is_nginx_s_504_and_closes_the_body() {
    let alive = Alive::default();
    let bodies = alive.clone();
    let server = Server::start(move |environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(match environ.path() {
            b"/silent" => bodies.body(std::iter::repeat_with(|| Ok(Bytes::new()))),
            _ => "well".into(),
        })
    });
    let pass = "location / { uwsgi_pass UPSTREAM; }
                location /silent { uwsgi_pass UPSTREAM; uwsgi_read_timeout 100ms; }";
    through_nginx(&server, pass, |nginx| {
        let before = alive.begun();
        assert_eq!(nginx.get("/silent").status, 504);
        eventually("the body is begun, and closed", || alive.begun() > before && alive.now() == 0);
        nginx.get("/").assert_body("well");
    });
    assert_eq!(alive.begun(), 2);
}
