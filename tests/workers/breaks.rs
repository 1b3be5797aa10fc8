//! A response without a length that is broken off does not look whole on a unix socket, however its worker ends.

use std::io::ErrorKind;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::Socket;

use crate::load::Load;
use crate::master::Master;
use crate::support::client::{Remote, Response, get, post, read_all, read_until};
use crate::support::longer_times::with_longer_times;
use crate::support::nginx::Nginx;
use crate::support::{PATIENCE, eventually};

/// A chunk of the example's.
const CHUNK_BYTES: usize = 4 << 10;

/// Locations for both protocols, each buffered and not.
fn locations(master: &Master) -> String {
    let scgi = master.folder.path().join("scgi");
    let scgi = format!("include scgi_params; scgi_pass unix:{};", scgi.display());
    format!(
        "location /uwsgi/buffered/ {{ rewrite ^/uwsgi/buffered(.*) $1 break; uwsgi_pass UPSTREAM; }}
         location /uwsgi/plain/ {{ rewrite ^/uwsgi/plain(.*) $1 break; uwsgi_pass UPSTREAM; uwsgi_buffering off; }}
         location /scgi/buffered/ {{ rewrite ^/scgi/buffered(.*) $1 break; {scgi} }}
         location /scgi/plain/ {{ rewrite ^/scgi/plain(.*) $1 break; {scgi} scgi_buffering off; }}"
    )
}

const PATHS: [&str; 4] = ["/uwsgi/buffered", "/uwsgi/plain", "/scgi/buffered", "/scgi/plain"];

#[test]
fn a_worker_that_is_killed_in_a_body_is_seen_through_nginx() {
    for threads in [&[][..], &["--threads", "2"]] {
        let master = Master::start(&[threads, &["--scgi", "FOLDER/scgi"]].concat());
        let nginx = Nginx::start(&master.remote, &locations(&master));
        for path in PATHS {
            let client = nginx.send(&format!("GET {path}/late-sleep"), &[], b"");
            kill_the_one_asleep(&master);
            let response = Response::read(&client);
            assert_eq!((response.status, response.complete), (200, false), "{path}, {response:?}");
            assert!(response.body.len() <= CHUNK_BYTES, "{path}");
        }
        // Without nginx all that was sent is there.
        let client = master.remote.send(get("/late-sleep"));
        kill_the_one_asleep(&master);
        let response = Response::read(&client);
        assert_eq!(response.broken, Some(ErrorKind::ConnectionReset));
        assert_eq!(response.body.len(), CHUNK_BYTES);
    }
}

#[test]
fn of_an_application_that_does_not_return_the_504_is_whole_and_the_body_is_broken_off() {
    with_longer_times(|factor| {
        let timeout = (f64::from(factor) * 0.3).to_string();
        for threads in [&[][..], &["--threads", "2"]] {
            let master =
                Master::start(&[threads, &["--timeout", &timeout, "--scgi", "FOLDER/scgi"]].concat());
            let response = master.remote.ask(post("/loop", &[b'x'; 60_000]));
            response.assert_status(504);
            assert_eq!(response.text(), "Gateway Timeout\n");
            eventually("another worker serves", || master.get("/").status == 200);
            let response = master.remote.ask(get("/late-loop"));
            assert_eq!((response.status, response.broken), (200, Some(ErrorKind::ConnectionReset)));
            assert_eq!(response.text(), "a");
        }
    });
}

#[test]
fn what_is_whole_looks_whole_to_readers_of_every_pace() {
    for threads in [&[][..], &["--threads", "2"]] {
        let master = Master::start(&[threads, &["--scgi", "FOLDER/scgi", "--workers", "4"]].concat());
        let nginx = Nginx::start(&master.remote, &locations(&master));
        for path in PATHS {
            let load = Load::start(&nginx, 4, &format!("{path}/chunks?40"));
            load.goes_on(100);
            assert_eq!(nginx.get(&format!("{path}/chunks?40")).body.len(), 40 * CHUNK_BYTES);
            load.assert_all_well();
        }
        for remote in [&master.remote, &scgi(&master)] {
            let request = if remote.name == master.remote.name { get("/chunks?400") } else { SCGI.to_vec() };
            let readers: Vec<_> = (0..20).map(|_| remote.send(&request)).collect();
            // All are answered side by side, and none is read until the last has begun.
            readers.iter().for_each(|reader| {
                reader.peek(&mut [std::mem::MaybeUninit::uninit()]).unwrap();
            });
            for reader in &readers {
                let response = Response::read(OneByOne(reader));
                assert_eq!((response.status, response.broken), (200, None));
                assert_eq!(response.body.len(), 400 * CHUNK_BYTES);
            }
        }
        let log = nginx.log();
        assert!(!log.contains("reset by peer") && !log.contains("prematurely"), "{log}");
    }
}

#[test]
fn a_request_that_is_passed_on_is_answered_whole_and_its_break_is_seen() {
    let options = ["--workers", "2", "--threads", "1", "--stats", "FOLDER/stats"];
    let master = Master::start(&options);
    let deadline = std::time::Instant::now() + PATIENCE;
    while passed_on(&master) == 0 {
        assert!(std::time::Instant::now() < deadline, "none is passed on");
        // Each is one of either worker's before it asks.
        let clients: Vec<_> = (0..8).map(|_| master.remote.connect()).collect();
        ask(&clients[0], "/sleep?60000");
        eventually("a call runs", || master.asleep().len() == 1);
        let busy = master.asleep()[0];
        for client in &clients[1..7] {
            ask(client, "/pid");
            let response = Response::read(client);
            response.assert_status(200);
            assert_ne!(response.text(), busy.to_string());
        }
        ask(&clients[7], "/late-sleep");
        read_until(&clients[7], "xxx");
        eventually("both are asleep", || master.asleep().len() == 2);
        for worker in master.asleep() {
            kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
        }
        let (_, broken) = read_all(&clients[7]);
        assert_eq!(broken, Some(ErrorKind::ConnectionReset));
        eventually("new workers serve", || {
            let workers = master.workers();
            workers.len() == 2 && master.asleep().is_empty() && master.get("/").status == 200
        });
    }
}

/// Kills the one worker that has sent its first chunk and sleeps, and waits for its successor.
fn kill_the_one_asleep(master: &Master) {
    eventually("a worker is within the body", || master.asleep().len() == 1);
    let worker = master.asleep()[0];
    kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
    eventually("it has a successor", || {
        let workers = master.workers();
        workers.len() == 1 && workers[0] != worker
    });
}

fn ask(mut client: &Socket, path: &str) {
    std::io::Write::write_all(&mut client, &get(path)).unwrap();
}

fn scgi(master: &Master) -> Remote {
    Remote::at(&format!("unix:{}", master.folder.path().join("scgi").display()))
}

const SCGI: &[u8] =
    b"78:CONTENT_LENGTH\x000\0SCGI\x001\0REQUEST_METHOD\0GET\0PATH_INFO\0/chunks\0QUERY_STRING\x00400\0,";

/// How many requests the workers have passed on.
fn passed_on(master: &Master) -> u64 {
    let stats = Remote::at(&format!("unix:{}", master.folder.path().join("stats").display()));
    let text = stats.ask("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").text();
    let line = text.lines().find(|line| line.contains("requests_passed_on_total") && !line.starts_with('#'));
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.unwrap_or_else(|| panic!("no requests_passed_on_total in {text}"))
}

/// Reads little at a time.
struct OneByOne<'a>(&'a Socket);

impl std::io::Read for OneByOne<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min(100);
        self.0.read(&mut buffer[..len])
    }
}
