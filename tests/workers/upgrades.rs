//! A new master in the old one's place: the process's number stays, and no client notices.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::load::Load;
use crate::master::{BECOMES, Master, SERVES, stat};
use crate::support::client::{Response, get};
use crate::support::eventually;
use crate::support::nginx::Nginx;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";

#[test]
fn twenty_upgrades_under_load_fail_no_request() {
    let mut master = Master::start(&["--workers", "2", "--http", "127.0.0.1:0", "--preload"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 16, "/");
    let http = master.says("Listening on http://");
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", master.pid())).unwrap().count();
    let mut first = 0;
    for round in 1..=20 {
        let before = master.workers();
        master.replace(if round % 2 == 0 { Signal::SIGUSR2 } else { Signal::SIGHUP });
        eventually("the old workers' ends", || before.iter().all(|pid| stat(*pid).is_none()));
        // Its lines come by a pipe and a thread: they may come after all this has been seen.
        eventually("the same port of the kernel's choice", || master.count(&http) == round + 1);
        load.goes_on(50);
        if round == 2 {
            first = descriptors();
        }
    }
    assert_eq!((master.workers().len(), descriptors()), (2, first), "nothing piles up");
    load.assert_all_well();
    assert!(Path::new(&master.folder.path().join("x.sock")).exists());
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
    eventually("everybody's end", || !master.is_anyone_left());
    let left: Vec<_> =
        fs::read_dir(master.folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(left, ["version"], "the last master removes what the first made");
}

#[test]
fn what_cannot_be_loaded_leaves_the_old_serving() {
    let master = Master::start(&["--workers", "2", "--preload"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 4, "/");
    let (pid, workers) = (master.pid(), master.workers());
    master.write_version("broken");
    for signal in [Signal::SIGHUP, Signal::SIGUSR2] {
        let before = master.count("and the old serves on");
        master.signal(signal);
        eventually("its end", || master.count("and the old serves on") > before);
    }
    master.says(": the code is broken");
    assert_eq!((master.pid(), master.workers(), master.count(BECOMES)), (pid, workers, 0));
    master.write_version("two");
    master.replace(Signal::SIGHUP);
    // One of before may have this one yet.
    eventually("the new code", || nginx.get("/").text() == "two");
    load.assert_all_well();
}

#[test]
fn a_preloaded_application_is_loaded_anew() {
    let master = Master::start(&["--preload"]);
    master.write_version("two");
    let first = master.workers()[0];
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    eventually("another worker, of the old code", || {
        master.workers().len() == 1 && master.workers()[0] != first && master.get("/").text() == "one"
    });
    master.replace(Signal::SIGHUP);
    // One of before may have this one yet.
    eventually("the new code", || master.get("/").text() == "two");
}

#[test]
fn a_reload_during_a_reload_loads_what_is_there_then() {
    let master = Master::start(&["--preload", "--workers", "4"]);
    for _ in 0..5 {
        master.write_version("slow");
        master.signal(Signal::SIGHUP);
    }
    master.says("reload: begun anew");
    master.write_version("two");
    let became = master.count(BECOMES);
    master.signal(Signal::SIGHUP);
    eventually("a new master", || master.count(BECOMES) > became);
    eventually("the new code", || master.get("/").text() == "two");
    eventually("the old workers' ends", || master.workers().len() == 4);
}

#[test]
fn a_stop_is_for_what_is_tried_and_for_the_new_master_too() {
    let mut master = Master::start(&["--preload"]);
    master.write_version("slow");
    master.signal(Signal::SIGUSR2);
    master.says("tries first");
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
    eventually("everybody's end", || !master.is_anyone_left());
    assert!(!master.folder.path().join("x.sock").exists());

    // It comes while this process is no master yet again.
    let mut master = Master::start(&["--preload"]);
    let running = master.remote.send(get("/sleep?2500"));
    eventually("it is in a worker's hands", || master.asleep().len() == 1);
    master.write_version("slow");
    master.signal(Signal::SIGUSR2);
    master.says(BECOMES);
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
    assert_eq!(Response::read(running).text(), "one", "what runs is finished");
    eventually("everybody's end", || !master.is_anyone_left());
    assert!(!master.folder.path().join("x.sock").exists() && !master.folder.path().join("pid").exists());
}

#[test]
fn a_request_that_runs_is_finished_and_its_worker_is_still_looked_after() {
    let master = Master::on_loop(&["--preload", "--grace", "60", "--timeout", "3"], |_| {});
    let running = master.remote.send(get("/sleep?2000"));
    eventually("it is in a worker's hands", || master.asleep().len() == 1);
    let old = master.workers();
    master.replace(Signal::SIGHUP);
    assert_eq!(Response::read(running).text(), "one");
    eventually("its worker's end", || old.iter().all(|pid| stat(*pid).is_none()));
    // One that does not come back is ended by the master after the one that started it.
    let stuck = master.remote.send(get("/sleep?60000"));
    eventually("it is in a worker's hands", || master.asleep().len() == 1);
    let old = master.workers();
    master.replace(Signal::SIGHUP);
    assert_eq!(Response::read(stuck).status, 504);
    eventually("its worker's end", || old.iter().all(|pid| stat(*pid).is_none()));
}

#[test]
fn a_worker_that_is_killed_meanwhile_is_found() {
    let master = Master::start(&["--preload", "--workers", "2"]);
    let old = master.workers();
    master.write_version("slow");
    master.signal(Signal::SIGHUP);
    master.says(BECOMES);
    kill(Pid::from_raw(old[0]), Signal::SIGKILL).unwrap();
    master.says(&format!("(pid {}) has ended: SIGKILL", old[0]));
    master.says(SERVES);
    eventually("the new workers alone", || {
        let workers = master.workers();
        workers.len() == 2 && old.iter().all(|pid| !workers.contains(pid))
    });
    master.get("/").assert_body("slow");
}

#[test]
fn what_fails_only_then_leaves_the_old_serving_and_is_tried_again() {
    for (moment, says) in [
        ("pre-app", "so each new worker tries"),
        ("as-user", "cannot serve, as was said; the workers of before go on"),
    ] {
        let mut master = with_two_tokens(moment, "");
        let (pid, old) = (master.pid(), master.workers());
        master.write_version("two");
        master.signal(Signal::SIGHUP);
        master.says(says);
        if moment == "pre-app" {
            master.says("and the old serves on");
        }
        eventually("the old workers alone", || master.workers() == old);
        assert_eq!(master.get("/").text(), "one");
        let tokens = master.folder.path().join("tokens");
        (3..20).for_each(|name| fs::write(tokens.join(name.to_string()), "").unwrap());
        if moment == "pre-app" {
            master.signal(Signal::SIGHUP);
        }
        eventually("the new code", || master.get("/").text() == "two");
        assert_eq!(master.pid(), pid);
        master.signal(Signal::SIGTERM);
        assert_eq!(master.wait().code(), Some(0));
        eventually("everybody's end", || !master.is_anyone_left());
    }
}

#[test]
fn a_new_master_that_cannot_serve_ends_as_it_is_told() {
    let mut master = with_two_tokens("as-user", "");
    master.signal(Signal::SIGHUP);
    master.says("the next try is in 2 s");
    master.get("/").assert_body("one");
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(128 + Signal::SIGTERM as i32));
    eventually("everybody's end", || !master.is_anyone_left());
}

#[test]
fn a_load_that_does_not_end_is_ended_by_a_second_signal() {
    let mut master = with_two_tokens("pre-app", " || exec sleep 100");
    master.signal(Signal::SIGHUP);
    master.says(BECOMES);
    let hangs = || master.workers().into_iter().any(|pid| comm(pid) == "sleep");
    eventually("it hangs", hangs);
    master.get("/").assert_body("one");
    master.signal(Signal::SIGTERM);
    master.get("/").assert_body("one");
    let pid = master.pid();
    eventually("its end", || {
        // One that comes before the other was counted is the same.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        stat(pid).is_none_or(|(state, _)| state == "Z")
    });
    assert_eq!(master.wait().code(), Some(128 + Signal::SIGTERM as i32));
}

/// A master whose action at this moment takes a file each time, of which there are two: for the start, and for the trial. Then
/// it does what stands `otherwise`.
fn with_two_tokens(moment: &str, otherwise: &str) -> Master {
    let takes = format!("{moment}=exec:cd FOLDER/tokens && mv $(ls | head -1) ..{otherwise}");
    Master::spawn(&["--preload", "--hook", &takes], |command| {
        let tokens = command.get_current_dir().unwrap().join("tokens");
        fs::create_dir(&tokens).unwrap();
        ["1", "2"].iter().for_each(|name| fs::write(tokens.join(name), "").unwrap());
    })
}

fn comm(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}
