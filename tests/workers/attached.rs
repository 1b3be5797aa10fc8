//! `--attach`: programs that are kept alive beside the workers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};

use crate::load::Load;
use crate::master::{Master, program, stat, wrap};
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
fn what_a_killed_master_leaves_its_workers_end() {
    // It hears no SIGTERM, and what it has started is in the background.
    let deaf = "trap '' TERM; sh -c 'echo $$ >> FOLDER/children; while :; do sleep 0.1; done' & echo $$ >> FOLDER/started; \
                while :; do sleep 0.1; done";
    let lists = "echo $$ >> FOLDER/lists; sh -c 'echo $$ >> FOLDER/children; exec sleep 600'; true";
    for (workers, replaced) in [("1", false), ("4", false), ("2", true)] {
        let options = ["--workers", workers, "--grace", "1", "--attach", deaf, "--attach", lists];
        let mut master = Master::start(&options);
        let (first, list) = (last(&master, "started", 1), last(&master, "lists", 1));
        last(&master, "children", 2);
        if replaced {
            master.replace(Signal::SIGUSR2);
        }
        master.signal(Signal::SIGKILL);
        for pid in numbers(&master, "children").into_iter().chain([first, list]) {
            eventually_gone(pid);
        }
        master.says("has not ended in its time (--grace): killed");
        master.wait();
        eventually("everybody's end", || !master.is_anyone_left());
    }
}

#[test]
fn a_master_that_is_killed_as_it_starts_programs_leaves_none() {
    let program = "echo $$ >> FOLDER/started; exec sleep 600";
    let list = "echo $$ >> FOLDER/started; sleep 600; true";
    for round in 0..10 {
        let attach = [program, list].into_iter().cycle().take(20).flat_map(|one| ["--attach", one]);
        let options: Vec<&str> = ["--workers", "2", "--grace", "1"].into_iter().chain(attach).collect();
        let mut master = Master::start(&options);
        let place = master.folder.path().to_str().unwrap().to_owned();
        // It is in the midst of it, each time at another place.
        last(&master, "started", round + 1);
        master.signal(Signal::SIGKILL);
        master.wait();
        // All have the folder in what they were started with: also a process that is about to become one.
        eventually("everybody's end", || processes_with(&place).is_empty());
        for pid in numbers(&master, "started") {
            eventually_gone(pid);
        }
    }
}

/// The processes that have a text among their arguments.
fn processes_with(text: &str) -> Vec<i32> {
    let numbers =
        fs::read_dir("/proc").unwrap().filter_map(|one| one.ok()?.file_name().to_str()?.parse().ok());
    let arguments = |pid: &i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    numbers.filter(|pid| String::from_utf8_lossy(&arguments(pid)).contains(text)).collect()
}

#[test]
fn another_user_runs_it_with_the_groups_of_that_one() {
    let groups = fs::read_to_string("/etc/group").unwrap() + "of-this-test:x:54321:nobody\n";
    let program = "[user=nobody,chdir=/] (id -u; id -G) > FOLDER/who.new && mv FOLDER/who.new FOLDER/who; exec sleep 600";
    let mut master = Master::spawn(&["--attach", program], |command| {
        let folder = command.get_current_dir().unwrap().to_owned();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(folder.join("group"), groups).unwrap();
        // For these processes alone.
        wrap(command, &["unshare", "-m", "sh", "-c", "mount --bind group /etc/group && exec \"$@\"", "sh"]);
    });
    let note = master.folder.path().join("who");
    eventually("its name", || note.exists());
    let nobody = User::from_name("nobody").unwrap().unwrap();
    assert_eq!(fs::read_to_string(note).unwrap(), format!("{}\n{} 54321\n", nobody.uid, nobody.gid));
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
}

#[test]
fn a_master_that_is_not_root_says_that_it_cannot_run_another_users() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(folder.path().join("version"), "one").unwrap();
    let mut command = std::process::Command::new(program());
    command.args([
        "serve",
        "version",
        "--uwsgi",
        "unix:x.sock",
        "--user",
        "nobody",
        "--attach",
        "[user=root] true",
    ]);
    let output = command.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("--attach 'true': user= and group= need a master that is root"), "{said}");
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
fn one_that_is_sent_to_the_background_is_kept_alive_and_stays() {
    // As uWSGI's smart-attach-daemon2: it does not go there by itself, and its number is written for it.
    let settings = "[pidfile=FOLDER/daemon.pid,background,touch=FOLDER/touched]";
    let program = format!("{settings} sh -c 'echo $$ >> FOLDER/started; exec sleep 600'");
    let mut master = Master::spawn(&["--workers", "2", "--attach", &program], |command| {
        // It is longer than what comes in its place, and names a process that is gone.
        let stale = command.get_current_dir().unwrap().join("daemon.pid");
        fs::write(stale, "2147483647\nand more of it\n").unwrap();
    });
    let file = || fs::read_to_string(master.folder.path().join("daemon.pid")).unwrap();
    let first = last(&master, "started", 1);
    assert_eq!(file(), format!("{first}\n"));
    assert_ne!(stat(first).unwrap().1, master.pid(), "it is no child of the master's");
    master.signal(Signal::SIGHUP);
    master.says("the new code serves");
    master.replace(Signal::SIGUSR2);
    master.says(&format!("runs already (pid {first})"));
    assert_eq!(numbers(&master, "started"), [first]);

    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    let second = last(&master, "started", 2);
    assert_eq!(file(), format!("{second}\n"));
    fs::write(master.folder.path().join("touched"), "").unwrap();
    let third = last(&master, "started", 3);
    eventually_gone(second);
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
    eventually("everybody's end", || !master.is_anyone_left());
    assert!(lives(third), "it stays, as with uWSGI");
    kill(Pid::from_raw(third), Signal::SIGKILL).unwrap();
    eventually_gone(third);
}

#[test]
fn one_whose_number_cannot_be_written_does_not_run() {
    let program = "[pidfile=FOLDER/pipe,background] echo $$ >> FOLDER/started; exec sleep 600";
    let master = Master::spawn(&["--attach", program], |command| {
        nix::unistd::mkfifo(&command.get_current_dir().unwrap().join("pipe"), nix::sys::stat::Mode::S_IRWXU)
            .unwrap();
    });
    let line = master.says(" cannot be started; the next try is in ");
    assert!(line.contains("/pipe: "), "{line}");
    assert!(numbers(&master, "started").is_empty());
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
    let mut command = std::process::Command::new(program());
    command.arg("serve").arg(Path::new("/nonexistent")).args(["--uwsgi", "127.0.0.1:0", "--attach", &attach]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    if let Ok(pid) = fs::read_to_string(&note) {
        eventually_gone(pid.trim().parse().unwrap());
    }
}
