//! What goes wrong in a worker stays there: it is replaced, and no other request is lost.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tidegate::ProtocolName;

use crate::disk;
use crate::load::Load;
use crate::master::{Master, wrap};
use crate::support::client::{Response, get, post, read_all};
use crate::support::eventually;
use crate::support::longer_times::with_longer_times;
use crate::support::nginx::Nginx;
use crate::support::server::threads;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";

#[test]
fn fifty_workers_killed_under_load_fail_no_request_but_their_own() {
    const KILLS: usize = 50;
    let master = Master::start(&["--workers", "4"]);
    let nginx = Nginx::start(&master.remote, PASS);
    // Each takes a worker for itself for a while, so that most that are killed are inside one.
    let load = Load::start(&nginx, 8, "/sleep?2");
    let random = RandomState::new();
    for round in 0..KILLS {
        // One that is killed at its start is told of in another way.
        eventually("four workers serve", || master.count(" serves, ") == 4 + round);
        let workers = master.eventually_has(4);
        let victim = workers[random.hash_one(round) as usize % workers.len()];
        kill(Pid::from_raw(victim), Signal::SIGKILL).unwrap();
        eventually("its end is told", || master.count(": SIGKILL; ") == round + 1);
        load.goes_on(10);
    }
    let mut answers = load.end();
    println!("{answers:?}");
    let lost = answers.remove("502").unwrap_or_default();
    assert!(lost <= KILLS * threads().unwrap_or(1), "{lost} requests failed for {KILLS} workers");
    assert!(answers.keys().eq(["200"]), "{answers:?}");
    assert!(master.count("; it held GET /sleep?2, in the application's call") > 0);
    master.eventually_has(4);
}

#[test]
fn an_application_that_never_returns_is_a_504_and_its_worker_is_replaced() {
    with_longer_times(|factor| never_returns(f64::from(factor) * 0.5));
}

fn never_returns(timeout: f64) {
    let seconds = timeout.to_string();
    let remotes = ["--http", "FOLDER/http", "--fastcgi", "FOLDER/fastcgi", "--scgi", "FOLDER/scgi"];
    let master = Master::start(&[&["--workers", "2", "--timeout", &seconds][..], &remotes].concat());
    let at = |name: &str| format!("unix:{}", master.folder.path().join(name).display());
    let locations = format!(
        "location / {{ uwsgi_pass UPSTREAM; }}
         location /http/ {{ rewrite ^/http(.*) $1 break; proxy_pass http://{}:; }}
         location /fastcgi/ {{ rewrite ^/fastcgi(.*) $1 break; include fastcgi_params; fastcgi_pass {}; }}
         location /scgi/ {{ rewrite ^/scgi(.*) $1 break; include scgi_params; scgi_pass {}; }}",
        at("http"),
        at("fastcgi"),
        at("scgi")
    );
    let nginx = Nginx::start(&master.remote, &locations);
    for (round, path) in ["/loop", "/http/loop", "/fastcgi/loop", "/scgi/loop"].into_iter().enumerate() {
        let begin = Instant::now();
        let response = nginx.get(path);
        assert_eq!((response.status, response.text().as_str()), (504, "Gateway Timeout\n"), "{path}");
        assert!(begin.elapsed() >= Duration::from_secs_f64(timeout), "{path}: {:?}", begin.elapsed());
        eventually("the worker is replaced", || master.count(" serves, ") == 2 + round + 1);
        assert_eq!(nginx.get("/").status, 200);
    }
    if threads().is_some() {
        let line = master.says(&format!("did not come back from the application's call within {seconds} s"));
        assert!(line.contains("loop: answered with 504: ") && line.contains("thread "), "{line}");
        return;
    }
    let line = master.says("longer than --timeout");
    assert!(
        line.contains("ERROR worker ") && line.contains(", in the application's call: it has not"),
        "{line}"
    );
    master.says("has ended: SIGABRT");
}

#[test]
fn a_response_that_has_begun_is_broken_off_by_the_timeout() {
    with_longer_times(|factor| {
        let timeout = (f64::from(factor) * 0.3).to_string();
        let master = Master::start(&["--timeout", &timeout, "--http", "127.0.0.1:0"]);
        let client = master.tcp(ProtocolName::Http).send("GET /late-loop HTTP/1.1\r\nHost: x\r\n\r\n");
        let (bytes, broken) = read_all(&client);
        assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n") && !bytes.ends_with(b"0\r\n\r\n"));
        assert!(broken.is_some(), "it must not look like an end");
        master.says(match threads() {
            None => ", in a step of the application's body: it has not come back",
            Some(_) => " did not come back from a step of the application's body within ",
        });
    });
}

#[test]
fn a_timeout_is_for_the_application_and_not_for_a_slow_client_or_an_idle_worker() {
    with_longer_times(|factor| {
        let master = Master::start(&["--timeout", &factor.to_string()]);
        let workers = master.workers();
        // More than a socket holds, so that the worker waits for its client.
        let slow = master.remote.connect_small();
        let mut asking = &slow;
        asking.write_all(&get("/big")).unwrap();
        let begin = Instant::now();
        while begin.elapsed() < factor * Duration::from_secs(2) {
            master.get("/sleep?100").assert_body("one");
        }
        Response::read(&slow);
        assert_eq!(master.workers(), workers);
    });
}

#[test]
fn an_application_that_ends_its_process_is_replaced_and_the_log_says_how() {
    let master = Master::start(&["--workers", "2"]);
    let nginx = Nginx::start(&master.remote, PASS);
    for (path, how) in [
        ("/exit", "has ended: exit status 3; it held GET /exit, in the application's call"),
        ("/crash", "has ended: SIGSEGV"),
    ] {
        assert_eq!(nginx.get(path).status, 502, "{path}");
        master.says(how);
        master.eventually_has(2);
        assert_eq!(nginx.get("/").text(), "one");
    }
    assert_eq!(master.count("the next try is in"), 0, "they are replaced at once");
}

#[test]
fn workers_retire_and_no_request_is_lost() {
    let master = Master::start(&["--workers", "2", "--max-requests", "30", "--max-requests-jitter", "20"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 4, "/");
    eventually("some have retired", || {
        master.count(" requests (--max-requests), once its successor serves") > 4
    });
    load.assert_all_well();
}

#[test]
fn a_worker_that_leaks_and_one_that_is_old_retire() {
    for (option, bound, words) in
        [("--max-rss", "60", "MiB of memory (--max-rss)"), ("--max-lifetime", "0.5", "s (--max-lifetime)")]
    {
        let master = Master::start(&[option, bound]);
        let first = master.workers();
        let begin = Instant::now();
        while master.count(words) == 0 && begin.elapsed() < crate::support::PATIENCE {
            assert_eq!(master.get("/leak").status, 200);
        }
        master.says(words);
        eventually("its successor alone serves", || {
            let workers = master.workers();
            workers.len() == 1 && workers != first
        });
        assert_eq!(master.get("/").status, 200);
    }
}

#[test]
fn a_worker_that_cannot_start_is_tried_again_with_a_growing_pause() {
    let master = Master::start(&[]);
    // It has served, so its own end is none of these.
    master.get("/").assert_body("one");
    master.write_version("broken");
    kill(Pid::from_raw(master.workers()[0]), Signal::SIGKILL).unwrap();
    for pause in ["0", "0.1", "0.2", "0.4"] {
        let line = master.says(&format!("could not start; the next try is in {pause} s: "));
        assert!(line.contains("the code is broken"), "{line}");
    }
    master.write_version("two");
    assert_eq!(master.get("/").text(), "two", "a request that came meanwhile is answered");
}

#[test]
fn a_worker_that_ends_right_after_its_start_is_tried_again_with_a_growing_pause() {
    let master = Master::start(&[]);
    // It has served, so its own end is none of these.
    master.get("/").assert_body("one");
    master.write_version("fragile");
    kill(Pid::from_raw(master.workers()[0]), Signal::SIGKILL).unwrap();
    for pause in ["0", "0.1", "0.2"] {
        master.says(&format!("right after its start: exit status 9; the next try is in {pause} s"));
    }
    master.write_version("two");
    eventually("the next one stays", || master.count("serves") > 3 && master.get("/").text() == "two");
}

#[test]
fn a_first_start_that_fails_is_one_line_and_a_status() {
    let folder = tempfile::tempdir().unwrap();
    let version = folder.path().join("version");
    for (text, why) in [
        ("broken", format!("tidegate: {}: the code is broken\n", version.display())),
        ("exit", "tidegate: a worker ended before it served: exit status 7\n".to_owned()),
    ] {
        std::fs::write(&version, text).unwrap();
        let mut command = Command::new(crate::master::program());
        command
            .arg("serve")
            .arg(&version)
            .args(["--workers", "3", "--uwsgi"])
            .arg(folder.path().join("x.sock"));
        let output = command.env_remove("RUST_LOG").output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), why));
        assert!(output.stdout.is_empty() && !folder.path().join("x.sock").exists());
    }
}

#[test]
fn descriptors_that_are_used_up_are_a_line_and_over_when_they_are_back() {
    let master = Master::spawn(&["--workers", "1"], |command| {
        wrap(command, &["sh", "-c", "ulimit -n 40; exec \"$@\"", "sh"]);
    });
    let idle: Vec<_> = (0..60).map(|_| master.remote.connect()).collect();
    master.says("cannot accept: Too many open files");
    drop(idle);
    master.get("/").assert_body("one");
}

#[test]
fn a_body_that_the_disk_has_no_room_for_is_a_500_and_the_next_one_is_not() {
    let master = Master::spawn(&["--workers", "1", "--body-memory", "0"], |command| {
        let disk = disk::mount(command, "300k", "");
        command.env("TMPDIR", disk);
    });
    // Without memory for bodies each is kept in a temporary file.
    let (fits, does_not) = (post("/", &[b'.'; 200 << 10]), post("/", &[b'.'; 400 << 10]));
    master.remote.ask(&fits).assert_body("one");
    for count in 1..=2 {
        master.remote.ask(&does_not).assert_status(500);
        master.remote.ask(&fits).assert_body("one");
        let line = master.says("the body could not be kept in a temporary file");
        assert!(line.contains("No space left on device"), "{line}");
        eventually("a line for each", || master.count("the body could not be kept") == count);
    }
}

#[test]
fn a_master_that_is_killed_has_its_workers_finish_and_leave() {
    let mut master = Master::start(&["--workers", "2"]);
    let running = master.remote.send(get("/sleep?500"));
    eventually("it is in a worker's hands", || master.asleep().len() == 1);
    master.signal(Signal::SIGKILL);
    Response::read(&running).assert_body("one");
    master.wait();
    eventually("the workers' end", || !master.is_anyone_left());
}
