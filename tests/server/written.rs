//! What start_response gives beside the head: write(), and whether the client is still there; and what close() does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tidegate::{AppError, Body, Limits, ListenOptions, ProtocolName};

use crate::support::application::{PLAIN, pattern};
use crate::support::client::{end_sending, get, read_all, read_until};
use crate::support::eventually;
use crate::support::server::Server;

const NONE: [(&str, &str); 0] = [];

#[test]
fn what_is_written_goes_before_the_body() {
    let server = Server::start(|_, start_response| {
        start_response.start("200 OK", PLAIN)?;
        for chunk in ["one ", "", "two "] {
            start_response.write(chunk)?;
        }
        let mut steps = ["three ", "four "].into_iter();
        Ok(Body::chunks(std::iter::from_fn(move || {
            let step = steps.next()?;
            // A step that writes: the chunk comes behind it.
            Some(
                start_response
                    .write(format!("before {step}"))
                    .map(|()| Bytes::from(step))
                    .map_err(AppError::from),
            )
        })))
    });
    for remote in &server.remotes {
        let response = remote.ask(get("/"));
        response.assert_body("one two before three three before four four ");
        assert_eq!(response.header("Content-Length"), None, "the length is more than the body's");
    }
}

#[test]
fn what_memory_does_not_hold_is_written_to_a_file() {
    const LEN: usize = 10 << 20;
    let limits = Limits { written_memory_bytes_max: 100_000, ..Limits::default() };
    let server = Server::with(limits, |_, start_response| {
        start_response.start("200 OK", NONE)?;
        for piece in pattern(LEN).chunks(30_011) {
            start_response.write(Bytes::copy_from_slice(piece))?;
        }
        Ok(Body::from("end"))
    });
    for remote in &server.remotes {
        remote.ask(get("/")).assert_body([&pattern(LEN)[..], b"end"].concat());
    }
}

#[test]
fn a_length_cuts_off_what_is_written() {
    let server = Server::start(|environ, start_response| {
        start_response.start("200 OK", [("Content-Length", "5")])?;
        start_response.write("abc")?;
        start_response.write(if environ.path() == b"/short" { "d" } else { "defgh" })?;
        Ok(Body::empty())
    });
    for remote in &server.remotes {
        remote.ask(get("/")).assert_body("abcde");
        let short = remote.ask(get("/short"));
        assert!(!short.complete && short.body == b"abcd", "{short:?}");
    }
    server.eventually_logs("1 bytes short of its Content-Length");
}

#[test]
fn a_failure_in_the_call_takes_back_what_was_written() {
    let server = Server::start(|_, start_response| {
        start_response.start("200 OK", NONE)?;
        start_response.write("never seen")?;
        Err(AppError::new("no more ink"))
    });
    for remote in &server.remotes {
        remote.ask(get("/")).assert_status(500);
    }
}

#[test]
fn an_only_chunk_has_a_length() {
    let server = Server::start(|environ, start_response| {
        start_response.start("200 OK", NONE)?;
        let count = environ.query().len();
        Ok(Body::chunks((0..count).map(|_| Ok(Bytes::from_static(b"chunk")))))
    });
    for remote in &server.remotes {
        let one = remote.ask(get("/?1"));
        one.assert_body("chunk");
        assert_eq!(one.header("Content-Length"), Some("5"));
        let two = remote.ask(get("/?12"));
        two.assert_body("chunkchunk");
        assert_eq!(two.header("Content-Length"), None);
    }
}

#[test]
fn a_body_is_closed_when_its_last_byte_is_gone() {
    static CLOSED: AtomicBool = AtomicBool::new(false);
    const LEN: usize = 8 << 20;
    const HEAD_LEN: usize = "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n".len();
    // A thread of the application's own would close it at once, and go on.
    let remotes = [(ProtocolName::Uwsgi, "127.0.0.1:0"), (ProtocolName::Uwsgi, "FOLDER/socket")];
    let server =
        Server::on(None, &remotes, &ListenOptions::default(), Limits::default(), |_, start_response| {
            start_response.start("200 OK", NONE)?;
            Ok(Body::from(pattern(LEN)).with_close(|| {
                CLOSED.store(true, Ordering::SeqCst);
                Err(AppError::new("closed with a groan"))
            }))
        });
    for (number, remote) in server.remotes.iter().enumerate() {
        CLOSED.store(false, Ordering::SeqCst);
        let mut client = remote.connect_small();
        std::io::Write::write_all(&mut client, &get("/")).unwrap();
        // Much of it is still on its way when the first bytes are here.
        let first = read_until(&mut client, "\r\n\r\n");
        assert!(!CLOSED.load(Ordering::SeqCst), "{} bytes were read", first.len());
        let (bytes, broken) = read_all(&mut client);
        assert_eq!((first.len() + bytes.len(), broken), (HEAD_LEN + LEN, None));
        eventually("the body is closed", || CLOSED.load(Ordering::SeqCst));
        let line = "closing the body: closed with a groan";
        eventually("its failure is told", || server.lines.count(line) == number + 1);
    }
}

#[test]
fn a_step_can_ask_whether_its_client_has_gone() {
    static SEEN: Mutex<Vec<bool>> = Mutex::new(Vec::new());
    let server = Server::start(|_, start_response| {
        start_response.start("200 OK", NONE)?;
        SEEN.lock().unwrap().push(start_response.is_disconnected());
        // The client ends while the application runs, which no event tells meanwhile.
        eventually("the client ends", || start_response.is_disconnected());
        SEEN.lock().unwrap().push(true);
        Ok(Body::from("to nobody"))
    });
    for remote in &server.remotes {
        SEEN.lock().unwrap().clear();
        let client = remote.send(get("/"));
        eventually("the application is called", || !SEEN.lock().unwrap().is_empty());
        end_sending(&client);
        eventually("it has seen the end", || SEEN.lock().unwrap().len() == 2);
        assert_eq!(*SEEN.lock().unwrap(), [false, true]);
    }
}
