//! What ends badly is seen by the client of nginx, and by the application.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tidegate::{AppError, Body, Limits};

use crate::support::application::{Alive, PLAIN, endless, hello};
use crate::support::client::{Response, read_all, read_until};
use crate::support::nginx::{Nginx, head};
use crate::support::server::Server;
use crate::support::{PATIENCE, eventually};
use crate::{PASS, through_nginx};

#[test]
fn a_failure_before_anything_is_sent_is_a_500() {
    let server = Server::start(|environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        match environ.path() {
            b"/error" => Err(AppError::new("an error")),
            b"/panic" => panic!("a panic"),
            _ => Ok("well".into()),
        }
    });
    through_nginx(&server, PASS, |nginx| {
        for path in ["/error", "/panic"] {
            let response = nginx.get(path);
            assert_eq!((response.status, response.complete), (500, true), "{response:?}");
            assert_eq!(response.text(), "Internal Server Error\n");
            nginx.get("/").assert_body("well");
        }
    });
}

#[test]
fn a_failure_in_the_middle_cuts_the_client_off() {
    let (permit, permits) = mpsc::channel::<()>();
    let permits = Arc::new(Mutex::new(permits));
    let server = Server::start(move |environ, start_response| {
        let mut fields = vec![("X-Accel-Buffering", "no")];
        if environ.path() == b"/length" {
            fields.push(("Content-Length", "1000"));
        }
        start_response.start("200 OK", fields)?;
        let permits = Arc::clone(&permits);
        Ok(Body::chunks((0..).map(move |step| match step {
            0 => Ok(Bytes::from("the first chunk")),
            // Not before the client has it, lest nginx has nothing to pass on yet and makes it a 502.
            _ => {
                permits.lock().expect("no one panics with it").recv_timeout(PATIENCE)?;
                Err(AppError::new("an error"))
            }
        })))
    });
    for remote in &server.remotes {
        let nginx = Nginx::start(remote, PASS);
        for path in ["/length", "/no-length"] {
            if path == "/no-length" && !remote.is_tcp() {
                // A unix socket knows no reset, and nothing else tells nginx.
                continue;
            }
            let client = nginx.send(&format!("GET {path}"), &[], b"");
            let mut bytes = read_until(&client, "the first chunk");
            permit.send(()).unwrap();
            let (rest, broken) = read_all(&client);
            bytes.extend_from_slice(&rest);
            let response = Response::of(&bytes, broken);
            assert_eq!((response.status, response.complete), (200, false), "{path}: {response:?}");
            assert_eq!(response.text(), "the first chunk");
        }
    }
    assert_eq!(server.lines.count("broken off after"), 3, "{:?}", server.lines.all());
}

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
fn a_body_over_the_bound_is_a_413() {
    let locations = "
        location / { uwsgi_pass UPSTREAM; }
        location /unbuffered { uwsgi_pass UPSTREAM; uwsgi_request_buffering off; }";
    const LEN: usize = 20 << 20;
    let limits = Limits { body_bytes_max: 1 << 20, ..Limits::default() };
    let server = Server::with(limits, hello);
    through_nginx(&server, locations, |nginx| {
        for uri in ["/", "/unbuffered"] {
            let length = LEN.to_string();
            let request = head(&format!("PUT {uri}"), &[("Content-Length", &length)]);
            let client = nginx.remote.send(request);
            // As browsers do: it sends on, and looks at the answer when it comes.
            let mut sending = client.try_clone().unwrap();
            let upload = thread::spawn(move || sending.write_all(&vec![0; LEN]));
            let mut bytes = Vec::new();
            // How nginx closes when the client still sends is its affair.
            let _ = (&mut &client).read_to_end(&mut bytes);
            let response = Response::of(&bytes, None);
            assert_eq!((response.status, response.complete), (413, true), "{uri}: {response:?}");
            assert!(response.text().contains("larger than 1048576 bytes"), "{response:?}");
            drop(client);
            let _ = upload.join().unwrap();
        }
        nginx.ask("PUT /", &[], &vec![0; 1 << 20]).assert_body("Hello, World");
    });
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
    let pass = "location / { uwsgi_pass UPSTREAM; uwsgi_read_timeout 100ms; }";
    through_nginx(&server, pass, |nginx| {
        assert_eq!(nginx.get("/silent").status, 504);
        eventually("the body is closed", || alive.now() == 0);
        nginx.get("/").assert_body("well");
    });
    assert_eq!(alive.begun(), 2);
}
