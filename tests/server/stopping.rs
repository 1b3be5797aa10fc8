//! A worker that is told to stop.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{iter, thread};

use tidegate::{Body, Limits, ListenOptions, Stop, Worker};

use crate::support::application::{Alive, PLAIN, chunked, endless, hello, pattern};
use crate::support::client::{Remote, Response, get, read_all, read_until};
use crate::support::eventually;
use crate::support::server::{Server, listen};

const LEN: usize = 20 << 20;

/// A server of streams that no socket's buffers hold.
fn streams(limits: Limits) -> (Server, Alive) {
    let alive = Alive::default();
    let bodies = alive.clone();
    let server = Server::with(limits, move |environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(match environ.path() {
            b"/endless" => bodies.body(endless()),
            _ => bodies.body(chunked(LEN)),
        })
    });
    (server, alive)
}

#[test]
fn what_runs_is_finished_and_nobody_else_gets_in() {
    let (mut server, alive) = streams(Limits::default());
    let clients: Vec<_> = (server.remotes.iter())
        .map(|remote| {
            let mut client = if remote.is_tcp() { remote.connect_small() } else { remote.connect() };
            client.write_all(&get("/")).unwrap();
            client
        })
        .collect();
    eventually("both are served", || alive.now() == 2);
    let half_sent = server.tcp().send(&get("/")[..50]);
    eventually("a third request is on its way", || server.received() == 2 * get("/").len() + 50);
    let idle = server.unix().connect();
    let socket_file = server.folder.path().join("socket");
    assert!(socket_file.exists());

    server.stopper.stop(Stop::Gracefully);
    eventually("no one is let in", || server.remotes.iter().all(|remote| remote.try_connect().is_err()));
    assert!(!socket_file.exists());
    server.stopper.stop(Stop::Gracefully);
    assert_eq!(read_all(&idle), (vec![], None));
    assert!(server.is_running());
    for client in &clients {
        Response::read(client).assert_body(pattern(LEN));
    }
    assert!(server.is_running());
    (&mut &half_sent).write_all(&get("/")[50..]).unwrap();
    Response::read(&half_sent).assert_body(pattern(LEN));
    server.join();
    assert_eq!((alive.begun(), alive.now()), (3, 0));
}

#[test]
fn now_means_now() {
    let (mut server, alive) = streams(Limits::default());
    let clients: Vec<_> = server.remotes.iter().map(|remote| remote.send(get("/endless"))).collect();
    eventually("both are served", || alive.now() == 2);
    server.stopper.stop(Stop::Gracefully);
    eventually("no one is let in", || server.unix().try_connect().is_err());
    assert_eq!(alive.now(), 2);
    server.stopper.stop(Stop::Now);
    server.join();
    assert_eq!(alive.now(), 0);
    for client in &clients {
        read_all(client);
    }
}

#[test]
fn grace_has_an_end() {
    let limits = Limits { grace_time_max: Duration::from_millis(200), ..Limits::default() };
    let (mut server, alive) = streams(limits);
    let reading = server.tcp().send(get("/endless"));
    read_until(&reading, "~");
    let not_reading = server.unix().send(get("/endless"));
    eventually("both are served", || alive.now() == 2);
    server.stopper.stop(Stop::Gracefully);
    // That a client reads on makes no difference.
    let reader = thread::spawn(move || io::copy(&mut &reading, &mut io::sink()));
    server.join();
    assert_eq!(alive.now(), 0);
    let _ = reader.join().unwrap();
    assert!(server.lines.contain("stopped with 2 connections open"), "{:?}", server.lines.all());
    read_all(&not_reading);
}

#[test]
fn clients_that_keep_coming_do_not_put_off_the_end() {
    let limits = Limits { grace_time_max: Duration::from_millis(300), ..Limits::default() };
    let calls = Arc::new(AtomicUsize::new(0));
    let mut server = Server::with(limits, {
        let calls = Arc::clone(&calls);
        move |_, start_response| {
            calls.fetch_add(1, Ordering::SeqCst);
            // So long that those who come meanwhile are always more than can be served.
            thread::sleep(Duration::from_millis(20));
            start_response.start("200 OK", PLAIN)?;
            Ok(Body::from("late"))
        }
    });
    let crowd = thread::spawn({
        let remote = server.unix().clone();
        let come = move || {
            let mut client = remote.try_connect().ok()?;
            client.write_all(&get("/")).ok()?;
            Some(client)
        };
        move || {
            let mut clients: VecDeque<_> = iter::repeat_with(&come).take(100).collect();
            // For each that has its answer another one comes, until the listener is gone.
            while let Some(Some(client)) = clients.pop_front() {
                read_all(&client);
                clients.push_back(come());
            }
        }
    });
    eventually("clients come", || calls.load(Ordering::SeqCst) > 2);
    server.stopper.stop(Stop::Gracefully);
    server.join();
    crowd.join().unwrap();
}

#[test]
fn nothing_to_finish_is_no_time_to_wait() {
    let limits = Limits { grace_time_max: Duration::from_secs(1_000), ..Limits::default() };
    let mut server = Server::with(limits, hello);
    server.tcp().ask(get("/")).assert_body("Hello, World");
    server.stopper.stop(Stop::Gracefully);
    server.join();
}

#[test]
fn who_was_connected_before_the_stop_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut listeners = listen(path.to_str().unwrap(), &ListenOptions::default());
    listeners.append(&mut listen("127.0.0.1:0", &ListenOptions::default()));
    // More than are accepted in one turn.
    let remotes = [0, 1].map(|at| Remote::at(&listeners[at].address()));
    let clients: Vec<_> = (0..200).map(|at| remotes[at % 2].send(get("/"))).collect();
    let mut worker = Worker::new(listeners, hello, Limits::default()).unwrap();
    worker.stopper().stop(Stop::Gracefully);
    worker.run().unwrap();
    for client in &clients {
        Response::read(client).assert_body("Hello, World");
    }
    assert!(!path.exists());
    assert_eq!(worker.listeners().count(), 0);
}
