//! `--control`: commands of one letter; and what else asks for a reload as uWSGI has it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use nix::sys::signal::Signal;

use crate::load::Load;
use crate::master::{BECOMES, Master, SERVES};
use crate::support::eventually;
use crate::support::nginx::Nginx;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";

#[test]
fn letters_do_what_signals_do() {
    let mut master = Master::start(&["--workers", "2", "--control", "FOLDER/control"]);
    let pipe = master.folder.path().join("control");
    let metadata = fs::metadata(&pipe).unwrap();
    assert!(metadata.file_type().is_fifo() && metadata.permissions().mode() & 0o777 == 0o600);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 4, "/");
    let say = |letters: &str| fs::write(&pipe, letters).unwrap();
    say("r\n");
    master.says("the new code serves");
    say("+");
    master.says("3 workers are wanted");
    say("--");
    master.says("1 worker is wanted");
    say("l");
    master.says("the log files are open anew");
    say("s");
    master.says("1 worker serves");
    say("?");
    master.says("\"?\" is no command here: they are r and w to reload");
    // The pipe is the new master's then, with what was said before.
    let reloads = master.count(SERVES);
    say("f");
    say("+-");
    eventually("a new master", || master.count(SERVES) > reloads);
    master.says("2 workers are wanted");
    let reloads = master.count(SERVES);
    say("w");
    eventually("a reload by the new master", || master.count("the new code serves") > reloads);
    load.assert_all_well();
    say("q");
    master.wait();
    eventually("everybody's end", || !master.is_anyone_left());
    assert!(!pipe.exists(), "it is removed");
}

#[test]
fn a_stop_at_once_waits_for_nothing() {
    let mut master = Master::start(&["--control", "FOLDER/control"]);
    let _running = master.remote.send(crate::support::client::get("/sleep?60000"));
    eventually("it is in a worker's hands", || master.asleep().len() == 1);
    fs::write(master.folder.path().join("control"), "Q").unwrap();
    assert_eq!(master.wait().code(), Some(0));
    eventually("everybody's end", || !master.is_anyone_left());
}

#[test]
fn sigterm_reloads_where_that_is_wanted() {
    let mut master = Master::start(&["--term-reloads"]);
    master.write_version("two");
    master.signal(Signal::SIGTERM);
    master.says("the new code serves");
    eventually("the new code answers", || master.get("/").text() == "two");
    master.signal(Signal::SIGINT);
    assert_eq!(master.wait().code(), Some(0));
    // uWSGI's hook has the last word.
    let hook = "master-start=unix_signal:15 gracefully_kill_them_all";
    let mut master = Master::start(&["--term-reloads", "--hook", hook]);
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
}

#[test]
fn a_preloaded_application_is_loaded_anew_or_only_its_workers_are() {
    let master =
        Master::start(&["--preload", "--reload-on", "FOLDER/all", "--reload-workers-on", "FOLDER/workers"]);
    let pid = master.pid();
    master.write_version("two");
    fs::write(master.folder.path().join("workers"), "").unwrap();
    master.says("reload (a path of --reload-workers-on has changed)");
    master.says("the new code serves");
    assert_eq!((master.pid(), master.get("/").text()), (pid, "one".to_owned()));
    fs::write(master.folder.path().join("all"), "").unwrap();
    master.says(BECOMES);
    eventually("the new code answers", || master.get("/").text() == "two");
    assert_eq!(master.pid(), pid);
}

#[test]
fn a_worker_that_grows_beyond_its_address_space_is_replaced() {
    let master = Master::start(&["--max-address-space", "1"]);
    master.says("MiB of address space (--max-address-space)");
    eventually("another worker", || master.count("retires after") > 1);
    master.get("/").assert_body("one");
}
