//! `--hook`: actions at the moments of the server's life.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::master::{Master, program, stat};
use crate::support::eventually;

/// Each writes its name down.
const MOMENTS: [&str; 15] = [
    "asap",
    "pre-jail",
    "post-jail",
    "as-root",
    "as-user",
    "in-jail",
    "master-start",
    "post-fork",
    "pre-app",
    "post-app",
    "accepting",
    "accepting-once",
    "accepting1",
    "accepting1-once",
    "as-user-atexit",
];

fn said(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("said")).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn each_moment_comes_in_its_turn() {
    let hooks = MOMENTS.map(|moment| format!("{moment}=appendn:FOLDER/said {moment}"));
    let args: Vec<&str> = hooks.iter().flat_map(|hook| ["--hook", hook]).collect();
    let mut master = Master::start(&args);
    let started: Vec<&str> = MOMENTS[..14].to_vec();
    assert_eq!(said(master.folder.path()), started);
    // One that takes another's place.
    kill(Pid::from_raw(master.workers()[0]), Signal::SIGKILL).unwrap();
    master.says("SIGKILL");
    let again = ["post-fork", "pre-app", "post-app", "accepting", "accepting1"];
    eventually("another worker", || said(master.folder.path()).len() == started.len() + again.len());
    assert_eq!(said(master.folder.path())[started.len()..], again);
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
    assert_eq!(said(master.folder.path()).last().unwrap(), "as-user-atexit");
}

#[test]
fn what_is_loaded_before_the_fork_is_told_of_once_and_the_first_worker_apart() {
    let hooks = ["pre-app", "accepting", "accepting1"];
    let hooks = hooks.map(|moment| format!("{moment}=exec:echo {moment} >> FOLDER/said"));
    let args: Vec<&str> = hooks.iter().flat_map(|hook| ["--hook", hook]).collect();
    let master = Master::start(&[&args[..], &["--preload", "--workers", "4"]].concat());
    let mut said = said(master.folder.path());
    said.sort();
    assert_eq!(said, ["accepting", "accepting", "accepting", "accepting", "accepting1", "pre-app"]);
}

#[test]
fn one_that_fails_ends_the_start_and_leaves_nothing() {
    for (moment, want) in [
        ("asap", "--hook asap=exec:exit 7: exit status: 7"),
        ("as-user", "--hook as-user=exec:exit 7: exit status: 7"),
        ("pre-app", "--hook pre-app=exec:exit 7: exit status: 7"),
        ("accepting", "--hook accepting=exec:exit 7: exit status: 7"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("version"), "one").unwrap();
        let mut command = Command::new(program());
        command.args([
            "serve",
            "version",
            "--uwsgi",
            "unix:x.sock",
            "--pidfile",
            "pid",
            "--control",
            "control",
        ]);
        command.args(["--hook", &format!("{moment}=exec:exit 7")]).current_dir(folder.path());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(want), "{said}");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(left, ["version"], "{moment}");
    }
}

#[test]
fn what_a_hook_has_started_ends_with_a_server_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    fs::write(folder.path().join("version"), "one").unwrap();
    let hook = format!("asap=exec:sleep 600 & echo $! $$ > {place}/new; mv {place}/new {place}/pids; wait");
    let mut command = Command::new(program());
    command.args(["serve", "version", "--uwsgi", "unix:x.sock", "--hook", &hook]).current_dir(folder.path());
    let mut server = command.spawn().unwrap();
    let mut pids = Vec::new();
    eventually("the hook", || {
        let text = fs::read_to_string(folder.path().join("pids")).unwrap_or_default();
        pids = text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>();
        pids.len() == 2
    });
    server.kill().unwrap();
    server.wait().unwrap();
    eventually("their end", || pids.iter().all(|pid| stat(*pid).is_none_or(|(state, _)| state == "Z")));
}
