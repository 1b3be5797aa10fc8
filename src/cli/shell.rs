//! A command that a shell runs for this process, and that ends with it, with all that it has started.
//!
//! It is in a process group of its own. That group's first process, a guard, waits for the end of a pipe that only this process has
//! open for writing: so the group ends however this process does, by Ctrl-C or by a kill -9 too. A command that has ended by itself
//! keeps what it has left running, as a daemon that it was to start.

use std::io::{self, PipeWriter, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A command on its way. Dropping this ends it.
pub(super) struct Shell {
    pub(super) child: Child,
    guard: Guard,
}

impl Shell {
    /// Begins a command that reads nothing.
    pub(super) fn start(command: &str, stdout: Stdio) -> io::Result<Self> {
        let guard = Guard::start()?;
        let mut shell = sh(command);
        shell.stdin(Stdio::null()).stdout(stdout).process_group(guard.group().as_raw());
        Ok(Shell { child: shell.spawn()?, guard })
    }

    /// Waits for its end. What it has left running goes on.
    pub(super) fn wait(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        self.let_go();
        status
    }

    /// Has what it has left running go on.
    pub(super) fn let_go(&mut self) {
        if let Some(mut line) = self.guard.line.take() {
            // One that the command itself has ended needs no word.
            let _ = line.write_all(b"\n");
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if self.guard.line.is_some() {
            // An error means that all have ended.
            let _ = killpg(self.guard.group(), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first process of the group.
struct Guard {
    process: Child,
    /// A byte in it has the guard leave all as it is; its end has it end all.
    line: Option<PipeWriter>,
}

impl Guard {
    fn start() -> io::Result<Self> {
        let (reader, line) = io::pipe()?;
        let mut guard = sh(GUARD);
        guard.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Guard { process: guard.spawn()?, line: Some(line) })
    }

    fn group(&self) -> Pid {
        Pid::from_raw(self.process.id().cast_signed())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.line = None;
        let _ = self.process.wait();
    }
}

fn sh(script: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]);
    shell
}

const GUARD: &str = "trap '' INT TERM HUP; read word || { kill -TERM 0; sleep 1; kill -KILL 0; }";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::path::Path;

    use super::*;
    use crate::process::eventually;
    use crate::process::load::state_of;

    fn number_in(file: &Path) -> Option<i32> {
        fs::read_to_string(file).ok()?.trim().parse().ok()
    }

    fn has_ended(pid: i32) -> bool {
        state_of(pid).is_none_or(|state| state == 'Z')
    }

    #[test]
    fn how_it_ends_is_told_and_what_it_leaves_goes_on() {
        assert_eq!(Shell::start("exit 3", Stdio::null()).unwrap().wait().unwrap().code(), Some(3));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let command = format!("sleep 600 & echo $! > {}", file.display());
        assert!(Shell::start(&command, Stdio::null()).unwrap().wait().unwrap().success());
        let pid = number_in(&file).unwrap();
        assert!(!has_ended(pid));
        nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        // `wait` is for the command's own children.
        assert!(Shell::start("true & wait", Stdio::null()).unwrap().wait().unwrap().success());
    }

    #[test]
    fn its_stdout_ends_with_it() {
        let mut shell = Shell::start("echo a; cat", Stdio::piped()).unwrap();
        let mut said = String::new();
        shell.child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "a\n", "and it reads nothing");
    }

    #[test]
    fn what_it_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let command = format!("sleep 600 & echo $! > {}; wait", file.display());
        let started = || {
            let _ = fs::remove_file(&file);
            let shell = Shell::start(&command, Stdio::null()).unwrap();
            eventually(|| number_in(&file).is_some());
            (shell, number_in(&file).unwrap())
        };
        let (shell, pid) = started();
        drop(shell);
        eventually(|| has_ended(pid));
        // As when this process is killed.
        let (mut shell, pid) = started();
        drop(shell.guard.line.take());
        eventually(|| has_ended(pid) && !shell.child.wait().unwrap().success());
    }
}
