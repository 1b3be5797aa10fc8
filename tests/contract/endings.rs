//! What ends badly is seen by the client, and by the application.

use std::io::{ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use tidegate::{AppError, Limits, ProtocolName};

use crate::request::Request;
use crate::support::application::{Alive, endless, hello, pattern};
use crate::support::client::{Response, read_all, read_until};
use crate::support::{PATIENCE, eventually};
use crate::ways::{UNBUFFERED, Ways};

/// How a body fails behind its first chunk: the path, whether a length was declared.
const FAILURES: [(&str, bool); 7] = [
    ("/error/length", true),
    ("/error", false),
    ("/panic/length", true),
    ("/panic", false),
    ("/too-little/length", true),
    ("/replace/length", true),
    ("/replace", false),
];

/// The first chunk: more than nginx keeps to itself.
const FIRST_BYTES: usize = 200_000;

#[test]
fn a_failure_in_the_middle_is_seen() {
    let (permit, permits) = mpsc::channel::<()>();
    let permits = Arc::new(Mutex::new(permits));
    let alive = Alive::default();
    let bodies = alive.clone();
    let ways = Ways::to(move |environ, start_response| {
        let buffering = if environ.query() == b"buffered" { "yes" } else { "no" };
        let mut fields = vec![("X-Accel-Buffering", buffering)];
        let length = (FIRST_BYTES + 985).to_string();
        if environ.path().ends_with(b"/length") {
            fields.push(("Content-Length", &length));
        }
        start_response.start("200 OK", fields)?;
        let (permits, path) = (Arc::clone(&permits), environ.path().to_vec());
        let mut step = 0;
        Ok(bodies.body(std::iter::from_fn(move || {
            step += 1;
            if step == 1 {
                return Some(Ok(pattern(FIRST_BYTES).into()));
            }
            // Not before the client has it, lest nginx has nothing to pass on yet and makes it a 502.
            if let Err(error) = permits.lock().expect("no one panics with it").recv_timeout(PATIENCE) {
                return Some(Err(error.into()));
            }
            match path.split(|byte| *byte == b'/').nth(1) {
                Some(b"panic") => panic!("a panic"),
                Some(b"too-little") => None,
                Some(b"replace") => {
                    let refused = start_response.replace("500 Oops", [("X-A", "1")]);
                    Some(Err(refused
                        .map_or_else(Into::into, |()| AppError::new("a head was replaced that is sent"))))
                }
                _ => Some(Err(AppError::new("an error"))),
            }
        })))
    });
    let first = pattern(FIRST_BYTES);
    for ((path, has_length), buffered) in FAILURES.into_iter().flat_map(|f| [(f, false), (f, true)]) {
        let target = if buffered { format!("{path}?buffered") } else { path.to_owned() };
        ways.each(&target, |way| {
            let mut client = way.send(&Request::get(&target));
            let mut bytes = vec![0; 1_000];
            client.read_exact(&mut bytes).unwrap();
            permit.send(()).unwrap();
            let (rest, broken) = read_all(&mut client);
            bytes.extend_from_slice(&rest);
            let response = Response::of(&bytes, broken);
            let looks_whole = !way.shows_break(has_length, buffered);
            assert_eq!((response.status, response.complete), (200, looks_whole));
            // A reset overtakes what is on its way, and what comes is ours.
            assert!(first.starts_with(&response.body), "{} bytes", response.body.len());
            assert!(!looks_whole || response.body.len() == FIRST_BYTES);
            if !way.behind_nginx && way.is_tcp {
                assert_eq!(response.broken, Some(ErrorKind::ConnectionReset));
            } else if !way.behind_nginx {
                // A unix socket loses nothing. What of the request was left unread has uwsgi and SCGI told.
                let is_told = matches!(way.protocol, ProtocolName::Uwsgi | ProtocolName::Scgi);
                assert_eq!(response.broken == Some(ErrorKind::ConnectionReset), is_told);
                assert_eq!(response.body.len(), FIRST_BYTES);
            }
            eventually("the body is closed", || alive.now() == 0);
        });
    }
    let (lines, times) = (&ways.server.lines, 2 * ways.iter().count());
    assert_eq!(lines.count("broken off after"), FAILURES.len() * times);
    assert_eq!(lines.count("985 bytes short"), times);
    assert_eq!(lines.count("already sent and cannot be replaced"), 2 * times);
}

#[test]
fn a_client_that_leaves_closes_the_body_once() {
    let alive = Alive::default();
    let bodies = alive.clone();
    let ways = Ways::to(move |environ, start_response| {
        let mut fields = vec![("X-Accel-Buffering", "no")];
        if environ.path() == b"/length" {
            fields.push(("Content-Length", "1000000000000"));
        }
        start_response.start("200 OK", fields)?;
        Ok(bodies.body(endless()))
    });
    for path in ["/length", "/no-length"] {
        ways.each(path, |way| {
            let begun = alive.begun();
            // One that reads, and one that does not.
            let mut reader = way.send(&Request::get(path));
            read_until(&mut reader, "~~~~");
            assert_eq!(alive.now(), 1);
            drop(reader);
            eventually("the reader's body is closed", || alive.now() == 0);
            let other = way.send(&Request::get(path));
            eventually("the other's body is made", || alive.begun() == begun + 2);
            drop(other);
            eventually("the other's body is closed", || alive.now() == 0);
        });
    }
    let clients = 2 * 2 * ways.iter().count();
    assert_eq!((alive.most(), alive.begun()), (1, clients));
    assert_eq!(ways.server.lines.count("the client hung up after"), clients);
}

#[test]
fn a_body_over_the_bound_is_a_413_while_it_is_sent() {
    const LEN: usize = 8 << 20;
    let limits = Limits { body_bytes_max: 1 << 20, ..Limits::default() };
    let ways = Ways::with(limits, hello);
    let post = |path: &str| Request::post(path, vec![0; LEN]);
    let requests = ["/", UNBUFFERED].map(|path| [post(path), post(path).chunked()]);
    for request in requests.as_flattened() {
        ways.each(&format!("POST {}", request.target), |way| {
            let bytes = request.encode(way.client_protocol());
            let mut client = crate::client::Client::connect(way);
            // As browsers do: it sends on, and looks at the answer when it comes.
            let mut sender = client.sender();
            let upload = thread::spawn(move || sender.write_all(&bytes));
            let (bytes, broken) = read_all(&mut client);
            // How nginx closes while the client still sends is its affair; we let it hear us out.
            assert!(way.behind_nginx || broken.is_none(), "{broken:?}");
            let response = Response::of(&bytes, None);
            assert_eq!((response.status, response.complete), (413, true), "{response:?}");
            assert!(response.text().contains("larger than 1048576 bytes"), "{response:?}");
            drop(client);
            let _ = upload.join().unwrap();
        });
    }
    assert_eq!(ways.server.requests(), 0, "none reaches the application");
    let largest = Request::post("/", vec![0; 1 << 20]);
    ways.each("the bound itself", |way| way.ask(&largest).assert_body("Hello, World"));
}
