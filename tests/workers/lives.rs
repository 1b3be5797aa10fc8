//! Workers that are there and do nothing: one that was stopped, and one whose application gives nothing.

use std::io::Write;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tidegate::ProtocolName;

use crate::master::{Master, stat};
use crate::support::client::{Response, read_all, read_until};
use crate::support::eventually;
use crate::support::longer_times::with_longer_times;
use crate::support::request::Request;

#[test]
fn a_worker_that_was_stopped_while_it_waited_is_replaced_and_no_other() {
    with_longer_times(|factor| {
        let timeout = (f64::from(factor) * 0.2).to_string();
        let master = Master::start(&["--workers", "2", "--timeout", &timeout, "--http", "127.0.0.1:0"]);
        let http = master.tcp(ProtocolName::Http);
        let kept = Request::get("/pid").kept().encode(ProtocolName::Http);
        let mut client = http.send(&kept);
        let text = String::from_utf8(read_until(&client, "\r\n\r\n")).unwrap();
        let victim: i32 = text.rsplit("\r\n\r\n").next().unwrap().parse().unwrap();
        let other = master.workers().into_iter().find(|pid| *pid != victim).unwrap();
        let state = |pid| stat(pid).map(|(state, _)| state);
        eventually("it waits", || state(victim).as_deref() == Some("S"));
        kill(Pid::from_raw(victim), Signal::SIGSTOP).unwrap();
        // Whatever was meant for it is answered by the other one.
        let begin = Instant::now();
        for _ in 0..20 {
            assert_eq!(master.get("/pid").text(), other.to_string());
        }
        println!("20 requests beside a worker that was stopped took {:?}", begin.elapsed());
        client.write_all(&kept).unwrap();
        assert!(read_all(&client).0.is_empty(), "it ends with its worker");
        let line = master.says("no sign of life for ");
        assert!(line.contains(&format!("(pid {victim})")), "{line}");
        eventually("another takes its place", || {
            let workers = master.workers();
            workers.len() == 2 && workers.contains(&other) && !workers.contains(&victim)
        });
        assert_eq!(master.count("no sign of life"), 1);
    });
}

#[test]
fn a_body_of_empty_chunks_has_the_time_of_a_step() {
    with_longer_times(|factor| {
        let timeout = (f64::from(factor) * 0.3).to_string();
        let master =
            Master::start(&["--timeout", &timeout, "--http", "127.0.0.1:0", "--uwsgi", "127.0.0.1:0"]);
        let workers = master.workers();
        for protocol in [ProtocolName::Http, ProtocolName::Uwsgi] {
            let remote = master.tcp(protocol);
            Response::read(remote.send(Request::get("/empty").encode(protocol))).assert_status(504);
            let (bytes, broken) =
                read_all(remote.send(Request::get("/empty?first").http10().encode(protocol)));
            assert!(bytes.ends_with(b"first") && broken.is_some(), "{broken:?}, {}", bytes.escape_ascii());
            Response::read(remote.send(Request::get("/").encode(protocol))).assert_body("one");
        }
        let line = master.says(&format!("nothing but empty chunks for {timeout} s (--timeout)"));
        assert!(line.contains(" ERROR "), "{line}");
        assert_eq!(master.workers(), workers, "its worker serves on");
    });
}
