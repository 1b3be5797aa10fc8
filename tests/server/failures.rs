//! An application that fails: a 500 if nothing was sent, else a response that is seen to break off.

use std::io::ErrorKind;

use bytes::Bytes;
use tidegate::{AppError, Body};

use crate::support::application::{Alive, Answer, PLAIN};
use crate::support::client::{get, read_all};
use crate::support::eventually;
use crate::support::server::Server;

#[test]
fn a_failure_before_anything_is_sent_is_a_500() {
    let server = Server::start(|environ, start_response| -> Answer {
        let started = || start_response.start("200 OK", PLAIN);
        match environ.path() {
            b"/error" => Err(AppError::new("an error")),
            b"/panic" => panic!("a panic"),
            b"/started-error" => started().map_err(AppError::from).and_then(|()| Err(AppError::new("late"))),
            b"/started-panic" => started().map(|()| panic!("a late panic"))?,
            b"/not-started" => Ok(Body::from("no head")),
            b"/not-started-chunks" => Ok(Body::chunks([Ok(Bytes::from("no head"))])),
            b"/twice" => started().and_then(|()| started()).map(|()| Body::empty()).map_err(AppError::from),
            b"/bad-status" => {
                start_response.start("OK", PLAIN)?;
                Ok(Body::empty())
            }
            b"/split" => {
                start_response.start("200 OK", [("X", "a\r\nSet-Cookie: evil=1")])?;
                Ok(Body::empty())
            }
            b"/hop" => {
                start_response.start("200 OK", [("Transfer-Encoding", "chunked")])?;
                Ok(Body::empty())
            }
            b"/first-step" => {
                started()?;
                Ok(Body::chunks([Ok(Bytes::new()), Err(AppError::new("in a step"))]))
            }
            b"/first-step-panic" => {
                started()?;
                Ok(Body::chunks(std::iter::from_fn(|| panic!("in a step"))))
            }
            b"/short" => {
                start_response.start("200 OK", [("Content-Length", "9")])?;
                Ok(Body::from("short"))
            }
            _ => {
                started()?;
                Ok(Body::from("well"))
            }
        }
    });
    let paths = [
        "/error",
        "/panic",
        "/started-error",
        "/started-panic",
        "/not-started",
        "/not-started-chunks",
        "/twice",
        "/bad-status",
        "/split",
        "/hop",
        "/first-step",
        "/first-step-panic",
        "/short",
    ];
    for path in paths {
        for remote in &server.remotes {
            let response = remote.ask(get(path));
            assert_eq!((response.status, response.complete), (500, true), "{path}: {response:?}");
            assert_eq!(response.text(), "Internal Server Error\n", "{path}");
            remote.ask(get("/well")).assert_body("well");
        }
        let line = format!("GET {path}: answered with 500: ");
        assert_eq!(server.lines.count(&line), 2, "{path}: {:?}", server.lines.all());
    }
    assert!(server.lines.contain("panicked: a late panic"), "{:?}", server.lines.all());
}

#[test]
fn a_failure_in_the_middle_is_seen() {
    let alive = Alive::default();
    let bodies = alive.clone();
    let server = Server::start(move |environ, start_response| {
        match environ.query() {
            b"length" => start_response.start("200 OK", [("Content-Length", "1000")])?,
            _ => start_response.start("200 OK", PLAIN)?,
        }
        let panics = environ.path() == b"/panic";
        Ok(bodies.body((0..).map(move |step| match (step, panics) {
            (0, _) => Ok(Bytes::from("the first chunk")),
            (_, false) => Err(AppError::new("an error")),
            (_, true) => panic!("a panic"),
        })))
    });
    for path in ["/error", "/panic", "/error?length", "/panic?length"] {
        for remote in &server.remotes {
            let (bytes, broken) = read_all(&remote.send(get(path)));
            if remote.is_tcp() {
                assert_eq!(broken, Some(ErrorKind::ConnectionReset), "{path}: {}", bytes.escape_ascii());
            } else {
                // A unix socket knows no reset: only the length tells.
                assert_eq!(broken, None, "{path}");
                assert!(bytes.ends_with(b"\r\n\r\nthe first chunk"), "{path}: {}", bytes.escape_ascii());
            }
        }
    }
    assert_eq!(server.lines.count("broken off after"), 8, "{:?}", server.lines.all());
    assert_eq!((alive.begun(), alive.now()), (8, 0));
}

#[test]
fn a_panic_of_close_ends_nothing_but_itself() {
    struct PanicsOnClose(Option<Bytes>);
    impl Iterator for PanicsOnClose {
        type Item = Result<Bytes, AppError>;
        fn next(&mut self) -> Option<Self::Item> {
            self.0.take().map(Ok)
        }
    }
    impl Drop for PanicsOnClose {
        fn drop(&mut self) {
            panic!("in close()");
        }
    }
    let server = Server::start(|_, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(Body::chunks(PanicsOnClose(Some("whole".into()))))
    });
    for _ in 0..2 {
        for remote in &server.remotes {
            remote.ask(get("/")).assert_body("whole");
        }
    }
    // The client has all of the response before the body is closed.
    eventually("four panics are logged", || {
        server.lines.count("closing the body: panicked: in close()") == 4
    });
}
