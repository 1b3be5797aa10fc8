//! `--attach`: programs that are kept alive beside the workers.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::load::Load;
use crate::master::{Master, stat};
use crate::support::eventually;
use crate::support::nginx::Nginx;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";
/// Writes its number, starts another that does, and lives until it is told to end.
const PAIR: &str = "sh -c 'echo $$ >> FOLDER/started; sleep 600 & echo $! >> FOLDER/children; wait'";

fn numbers(master: &Master, file: &str) -> Vec<i32> {
    let text = fs::read_to_string(master.folder.path().join(file)).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[track_caller]
fn last(master: &Master, file: &str, count: usize) -> i32 {
    eventually(&format!("{count} starts"), || numbers(master, file).len() >= count);
    numbers(master, file)[count - 1]
}

fn lives(pid: i32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

#[track_caller]
fn eventually_gone(pid: i32) {
    eventually("its end", || !lives(pid));
}

#[test]
fn a_program_is_kept_alive_and_ends_with_the_server() {
    let mut master = Master::start(&["--workers", "4", "--attach", PAIR]);
    let first = last(&master, "started", 1);
    let child = last(&master, "children", 1);
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    let second = last(&master, "started", 2);
    eventually_gone(child);
    let line = master.says("; it is started again in 0 s");
    assert!(line.contains(" has ended: signal: 9 (SIGKILL)"), "{line}");
    let child = last(&master, "children", 2);
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
    eventually_gone(second);
    eventually_gone(child);
}

#[test]
fn a_reload_leaves_it_alone_and_a_killed_master_does_not() {
    let master =
        Master::start(&["--workers", "2", "--attach", "sh -c 'echo $$ >> FOLDER/started; exec sleep 600'"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 4, "/");
    let first = last(&master, "started", 1);
    master.signal(Signal::SIGHUP);
    master.says("the new code serves");
    load.goes_on(50);
    assert_eq!(numbers(&master, "started"), [first]);
    load.assert_all_well();
    master.signal(Signal::SIGKILL);
    eventually_gone(first);
}

#[test]
fn a_new_master_goes_on_with_it_and_there_are_never_two_of_a_kind() {
    // It fails if another one runs.
    let alone = "sh -c 'mkdir FOLDER/lock || exit 9; trap \"rmdir FOLDER/lock; exit\" TERM; echo $$ >> FOLDER/started; while :; do sleep 0.1; done'";
    let mut master = Master::start(&["--attach", alone]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 4, "/");
    let program = last(&master, "started", 1);
    for _ in 1..=3 {
        master.replace(Signal::SIGUSR2);
    }
    assert_eq!(numbers(&master, "started"), [program]);
    kill(Pid::from_raw(program), Signal::SIGTERM).unwrap();
    let program = last(&master, "started", 2);
    load.assert_all_well();
    assert_eq!(master.count("exit status: 9"), 0);
    master.signal(Signal::SIGTERM);
    master.wait();
    eventually_gone(program);
}

#[test]
fn one_that_dies_at_once_is_started_ever_more_slowly() {
    let master = Master::start(&["--attach", "echo $$ >> FOLDER/started; exit 3"]);
    master.says("exit status: 3; it is started again in 0.8 s");
    let pauses = ["0 s", "0.1 s", "0.2 s", "0.4 s"];
    assert!(pauses.iter().all(|pause| master.count(&format!("started again in {pause}")) == 1));
    master.get("/").assert_body("one");
}

#[test]
fn one_that_does_not_end_is_killed_and_what_it_started_too() {
    let deaf = "trap '' TERM; echo $$ >> FOLDER/started; while :; do sleep 0.1; done";
    let mut master = Master::start(&["--grace", "0.3", "--attach", deaf]);
    let program = last(&master, "started", 1);
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
    master.says("has not ended in its time (--grace): killed");
    eventually_gone(program);
    // A second signal ends it at once.
    let mut master = Master::start(&["--attach", deaf]);
    let program = last(&master, "started", 1);
    master.signal(Signal::SIGTERM);
    master.says("stopping");
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(143));
    eventually_gone(program);
}

#[test]
fn one_that_goes_to_the_background_is_known_by_its_file() {
    let daemon = "[pidfile=FOLDER/daemon.pid] \
                  setsid sh -c 'echo $$ >> FOLDER/started; echo $$ > FOLDER/daemon.pid; exec sleep 600' & exit 0";
    let mut master = Master::start(&["--workers", "1", "--attach", daemon]);
    let first = last(&master, "started", 1);
    eventually("its file is seen", || fs::exists(master.folder.path().join("daemon.pid")).unwrap());
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    let second = last(&master, "started", 2);
    // What has started it was the master's child as well.
    master.eventually_has(1);
    master.replace(Signal::SIGUSR2);
    master.says(&format!("runs already (pid {second})"));
    master.signal(Signal::SIGTERM);
    master.wait();
    eventually("everybody's end", || master.workers().is_empty());
    assert!(lives(second), "it stays, as with uWSGI");
    assert_eq!(numbers(&master, "started").len(), 2);
    kill(Pid::from_raw(second), Signal::SIGKILL).unwrap();
}

#[test]
fn a_change_starts_it_anew_and_the_end_of_a_vital_one_ends_the_server() {
    let settings = "[touch=FOLDER/touched,stop-signal=INT,chdir=/,vital]";
    let program = "sh -c 'trap \"echo \\$PWD INT > FOLDER/said; exit\" INT; echo $$ >> FOLDER/started; while :; do sleep 0.1; done'";
    let mut master = Master::start(&["--attach", &format!("{settings} {program}")]);
    last(&master, "started", 1);
    fs::write(master.folder.path().join("touched"), "").unwrap();
    let second = last(&master, "started", 2);
    assert_eq!(fs::read_to_string(master.folder.path().join("said")).unwrap(), "/ INT\n");
    kill(Pid::from_raw(second), Signal::SIGKILL).unwrap();
    master.says("and without it (vital) the server stops");
    assert_eq!(master.wait().code(), Some(0));
}

#[test]
fn a_server_that_cannot_start_leaves_none_behind() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("started");
    let attach = format!("echo $$ > {}; exec sleep 600", note.display());
    let mut command = std::process::Command::new(crate::master::program());
    command.arg("serve").arg(Path::new("/nonexistent")).args(["--uwsgi", "127.0.0.1:0", "--attach", &attach]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    if let Ok(pid) = fs::read_to_string(&note) {
        eventually_gone(pid.trim().parse().unwrap());
    }
}
