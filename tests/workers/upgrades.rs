//! Binary upgrades: a new master on the same sockets, and no client notices.

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::load::Load;
use crate::master::{Master, children, stat};
use crate::support::eventually;
use crate::support::nginx::Nginx;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";

#[test]
fn twenty_upgrades_under_load_fail_no_request() {
    let mut master = Master::start(&["--workers", "2", "--http", "127.0.0.1:0"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 16, "/");
    let http = master.says("Listening on http://");
    for round in 1..=20 {
        let before = master.pid();
        master.signal(Signal::SIGUSR2);
        eventually("a new master", || master.pid() != before && master.pid() != 0);
        eventually("the old master's end", || has_ended(before));
        // Its lines come by a pipe and a thread: they may come after all this has been seen.
        eventually("the same port of the kernel's choice", || master.count(&http) == round + 1);
        load.goes_on(50);
    }
    load.assert_all_well();
    assert!(Path::new(&master.folder.path().join("x.sock")).exists());
    master.signal(Signal::SIGTERM);
    // The first of them is this test's own child.
    assert_eq!(master.wait().code(), Some(0));
    eventually("everybody's end", || !master.is_anyone_left());
    let left: Vec<_> =
        std::fs::read_dir(master.folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(left, ["version"], "the last master removes what the first made");
}

#[test]
fn a_new_master_that_cannot_load_leaves_the_old_serving() {
    let master = Master::start(&["--workers", "2"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 4, "/");
    let (pid, workers) = (master.pid(), master.workers());
    master.write_version("broken");
    master.signal(Signal::SIGUSR2);
    let line = master.says("has ended before it served");
    assert!(line.ends_with("; this one serves on"), "{line}");
    assert_eq!((master.pid(), master.workers()), (pid, workers));
    master.write_version("two");
    master.signal(Signal::SIGUSR2);
    eventually("the old master's end", || has_ended(pid));
    assert_eq!(nginx.get("/").text(), "two");
    load.assert_all_well();
}

#[test]
fn a_preloaded_application_is_loaded_anew_by_a_new_master() {
    let master = Master::start(&["--preload"]);
    let pid = master.pid();
    master.write_version("two");
    kill(Pid::from_raw(master.workers()[0]), Signal::SIGKILL).unwrap();
    eventually("another worker, of the old code", || {
        children(pid).len() == 1 && master.get("/").text() == "one"
    });
    master.signal(Signal::SIGHUP);
    eventually("a new master", || master.pid() != pid && master.pid() != 0);
    eventually("the old master's end", || has_ended(pid));
    assert_eq!(master.get("/").text(), "two");
}

#[test]
fn a_stop_is_for_the_new_master_too() {
    let mut master = Master::start(&[]);
    master.write_version("slow");
    master.signal(Signal::SIGUSR2);
    master.says(" starts on the same sockets");
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
    eventually("everybody's end", || !master.is_anyone_left());
    assert!(!master.folder.path().join("x.sock").exists());
}

/// Whether a process is gone, or waits for its parent to notice.
fn has_ended(pid: i32) -> bool {
    stat(pid).is_none_or(|(state, _)| state == "Z")
}
