//! How an attached program is started: by a shell, in a session of its own, and so that it does not outlive its master.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::Gid;

use super::super::handover::VARIABLE;
use super::super::pid_file::number_in;
use super::super::privileges::Identity;
use super::Attach;
use super::orphans::Place;

/// Starts it as a child of this process; returns its number. It writes that down in `place` itself, as the master may be gone
/// in between.
#[allow(unsafe_code)]
pub(super) fn start(attach: &Attach, place: Option<&'static Place>) -> io::Result<i32> {
    let mut command = command(attach);
    let become_other = become_other(attach.identity.as_ref())?;
    let (master, stop_signal) = (nix::unistd::getpid().as_raw(), attach.stop_signal);
    let outlives_master = attach.pid_file.is_some();
    // SAFETY: between fork and exec only setsid(2), getpid(2), getppid(2), prctl(2), signal(2) and what changes the user are
    // called, and atomics; nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            new_session()?;
            if outlives_master {
                return become_other();
            }
            if let Some(place) = place {
                place.set(Some(libc::getpid()), stop_signal);
            }
            // The kernel forgets the signal of the master's death where the user changes.
            become_other()?;
            // Up to the exec the handlers are the master's, which would only count it.
            libc::signal(stop_signal as libc::c_int, libc::SIG_DFL);
            if libc::prctl(libc::PR_SET_PDEATHSIG, stop_signal as libc::c_ulong) < 0 {
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

/// Starts it in the background, as nobody's child, with its number in the file; returns the number. It writes that itself,
/// before it begins: a program that nobody knows of is never there, whenever the master goes.
#[allow(unsafe_code)]
pub(super) fn start_apart(attach: &Attach, file: &Path) -> io::Result<i32> {
    let opened = number_file(file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    let mut command = command(attach);
    let become_other = become_other(attach.identity.as_ref())?;
    // SAFETY: between fork and exec only fork(2), setsid(2), getpid(2), pwrite(2), ftruncate(2), _exit(2) and what changes the
    // user are called; the number is made into text on the stack, and nothing is allocated.
    unsafe {
        command.pre_exec(move || match libc::fork() {
            0 => {
                new_session()?;
                write_number(&opened, libc::getpid())?;
                become_other()
            }
            ..0 => Err(io::Error::last_os_error()),
            // The process between the two leaves it an orphan.
            _ => libc::_exit(0),
        });
    }
    // It returns when the program has begun, or could not. Other code may have waited for the process between.
    let _ = command.spawn()?.wait();
    number_in(file)
        .ok_or_else(|| io::Error::other(format!("{}: its number is gone from there", file.display())))
}

/// The file for the number: one that others may have put there instead is not followed, or waited for.
fn number_file(file: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let opened =
        OpenOptions::new().write(true).create(true).truncate(false).custom_flags(flags.bits()).open(file)?;
    if opened.metadata()?.is_file() { Ok(opened) } else { Err(io::Error::other("it is no file")) }
}

/// Whoever reads meanwhile finds the one number or the other.
fn write_number(file: &File, number: i32) -> io::Result<()> {
    let mut line = [0; 12];
    let mut rest = &mut line[..];
    writeln!(rest, "{number}")?;
    let length = 12 - rest.len();
    file.write_all_at(&line[..length], 0)?;
    file.set_len(length as u64)
}

/// A signal to its group then reaches it and all that it starts.
#[allow(unsafe_code)]
fn new_session() -> io::Result<()> {
    // SAFETY: setsid(2) takes no pointer.
    if unsafe { libc::setsid() } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What has a process that is only just forked become another user, with the groups of that one. All is looked up before.
#[allow(unsafe_code)]
fn become_other(
    identity: Option<&Identity>,
) -> io::Result<impl Fn() -> io::Result<()> + Send + Sync + use<>> {
    let other = identity.filter(|identity| !identity.is_own());
    let groups = other.map(Identity::groups).transpose()?.unwrap_or_default();
    let groups: Vec<libc::gid_t> = groups.into_iter().map(Gid::as_raw).collect();
    let (gid, uid) = (other.and_then(Identity::gid), other.and_then(Identity::uid));
    let checked = |done: libc::c_int| if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    Ok(move || {
        if let Some(gid) = gid {
            // SAFETY: the groups are as many as is said; the other calls take no pointer.
            checked(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })?;
            checked(unsafe { libc::setgid(gid) })?;
        }
        uid.map_or(Ok(()), |uid| checked(unsafe { libc::setuid(uid) }))
    })
}

/// The shell with the command. What it writes goes where the master's own output does.
fn command(attach: &Attach) -> Command {
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
    command
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
