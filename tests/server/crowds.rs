//! Many clients at once, and clients that would take all of the server.

use std::io::{ErrorKind, Read, Write};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use socket2::Socket;
use tidegate::{AppError, Body, Environ, Limits, ListenOptions, ProtocolName, StartResponse};

use crate::support::application::{Alive, Answer, PLAIN, chunked, endless};
use crate::support::client::{get, read_all, read_until};
use crate::support::eventually;
use crate::support::longer_times::with_longer_times;
use crate::support::request::Request;
use crate::support::server::{Server, threads};

/// More than a unix socket holds, so that the server has to wait for a client that asks for `/large`.
const LARGE_BYTES: usize = 300 << 10;

fn application(alive: &Alive) -> impl FnMut(Environ, StartResponse) -> Answer + Send + use<> {
    let alive = alive.clone();
    move |environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(match environ.path() {
            b"/large" => alive.body(chunked(LARGE_BYTES)),
            b"/endless" => alive.body(endless()),
            b"/silent" => alive.body(iter::repeat_with(|| Ok(Bytes::new()))),
            _ => Body::from("small"),
        })
    }
}

#[test]
fn a_reader_that_never_reads_keeps_nobody_waiting_and_is_closed() {
    let alive = Alive::default();
    let limits = Limits { write_time_max: Duration::from_millis(300), ..Limits::default() };
    let server = Server::with(limits, application(&alive));
    for remote in &server.remotes {
        let before = alive.begun();
        let client = remote.send(get("/endless"));
        eventually("the body is made", || alive.begun() > before);
        eventually("the body is closed", || {
            for other in &server.remotes {
                other.ask(get("/")).assert_body("small");
            }
            alive.now() == 0
        });
        let (_, broken) = read_all(&client);
        assert_eq!(broken, Some(ErrorKind::ConnectionReset), "{}", remote.name);
    }
    let line = "the peer took none of the response";
    assert_eq!(server.lines.count(line), 2, "{:?}", server.lines.all());
}

#[test]
fn a_thousand_slow_readers_get_all_their_bytes_beside_a_fast_one() {
    const READERS: usize = 1_000;
    let alive = Alive::default();
    let server = Server::with(Limits::default(), application(&alive));
    let (want, _) = read_all(&server.unix().send(get("/large")));
    assert!(want.len() > LARGE_BYTES);

    let mut readers: Vec<(Socket, usize)> =
        (0..READERS).map(|_| (server.unix().send(get("/large")), 0)).collect();
    // Not one of them is done, as not one has read; with threads of its own the application may be.
    eventually("all are being served", || alive.begun() == READERS + 1);
    if threads().is_none() {
        assert_eq!(alive.now(), READERS);
    }
    let (mut piece, mut answers) = (vec![0; 32 << 10], 0);
    while !readers.is_empty() {
        readers.retain_mut(|(socket, at)| match socket.read(&mut piece).unwrap() {
            0 => {
                assert_eq!(*at, want.len());
                false
            }
            read => {
                assert!(piece[..read] == want[*at..*at + read], "wrong bytes behind {at}");
                *at += read;
                true
            }
        });
        for remote in &server.remotes {
            remote.ask(get("/")).assert_body("small");
            answers += 1;
        }
    }
    assert!(answers >= 2 * LARGE_BYTES / piece.len(), "{answers}");
    assert_eq!((alive.begun(), alive.now()), (READERS + 1, 0));
}

#[test]
fn endless_streams_leave_room_for_small_requests() {
    let alive = Alive::default();
    let server = Server::start(application(&alive));
    let over = Arc::new(AtomicBool::new(false));
    let streams: Vec<_> = (server.remotes.iter().cloned())
        .map(|remote| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                let (mut client, mut piece, mut count) = (remote.send(get("/endless")), vec![0; 64 << 10], 0);
                while !over.load(Ordering::SeqCst) {
                    count += client.read(&mut piece).unwrap() as u64;
                }
                count
            })
        })
        .collect();
    // And one that never waits for its client, as it never has anything for it.
    let silent = server.tcp().send(get("/silent"));
    eventually("all are served", || alive.now() == 3);
    for _ in 0..200 {
        for remote in &server.remotes {
            remote.ask(get("/")).assert_body("small");
        }
    }
    assert_eq!(alive.now(), 3);
    drop(silent);
    over.store(true, Ordering::SeqCst);
    for stream in streams {
        assert!(stream.join().unwrap() > 1 << 20);
    }
    eventually("the bodies are closed", || alive.now() == 0);
}

#[test]
fn a_response_flows_between_slow_calls() {
    // While its reader has no processor the response does not flow.
    with_longer_times(|_| response_between_slow_calls());
}

fn response_between_slow_calls() {
    const CALLS: usize = 300;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let server = Server::start(move |environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(match environ.path() {
            b"/large" => Body::chunks(chunked(LARGE_BYTES)),
            _ => {
                count.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(11));
                Body::from("slowly")
            }
        })
    });
    // It is called first, and does not fit into the socket; then all the others wait in the backlog.
    let large = server.unix().send(get("/large"));
    let _waiting: Vec<Socket> = (0..CALLS).map(|_| server.unix().send(get("/"))).collect();
    assert!(read_all(&large).0.len() > LARGE_BYTES);
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls < 64, "{calls} calls while one response flowed");
}

#[test]
fn no_more_connections_than_allowed_are_open_and_all_are_answered() {
    let alive = Alive::default();
    let limits = Limits { connections_count_max: 5, ..Limits::default() };
    let server = Server::with(limits, application(&alive));
    let (want, _) = read_all(&server.unix().send(get("/large")));
    let clients: Vec<Socket> = (0..20).map(|_| server.unix().send(get("/large"))).collect();
    eventually("as many as allowed are served", || alive.begun() == 1 + 5);
    server.eventually_logs("5 connections are open, the most allowed; the rest wait");
    for client in &clients {
        assert_eq!(read_all(client), (want.clone(), None));
    }
    server.tcp().ask(get("/")).assert_body("small");
    assert_eq!((alive.begun(), alive.now()), (21, 0));
    // A thread of the application's has one body, and may be done with it before its reader.
    let most = threads().map_or(5..=5, |count| 1..=count);
    assert!(most.contains(&alive.most()), "{} at once", alive.most());
    assert_eq!(server.lines.count("the most allowed"), 1, "{:?}", server.lines.all());
}

#[test]
fn silent_connections_count_too() {
    with_longer_times(|factor| {
        let head_time_max = factor * Duration::from_millis(100);
        let limits = Limits { connections_count_max: 3, head_time_max, ..Limits::default() };
        let server = Server::with(limits, application(&Alive::default()));
        let idle: Vec<Socket> = (0..12).map(|at| server.remotes[at % 2].connect()).collect();
        for remote in &server.remotes {
            remote.ask(get("/")).assert_body("small");
        }
        for client in &idle {
            assert_eq!(read_all(client), (vec![], None));
        }
    });
}

#[test]
fn a_burst_is_answered() {
    let server = Server::start(|environ, start_response| -> Result<Body, AppError> {
        start_response.start("200 OK", PLAIN)?;
        Ok(environ.path().to_vec().into())
    });
    let clients: Vec<(Socket, String)> = (0..400)
        .map(|at| {
            let path = format!("/{at}");
            let mut client = server.remotes[at % 2].connect();
            // Half of them are accepted before there is anything to read.
            if at % 4 < 2 {
                client.write_all(&get(&path)).unwrap();
            }
            (client, path)
        })
        .collect();
    for (at, (client, path)) in clients.iter().enumerate() {
        if at % 4 >= 2 {
            (&mut &*client).write_all(&get(path)).unwrap();
        }
        let body = read_until(client, path);
        assert!(body.ends_with(path.as_bytes()));
    }
}

#[test]
fn connections_that_are_kept_and_silent_give_way_to_newcomers() {
    let limits = Limits { connections_count_max: 40, ..Limits::default() };
    let remotes = [(ProtocolName::Http, "127.0.0.1:0"), (ProtocolName::Fastcgi, "FOLDER/fastcgi")];
    let server =
        Server::speaking(&remotes, &ListenOptions::default(), limits, application(&Alive::default()));
    let request = |protocol| Request::get("/").kept().encode(protocol);
    let kept: Vec<Socket> = (0..40)
        .map(|at| {
            let client = server.remotes[at % 2].send(request(remotes[at % 2].0));
            read_until(&client, "small");
            client
        })
        .collect();
    // The one that was silent for the longest asks again.
    let received = server.received();
    (&kept[0]).write_all(&request(ProtocolName::Http)).unwrap();
    eventually("its request is read", || server.received() > received);
    let newcomers: Vec<Socket> = (0..20)
        .map(|_| {
            let client = server.remotes[0].send(request(ProtocolName::Http));
            read_until(&client, "small");
            client
        })
        .collect();
    read_until(&kept[0], "small");
    // Those that were silent for the longest have gone, and no more of them than had to.
    for client in &kept[1..20] {
        assert_eq!(read_all(client), (vec![], None));
    }
    for client in kept[30..].iter().step_by(2).chain(&newcomers) {
        (&*client).write_all(&request(ProtocolName::Http)).unwrap();
        read_until(client, "small");
    }
}
