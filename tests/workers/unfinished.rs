//! Connections that are unfinished when a worker leaves: none of them keeps another from being answered.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use socket2::Socket;
use tidegate::ProtocolName;

use crate::master::Master;
use crate::support::client::{Remote, read_all};
use crate::support::eventually;
use crate::support::request::Request;

/// How workers come to leave while others serve on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    Reload,
    Upgrade,
    Requests,
    Lifetime,
    OneLess,
}

/// What is unfinished meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfinished {
    /// A client that does not read a long response.
    Slow,
    /// One that has said nothing yet, and one that is kept alive and may ask again.
    Idle,
}

#[test]
fn one_worker_leaves_beside_slow_connections() {
    check(1, Unfinished::Slow);
}

#[test]
fn one_worker_leaves_beside_idle_connections() {
    check(1, Unfinished::Idle);
}

#[test]
fn four_workers_leave_beside_slow_connections() {
    check(4, Unfinished::Slow);
}

#[test]
fn four_workers_leave_beside_idle_connections() {
    check(4, Unfinished::Idle);
}

/// A connection that a leaving worker keeps from others waits for as long as that one lives: 30 s of grace. No machine is so
/// busy that any other takes half of it.
const STALL: Duration = Duration::from_secs(15);

/// That each of many connections that come one after the other, with none behind them, is answered without that.
#[track_caller]
fn check(workers: usize, unfinished: Unfinished) {
    for leave in [Leave::Reload, Leave::Upgrade, Leave::Requests, Leave::Lifetime, Leave::OneLess] {
        if (leave, workers) == (Leave::OneLess, 1) {
            continue;
        }
        let remotes = Remotes::start(workers, leave);
        let held: Vec<_> =
            remotes.all.iter().flat_map(|remote| hold(remote, unfinished, 3 * workers)).collect();
        remotes.leave(leave, workers);
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            for (protocol, remote) in &remotes.all {
                let begin = Instant::now();
                ask(*protocol, remote);
                let took = begin.elapsed();
                assert!(took < STALL, "{leave:?}, {protocol} at {}: {took:?}", remote.name);
                longest = longest.max(took);
            }
        }
        println!("{workers} workers, {unfinished:?}, {leave:?}: the longest of 800 took {longest:?}");
        drop(held);
    }
}

/// A master that listens for every protocol, over TCP and on unix sockets.
struct Remotes {
    master: Master,
    all: Vec<(ProtocolName, Remote)>,
}

impl Remotes {
    #[track_caller]
    fn start(workers: usize, leave: Leave) -> Remotes {
        let workers = workers.to_string();
        let mut args = vec!["--workers", &workers];
        for protocol in ["--http", "--fastcgi", "--scgi"] {
            let file = match protocol {
                "--http" => "FOLDER/http",
                "--fastcgi" => "FOLDER/fastcgi",
                _ => "FOLDER/scgi",
            };
            args.extend([protocol, "127.0.0.1:0", protocol, file]);
        }
        args.extend(["--uwsgi", "127.0.0.1:0"]);
        match leave {
            Leave::Requests => args.extend(["--max-requests", "40"]),
            Leave::Lifetime => args.extend(["--max-lifetime", "0.5"]),
            Leave::Reload | Leave::Upgrade | Leave::OneLess => {}
        }
        let master = Master::start(&args);
        let all = ProtocolName::ALL.into_iter().flat_map(|protocol| {
            let start = format!("Listening on {protocol}://");
            let lines = master.lines();
            let names = lines.iter().filter_map(|line| line.strip_prefix(&start));
            let remotes = names.map(|name| (protocol, Remote::at(name.trim_end_matches('/'))));
            remotes.collect::<Vec<_>>()
        });
        let all: Vec<_> = all.collect();
        assert_eq!(all.len(), 8, "{all:?}");
        Remotes { master, all }
    }

    /// Has some of so many workers leave, and waits until they begin to.
    #[track_caller]
    fn leave(&self, leave: Leave, workers: usize) {
        match leave {
            Leave::Reload => {
                self.master.signal(Signal::SIGHUP);
                self.master.says("the new code serves");
            }
            Leave::Upgrade => {
                self.master.replace(Signal::SIGUSR2);
            }
            Leave::OneLess => {
                self.master.signal(Signal::SIGTTOU);
                self.master.says("3 workers are wanted");
            }
            // It goes on for as long as they are asked.
            Leave::Requests => {}
            Leave::Lifetime => {
                eventually("others serve", || self.master.count(" serves, ") > workers);
            }
        }
    }
}

/// Connections to a listener that stay unfinished.
fn hold((protocol, remote): &(ProtocolName, Remote), unfinished: Unfinished, count: usize) -> Vec<Socket> {
    let long = Request::get("/big").encode(*protocol);
    let kept = Request::get("/").kept().encode(*protocol);
    let each = |at: usize| {
        if unfinished == Unfinished::Idle {
            let mut socket = remote.connect();
            if at.is_multiple_of(2) && matches!(protocol, ProtocolName::Http | ProtocolName::Fastcgi) {
                socket.write_all(&kept).unwrap();
                read_some(&socket);
            }
            return socket;
        }
        let mut socket = remote.connect_small();
        socket.write_all(&long).unwrap();
        read_some(&socket);
        socket
    };
    (0..count).map(each).collect()
}

/// Waits for the first bytes of a response.
#[track_caller]
fn read_some(mut socket: &Socket) {
    assert!(socket.read(&mut [0; 512]).unwrap() > 0);
}

#[track_caller]
fn ask(protocol: ProtocolName, remote: &Remote) {
    let mut socket = remote.connect();
    socket.set_read_timeout(Some(STALL)).unwrap();
    socket.write_all(&Request::get("/").encode(protocol)).unwrap();
    let (bytes, broken) = read_all(socket);
    let text = String::from_utf8_lossy(&bytes);
    assert!(broken.is_none() && text.contains("one"), "{protocol} at {}: {broken:?}, {text}", remote.name);
}
