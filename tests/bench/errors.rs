//! Each failure in its class, and no other.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use serde_json::json;

use crate::bench;
use crate::known::{Answer, Known};
use crate::process::run;

#[test]
fn every_failure_has_its_class() {
    // Each run's first request is not among those that are measured.
    let server = Known::start(|number, _| match number % 101 % 10 {
        1 => Answer::Reset,
        2 => Answer::Short,
        3 => Answer::Garbled,
        4 => Answer::Status(500),
        5 => Answer::Status(404),
        6 => Answer::Never,
        _ => Answer::After(Duration::ZERO),
    });
    let address = format!("http://{}", server.address);
    let told = bench(&[&address, "-n", "100", "-c", "4", "--timeout", "0.5"]);
    let want = json!({
        "all": 60, "refused": 0, "queue_full": 0, "timed_out": 10, "reset": 10, "short": 10, "garbled": 10, "wrong_status": 20,
        "wrong_text": 0, "unsent": 0,
    });
    assert_eq!((&told["failed"], &told["requests"]), (&want, &json!(40)));
    assert_eq!(told["statuses"], json!({"200": 40, "404": 10, "500": 10}));
    assert_eq!(server.asked(), 101);
    let done = run(&["bench", &address, "-n", "100", "-c", "4", "--timeout", "0.5"]);
    for line in [
        "20 wrong status; the first: HTTP/1.1 ",
        "10 timed out; the first: no whole reply within 0.5 s",
        "10 connection reset; the first: Connection reset by peer",
        "10 short reply; the first: it ends after 3 of the 10 bytes of its body",
        "10 no valid reply; the first: it begins with \"+OK Dovecot",
    ] {
        assert!(done.text().contains(line), "{line:?} is not in {}", done.text());
    }
}

/// Nothing is asked on a connection that has ended with a reply.
#[test]
fn a_reply_that_ends_with_its_connection_is_a_good_one() {
    let server = Known::start(|_, _| Answer::ToTheEnd);
    let told = bench(&[&format!("http://{}", server.address), "-n", "50", "-c", "2", "--expect", "answer"]);
    assert_eq!((&told["requests"], &told["failed"]["all"]), (&json!(50), &json!(0)), "{told}");
}

#[test]
fn what_has_come_of_a_first_reply_that_is_not_whole_is_told() {
    let server = Known::start(|_, _| Answer::Never);
    let done = run(&["bench", &format!("http://{}", server.address), "--timeout", "0.2"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("no reply to GET / within 0.2 s (this asks over http;"), "{}", done.err);
    let server = Known::start(|_, _| Answer::Hangs);
    let done = run(&["bench", &format!("http://{}", server.address), "--timeout", "0.2"]);
    let line = "no whole reply to GET / within 0.2 s (--timeout): its head, and 3 bytes of its body came";
    assert!(done.err.contains(line), "{}", done.err);
}

#[test]
fn a_text_that_is_missing_is_a_failure() {
    let server = Known::start(|_, _| Answer::After(Duration::ZERO));
    let address = format!("http://{}", server.address);
    let told = bench(&[&address, "-n", "50", "--expect", "answer"]);
    assert_eq!((&told["requests"], &told["failed"]["all"]), (&json!(50), &json!(0)));
    let done = run(&["bench", &address, "-n", "50", "--expect", "another"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("GET /: the text of --expect is not among 6 bytes"), "{}", done.err);
}

#[test]
fn a_rate_that_is_not_kept_is_told() {
    // Two connections, of which each takes ten requests a second.
    let server = Known::start(|_, _| Answer::After(Duration::from_millis(100)));
    let address = format!("http://{}", server.address);
    let told = bench(&[&address, "--rate", "100", "-c", "2", "-d", "1", "--warm-up", "0", "--timeout", "1"]);
    let count = |value: &serde_json::Value| value.as_u64().unwrap();
    // Every request that was due is told of, whatever became of it.
    assert_eq!(count(&told["requests"]) + count(&told["failed"]["all"]), 100, "{told}");
    assert!(count(&told["failed"]["unsent"]) > 40, "{told}");
    assert!(told["latency"]["longest"].as_f64().unwrap() > 0.5, "{told}");
}

#[test]
fn assertions_are_the_exit_status() {
    let server = Known::start(|number, _| Answer::Status(if number % 10 == 9 { 503 } else { 200 }));
    let args = |assertions: &[&'static str]| {
        let mut args = vec!["bench".to_owned(), format!("http://{}", server.address)];
        args.extend(["-n", "100", "-c", "1"].map(str::to_owned));
        args.extend(assertions.iter().flat_map(|one| ["--assert".to_owned(), (*one).to_owned()]));
        args
    };
    let run = |assertions: &[&'static str]| {
        let args = args(assertions);
        run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let done = run(&["errors=10", "p99<10s", "rate>1"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let done = run(&["errors=0", "p50<1ns"]);
    assert_eq!(done.code, Some(1));
    let begin = "tidegate: --assert 'errors=0' failed: it was 10\n--assert 'p50<1ns' failed: it was ";
    assert!(done.err.starts_with(begin) && done.err.lines().count() == 2, "{}", done.err);
    assert!(done.text().contains("requests    90 in"), "{}", done.text());
}

/// A listener's queue that is full when the server has closed an idle connection.
#[test]
fn a_full_queue_is_no_refused_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let address = SocketAddrUnix::new(&path).unwrap();
    let connection =
        || socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
    let listener = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None).unwrap();
    bind(&listener, &address).unwrap();
    listen(&listener, 4).unwrap();
    let listener = UnixListener::from(listener);
    let serving = std::thread::spawn(move || {
        let mut whole = 0;
        loop {
            let (mut socket, _) = listener.accept().unwrap();
            let mut piece = [0; 4096];
            // Who only looks whether it listens asks nothing.
            if socket.read(&mut piece).unwrap() == 0 {
                continue;
            }
            whole += 1;
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            // The first is asked for before the run.
            if whole == 2 {
                let waiting: Vec<_> = std::iter::repeat_with(connection)
                    .take_while(|waiting| connect(waiting, &address) == Ok(()))
                    .collect();
                return (listener, waiting);
            }
        }
    });
    let url = format!("http://{}", path.display());
    let told = bench(&[&url, "-c", "1", "--rate", "2", "-n", "2", "--timeout", "5"]);
    assert_eq!((&told["requests"], &told["failed"]["queue_full"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(told["failed"]["all"], 1, "{told}");
    serving.join().unwrap();
}
