//! `--daemonize`: the server in the background, and its caller, who is told how it went.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::master::{children, program, stat};
use crate::support::client::{Remote, get};
use crate::support::eventually;

/// Runs `faulty serve` in a folder; it returns when its caller does, and its output is at an end.
fn start(folder: &Path, args: &[&str]) -> Output {
    fs::write(folder.join("version"), "one").unwrap();
    let mut command = Command::new(program());
    command
        .args(["serve", "version", "--uwsgi", "unix:x.sock", "--pidfile", "pid", "--daemonize"])
        .args(args);
    // To the end of its stdout and stderr: the server must hold neither.
    command.current_dir(folder).env_remove("RUST_LOG").output().unwrap()
}

fn pid(folder: &Path) -> i32 {
    fs::read_to_string(folder.join("pid")).unwrap().trim().parse().unwrap()
}

#[test]
fn the_caller_comes_back_when_the_server_serves() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--log-file", "log", "--access-log", "--workers", "2"];
    let output = start(folder.path(), &args);
    assert!(output.status.success(), "{output:?}");
    assert_eq!((output.stdout.len(), output.stderr.len()), (0, 0), "{output:?}");
    let remote = Remote::at(&format!("unix:{}", folder.path().join("x.sock").display()));
    remote.ask(get("/here")).assert_body("one");
    let master = pid(folder.path());
    assert_eq!(children(master).len(), 2);
    let session = nix::unistd::getsid(Some(Pid::from_raw(master))).unwrap();
    assert!(session.as_raw() != master && Some(session) != nix::unistd::getsid(None).ok());
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    eventually("the request's line", || log().contains("GET /here 200"));
    // A new master stays where it is.
    kill(Pid::from_raw(master), Signal::SIGUSR2).unwrap();
    eventually("a new master's workers", || log().contains("the new code serves"));
    assert_eq!(pid(folder.path()), master);
    remote.ask(get("/after")).assert_body("one");
    eventually("the request's line", || log().contains("GET /after 200"));
    kill(Pid::from_raw(master), Signal::SIGTERM).unwrap();
    eventually("its end", || stat(master).is_none());
    assert!(!folder.path().join("pid").exists());
    assert!(!folder.path().join("x.sock").exists());
}

#[test]
fn the_caller_is_told_why_it_cannot_serve() {
    for (args, want) in [
        (&["--log-file", "log", "--chdir", "nowhere"][..], "--chdir nowhere: "),
        (&["--log-file", "log", "--uwsgi", "/nowhere/x.sock"], "/nowhere/x.sock"),
        (&["--log-file", "log", "--hook", "as-user=exec:rm version"], "No such file or directory"),
        (&[], "--daemonize leaves the terminal"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = start(folder.path(), args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(want), "{args:?}: {said}");
        assert!(said.lines().count() == 1, "{said}");
        assert!(!folder.path().join("pid").exists());
    }
}
