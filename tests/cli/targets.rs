//! Where lines go that go to no file, and files that are moved away when they are large.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Instant;

use crate::process::{PATIENCE, Server, run};

/// The next datagram that holds `text`.
#[track_caller]
fn next(text: &str, mut receive: impl FnMut(&mut [u8]) -> std::io::Result<usize>) -> String {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let mut seen = [0; 16 << 10];
        let count = receive(&mut seen).unwrap_or_else(|error| panic!("no {text:?}: {error}"));
        let line = String::from_utf8_lossy(&seen[..count]).into_owned();
        if line.contains(text) {
            return line;
        }
    }
    panic!("no {text:?} came");
}

fn bound(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

#[test]
fn the_log_and_the_access_log_go_to_syslog() {
    let syslog = UdpSocket::bind("127.0.0.1:0").unwrap();
    syslog.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = syslog.local_addr().unwrap().port();
    let (log, access) =
        (format!("syslog://127.0.0.1:{port}/shop,local6"), format!("syslog://127.0.0.1:{port}/requests"));
    let server = Server::start(&["hello", "--log-file", &log, "--access-log-file", &access]);
    let receive = |seen: &mut [u8]| syslog.recv(seen);
    // 22 × 8 and 6 for information, 4 for a warning.
    let line = next(" INFO serves hello", receive);
    assert!(line.starts_with("<182>") && line.contains(" shop[") && !line.ends_with('\n'), "{line}");
    server.request(&["/", "--var", "CONTENT_LENGTH=x"]);
    let line = next("refused with 400", receive);
    assert!(line.starts_with("<180>") && line.contains(" WARN worker 1 (pid "), "{line}");
    server.request(&["/there"]);
    let line = next("GET /there 200", receive);
    assert!(line.starts_with("<30>") && line.contains(" requests["), "{line}");
    server.stop();
    next("INFO stopping", receive);
}

#[test]
fn a_reader_that_is_away_stops_nothing_and_what_it_missed_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    let target = format!("unix:{}", path.display());
    let reader = bound(&path);
    let server = Server::start(&["hello", "--workers", "4", "--access-log-file", &target]);
    server.request(&["/one"]);
    assert!(next("/one", |seen| reader.recv(seen)).contains(" GET /one 200 "));
    drop(reader);
    fs::remove_file(&path).unwrap();
    for _ in 0..20 {
        assert_eq!(server.request(&["/lost"]).text(), "Hello, World\n");
    }
    server.log("the access log: lines are lost");
    // Nobody reads from it, until it is full.
    let stuck = bound(&path);
    let many = run(&["bench", &server.address, "/stuck", "-d", "1", "--warm-up", "0", "-c", "4"]);
    assert_eq!(many.code, Some(0), "none fails: {many:?}");
    drop(stuck);
    fs::remove_file(&path).unwrap();
    let back = bound(&path);
    let deadline = Instant::now() + PATIENCE;
    // Each worker of the four has its own socket.
    while Instant::now() < deadline {
        server.request(&["/back"]);
        back.set_nonblocking(true).unwrap();
        if back.recv(&mut [0; 4096]).is_ok() {
            break;
        }
    }
    back.set_nonblocking(false).unwrap();
    server.request(&["/last"]);
    next("/last", |seen| back.recv(seen));
    let (_, err) = server.stop();
    assert!(
        err.iter().any(|line| line.contains("the access log: it is written again; lines lost: ")),
        "{err:#?}"
    );
}

#[test]
fn a_large_file_is_moved_away_and_no_line_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let server = Server::start(&[
        "hello",
        "--workers",
        "4",
        "--access-log-file",
        path.to_str().unwrap(),
        "--log-max-size",
        "1k",
        "--log-backup",
        ".%s",
    ]);
    let files =
        || -> Vec<_> { fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let (mut count, deadline) = (0, Instant::now() + PATIENCE);
    while files().len() < 4 && Instant::now() < deadline {
        server.request(&[&format!("/{count}")]);
        count += 1;
    }
    let (_, err) = server.stop();
    assert!(files().len() >= 4, "{:?} after {count} requests: {err:#?}", files());
    let text: String = files().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut uris: Vec<usize> = text
        .lines()
        .map(|line| line.split(" GET /").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap())
        .collect();
    uris.sort_unstable();
    assert_eq!(uris, (0..count).collect::<Vec<_>>());
    assert!(err.iter().any(|line| line.contains("was moved away")), "{err:#?}");
}

#[test]
fn what_is_no_target_is_told() {
    for (target, want) in [
        ("syslog:x,nothing", "syslog has no facility"),
        ("tcp://x:1", "tcp:// is not known"),
        ("fd:1000", "is it open?"),
    ] {
        let done = run(&["serve", "hello", "--uwsgi", "127.0.0.1:0", "--log-file", target]);
        assert!(done.err.contains(want) && done.code != Some(0), "{target}: {done:?}");
    }
}
