//! How an attached program is started: by a shell, in a session of its own, and so that it does not outlive its master.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::libc;

use super::super::handover::VARIABLE;
use super::Attach;

/// Starts it; returns its process. What it writes goes where the master's own output does.
#[allow(unsafe_code)]
pub(super) fn start(attach: &Attach) -> io::Result<i32> {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(for_shell(&attach.command)).stdin(Stdio::null());
    for meant_for_the_master in [
        VARIABLE,
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
    ] {
        command.env_remove(meant_for_the_master);
    }
    if let Some(folder) = &attach.folder {
        command.current_dir(folder);
    }
    if let Some(identity) = &attach.identity {
        if let Some(gid) = identity.gid() {
            command.gid(gid);
        }
        if let Some(uid) = identity.uid() {
            command.uid(uid);
        }
    }
    let (master, stop_signal) = (nix::unistd::getpid().as_raw(), attach.stop_signal as libc::c_ulong);
    let outlives_master = attach.pid_file.is_some();
    // SAFETY: between fork and exec only setsid(2), prctl(2) and getppid(2) are called, which take no pointer here and
    // allocate nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::setsid() < 0 {
                return Err(io::Error::last_os_error());
            }
            if outlives_master {
                return Ok(());
            }
            if libc::prctl(libc::PR_SET_PDEATHSIG, stop_signal) < 0 {
                return Err(io::Error::last_os_error());
            }
            // A master that was gone before sends no signal any more.
            if libc::getppid() != master {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
    command.spawn().map(|child| i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// The command, which takes the shell's place if it is one program: the signal of the master's death is its own then.
fn for_shell(command: &str) -> String {
    let is_one_program = !has_operator(command);
    let first = command.split_whitespace().next().unwrap_or_default();
    let is_word = first.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
    let is_of_the_shell = OF_THE_SHELL.contains(&first);
    if is_one_program && is_word && !is_of_the_shell { format!("exec {command}") } else { command.to_owned() }
}

/// Whether a character stands outside of quotes by which the shell does more than to start a program.
fn has_operator(command: &str) -> bool {
    let (mut quote, mut characters) = (None, command.chars());
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None | Some('"'), '\\') => drop(characters.next()),
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, ';' | '&' | '|' | '(' | ')' | '<' | '>' | '\n' | '`' | '{' | '!' | '[' | '#') => {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// Words that begin something which the shell itself does.
const OF_THE_SHELL: [&str; 20] = [
    "exec", "cd", "if", "for", "while", "until", "case", "eval", "export", "set", "unset", "ulimit", "umask",
    "trap", "exit", "wait", "read", "command", ".", ":",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program_takes_the_shells_place() {
        for (command, want) in [
            ("redis-server --port 0", "exec redis-server --port 0"),
            ("./manage.py qcluster", "exec ./manage.py qcluster"),
            ("celery -A \"$APP\" worker", "exec celery -A \"$APP\" worker"),
            ("sh -c 'a; b \"&\"' \"|'\" x\\;", "exec sh -c 'a; b \"&\"' \"|'\" x\\;"),
            ("x 'a' & y", "x 'a' & y"),
            ("A=1 celery", "A=1 celery"),
            ("cd /srv && celery", "cd /srv && celery"),
            ("while :; do x; done", "while :; do x; done"),
            ("exec x", "exec x"),
        ] {
            assert_eq!(for_shell(command), want);
        }
    }
}
