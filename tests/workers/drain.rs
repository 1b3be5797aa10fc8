//! `--drain`: between a SIGTERM and the stop all is served, and whoever asks is told to go elsewhere.

use std::io::Write;

use nix::sys::signal::Signal;
use socket2::Socket;
use tidegate::ProtocolName;

use crate::master::Master;
use crate::reader::{Told, kill_worker};
use crate::support::client::{Remote, Response, get, read_all, read_until};
use crate::support::eventually;
use crate::support::longer_times::with_longer_times;

const KEPT: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// The status of /ready, and its sentence.
fn ready(told: &Told) -> (u16, String) {
    let response = told.http("/ready");
    (response.status, response.text().trim_end().to_owned())
}

/// Asks on a connection that stays open, and returns it.
fn kept(http: &Remote) -> Socket {
    let mut kept = http.connect();
    kept.write_all(KEPT.as_bytes()).unwrap();
    let answer = String::from_utf8(read_until(&kept, "one")).unwrap();
    assert!(!answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    kept
}

/// Asks on a new connection until the answer says that it is the last.
fn closes(http: &Remote) {
    eventually("Connection: close", || {
        let mut socket = http.connect();
        socket.write_all(KEPT.as_bytes()).unwrap();
        let answer = read_until(&socket, "one");
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
        let is_last = String::from_utf8_lossy(&answer).contains("Connection: close");
        if is_last {
            let (rest, broken) = read_all(&socket);
            assert_eq!((rest.len(), broken), (0, None));
        }
        is_last
    });
}

#[test]
fn all_is_served_until_a_second_signal() {
    for workers in ["1", "4"] {
        let mut told = Told::start(&["--workers", workers, "--drain", "600", "--http", "127.0.0.1:0"]);
        let http = told.master.tcp(ProtocolName::Http);
        let idle: Vec<_> = (0..8).map(|_| kept(&http)).collect();
        told.master.signal(Signal::SIGTERM);
        eventually("it is not ready", || ready(&told).0 == 503);
        assert_eq!(ready(&told).1, format!("draining: {workers} of {workers} workers serve, and stop soon"));
        assert_eq!(told.http("/live").status, 200);
        closes(&http);
        // Each was opened before, and has one answer more, or a few while its worker is being told.
        for mut idle in idle {
            eventually("the last answer", || {
                idle.write_all(KEPT.as_bytes()).unwrap();
                String::from_utf8_lossy(&read_until(&idle, "one")).contains("Connection: close")
            });
            assert_eq!(read_all(&idle), (Vec::new(), None));
        }
        // One that dies is replaced, by one that knows.
        let before = told.master.workers();
        kill_worker(before[0]);
        eventually("another worker", || {
            let now = told.master.workers();
            now.len() == before.len() && !now.contains(&before[0])
        });
        for worker in &before[1..] {
            kill_worker(*worker);
        }
        closes(&http);
        told.master.get("/").assert_body("one");
        told.master.signal(Signal::SIGHUP);
        told.master.signal(Signal::SIGUSR2);
        told.master.says("no reload any more");
        told.master.signal(Signal::SIGUSR1);
        told.master.says("the log files are open anew");
        assert_eq!(told.master.count("stopping: "), 0);
        told.master.signal(Signal::SIGTERM);
        told.master.says("stopping: ");
        assert_eq!(told.master.wait().code(), Some(0));
        assert!(!told.master.is_anyone_left());
    }
}

#[test]
fn then_it_stops_by_itself_and_finishes_what_runs() {
    with_longer_times(|factor| {
        let drain = (f64::from(factor) * 0.4).to_string();
        let mut master = Master::start(&["--workers", "2", "--drain", &drain]);
        let before = master.remote.send(get("/sleep?600"));
        master.signal(Signal::SIGTERM);
        master.says("draining: ");
        let within = master.remote.send(get("/held"));
        master.says("stopping: ");
        std::fs::write(master.folder.path().join("version-open"), "").unwrap();
        for client in [before, within] {
            Response::read(client).assert_body("one");
        }
        assert_eq!(master.wait().code(), Some(0));
        assert!(!master.folder.path().join("x.sock").exists());
    });
}

#[test]
fn other_signals_do_not_wait() {
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        let mut master = Master::start(&["--workers", "2", "--drain", "600"]);
        master.signal(signal);
        assert_eq!(master.wait().code(), Some(0), "{signal}");
        assert_eq!(master.count("draining"), 0);
    }
    let mut master = Master::start(&["--workers", "2", "--drain", "600"]);
    let _running = master.remote.send(get("/sleep?60000"));
    eventually("it is in a worker's hands", || master.asleep().len() == 1);
    for line in ["draining: ", "stopping: "] {
        master.signal(Signal::SIGTERM);
        master.says(line);
    }
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(128 + Signal::SIGTERM as i32));
    eventually("everybody's end", || !master.is_anyone_left());
}

#[test]
fn a_reload_on_its_way_goes_on_and_a_new_master_does_not() {
    let told = Told::start(&["--workers", "2", "--drain", "600"]);
    let old = told.master.workers();
    told.master.write_version("slow code");
    told.master.signal(Signal::SIGHUP);
    // With threads of its own an old one may read it too.
    let is_new = |pid: &i32| !old.contains(pid);
    eventually("a new worker has read the code", || told.master.asleep().iter().any(is_new));
    told.master.signal(Signal::SIGTERM);
    told.master.says("draining: ");
    told.master.says("the new code serves");
    assert_eq!(ready(&told).0, 503);
    // An old one may have this one yet.
    eventually("the new code", || told.master.get("/").text() == "slow code");

    let mut told = Told::start(&["--workers", "1", "--drain", "600", "--preload"]);
    let pid = told.master.pid();
    told.master.write_version("slow code");
    told.master.signal(Signal::SIGUSR2);
    told.master.says("tries first");
    told.master.signal(Signal::SIGTERM);
    told.master.says("draining: ");
    assert_eq!(told.master.pid(), pid);
    told.master.get("/").assert_body("one");
    told.master.signal(Signal::SIGTERM);
    assert_eq!(told.master.wait().code(), Some(0));
    eventually("everybody's end", || !told.master.is_anyone_left());
}

#[test]
fn without_a_master_it_is_told_that_there_is_none() {
    let mut master = Master::start(&["--workers", "0", "--drain", "600"]);
    master.says("no master looks after --timeout, --drain and --log-max-size");
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
}
