//! The master's signals.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::load::Load;
use crate::master::{Master, children};
use crate::support::client::{Response, get};
use crate::support::eventually;
use crate::support::nginx::Nginx;
use crate::support::server::threads;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";

#[test]
fn a_stop_finishes_what_runs_and_a_second_one_does_not() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let mut master = Master::start(&["--workers", "2"]);
        let running = master.remote.send(get("/sleep?300"));
        master.signal(signal);
        Response::read(&running).assert_body("one");
        assert_eq!(master.wait().code(), Some(0), "{signal}");
        assert!(!master.is_anyone_left());
        assert!(!master.folder.path().join("x.sock").exists() && !master.folder.path().join("pid").exists());

        let mut master = Master::start(&["--workers", "2"]);
        let _running = master.remote.send(get("/sleep?60000"));
        eventually("it is in a worker's hands", || master.asleep().len() == 1);
        master.signal(signal);
        master.says("stopping: 2 workers finish what runs");
        master.signal(signal);
        assert_eq!(master.wait().code(), Some(128 + signal as i32), "{signal}");
        eventually("everybody's end", || !master.is_anyone_left());
    }
}

#[test]
fn without_workers_the_command_serves_by_itself() {
    let mut master = Master::start(&["--workers", "0", "--timeout", "5"]);
    // With threads of its own it looks after that itself.
    if threads().is_none() {
        master.says("WARN --workers 0: no master looks after --timeout");
    }
    assert_eq!(master.get("/pid").text(), master.pid().to_string());
    assert!(master.workers().is_empty());
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
    assert!(!master.folder.path().join("x.sock").exists() && !master.folder.path().join("pid").exists());
}

#[test]
fn who_has_connected_before_a_stop_is_served() {
    let mut master = Master::start(&["--workers", "2"]);
    let busy: Vec<_> = (0..2).map(|_| master.remote.send(get("/sleep?300"))).collect();
    let waiting: Vec<_> = (0..100).map(|_| master.remote.send(get("/"))).collect();
    master.signal(Signal::SIGTERM);
    for client in busy.iter().chain(&waiting) {
        Response::read(client).assert_body("one");
    }
    assert_eq!(master.wait().code(), Some(0));
}

#[test]
fn a_request_that_outlives_the_grace_is_ended_with_its_worker() {
    let mut master = Master::start(&["--grace", "0.2"]);
    let _running = master.remote.send(get("/loop"));
    eventually("it is in the worker's hands", || is_running(master.workers()[0]));
    master.signal(Signal::SIGTERM);
    if threads().is_none() {
        let line = master.says("its time (--grace) is over");
        assert!(line.contains("GET /loop, in the application's call"), "{line}");
    } else {
        master.says("stopped with 1 connection open: the time (--grace) is over");
    }
    assert_eq!(master.wait().code(), Some(0));
}

#[test]
fn workers_are_added_and_taken_away() {
    let master = Master::start(&["--workers", "1"]);
    master.signal(Signal::SIGTTIN);
    let three = || {
        master.signal(Signal::SIGTTIN);
        master.eventually_has(3)
    };
    master.eventually_has(2);
    let all = three();
    master.signal(Signal::SIGTTOU);
    master.eventually_has(2);
    master.signal(Signal::SIGTTOU);
    let left = master.eventually_has(1);
    assert!(all.contains(&left[0]));
    master.signal(Signal::SIGTTOU);
    master.says("1 worker is wanted");
    assert_eq!(master.get("/").text(), "one");
}

#[test]
fn a_worker_that_is_not_wanted_any_more_as_it_comes_to_serve_loses_no_request() {
    let master = Master::start(&["--workers", "1"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 4, "/");
    for _ in 0..60 {
        master.signal(Signal::SIGTTIN);
        // It may just begin, or have taken a request already.
        eventually("another worker", || master.workers().len() > 1);
        master.signal(Signal::SIGTTOU);
        master.eventually_has(1);
    }
    load.assert_all_well();
}

#[test]
fn log_files_are_opened_anew() {
    let master = Master::start(&["--workers", "2", "--access-log-file", "FOLDER/access"]);
    let (file, moved) = (master.folder.path().join("access"), master.folder.path().join("access.1"));
    master.get("/first").assert_body("one");
    fs::rename(&file, &moved).unwrap();
    master.signal(Signal::SIGUSR1);
    master.says("the log files are open anew");
    eventually("a line in the new file", || {
        master.get("/second").assert_body("one");
        fs::read_to_string(&file).is_ok_and(|text| text.contains("/second"))
    });
    assert!(fs::read_to_string(&moved).unwrap().contains(" GET /first 200 "));
}

#[test]
fn log_files_that_others_move_away_are_opened_anew_without_a_signal() {
    let master =
        Master::start(&["--workers", "2", "--access-log-file", "FOLDER/access", "--log-file", "FOLDER/log"]);
    let path = |name: &str| master.folder.path().join(name);
    for name in ["access", "log"] {
        master.get("/error").assert_status(500);
        fs::rename(path(name), path(&format!("{name}.1"))).unwrap();
        eventually("lines in the new file", || {
            master.get("/error").assert_status(500);
            fs::read_to_string(path(name)).is_ok_and(|text| text.contains("/error"))
        });
    }
    let log = fs::read_to_string(path("log")).unwrap();
    assert!(log.contains("a log file was moved away, and is open anew"), "{log}");
    // Each worker writes to the new file by now, and so does what it prints itself.
    eventually("all have the new file", || {
        let has_new = |pid: i32| fs::read_link(format!("/proc/{pid}/fd/2")).unwrap() == path("log");
        master.workers().into_iter().all(has_new)
    });
}

#[test]
fn the_log_goes_to_a_file_and_with_it_all_of_stderr() {
    let mut master = Master::start(&["--log-file", "FOLDER/log"]);
    let log = master.folder.path().join("log");
    master.get("/error").assert_status(500);
    eventually("the error's line", || {
        fs::read_to_string(&log).is_ok_and(|text| text.contains("an error, as was asked for"))
    });
    master.signal(Signal::SIGTERM);
    master.wait();
    assert!(fs::read_to_string(&log).unwrap().contains("stopping: 1 worker finishes what runs"));
    assert_eq!(master.count("stopping"), 0);
}

#[test]
fn a_worker_that_is_told_to_end_finishes_and_is_replaced() {
    let master = Master::start(&["--workers", "1"]);
    let first = master.workers();
    let running = master.remote.send(get("/sleep?200"));
    eventually("it is in the worker's hands", || master.asleep() == first);
    kill(Pid::from_raw(first[0]), Signal::SIGTERM).unwrap();
    Response::read(&running).assert_body("one");
    eventually("another worker", || children(master.pid()).iter().any(|pid| !first.contains(pid)));
    master.get("/").assert_body("one");
}

#[test]
fn nothing_is_inherited_that_should_not_be() {
    let master = Master::start(&["--workers", "2", "--http", "127.0.0.1:0"]);
    let leads_to = |pid: &str, number: u32| fs::read_link(format!("/proc/{pid}/fd/{number}")).ok();
    for pid in master.workers() {
        for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap() {
            let path = entry.unwrap().path();
            let number: u32 = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            let info = fs::read_to_string(&path).unwrap_or_default();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or("02000000");
            let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
            // What the process that runs the tests has left open for all.
            let is_another = leads_to("self", number) == leads_to(&pid.to_string(), number);
            assert!(
                number < 3 || is_another || flags & 0o2_000_000 != 0,
                "descriptor {number} of {pid} survives an exec, to {:?}: {info}",
                leads_to(&pid.to_string(), number)
            );
        }
    }
}

fn is_running(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('R'))
}
