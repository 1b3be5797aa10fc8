//! The binary upgrade: a new master on the same sockets, which takes over once it serves.
//!
//! The new process is started as this one was: the same program by name, so that it is the new one of that name, in the
//! same folder with the same arguments. It inherits the listeners, and a pipe to say on that its workers serve; only
//! then does this master leave. If the new one fails, this one serves on, and has lost nothing.
//!
//! The new one is no child of this one's, but at once of whoever looks after orphans: of systemd, which has started
//! this one. systemd waits at a stop for a main process that is its child; another's it kills, and all its workers.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::fstat;
use nix::unistd::Pid;

use super::handover::VARIABLE;
use crate::net::listener::Listener;

/// How this process was started, and so how its successor is.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    program: OsString,
    arguments: Vec<OsString>,
    folder: PathBuf,
}

impl Invocation {
    /// That of this process, before it goes to another folder. `arguments` begins with the program's name.
    pub(crate) fn of_this_process(arguments: impl IntoIterator<Item = OsString>) -> io::Result<Self> {
        let mut arguments = arguments.into_iter();
        let program = arguments.next().ok_or_else(|| io::Error::other("the process has no name"))?;
        Ok(Invocation { program, arguments: arguments.collect(), folder: env::current_dir()? })
    }
}

/// A new master that has been started.
pub(super) struct Upgrade {
    pid: Pid,
    /// What it says. When this closes, the new master knows that everything is left to it.
    said: File,
}

/// What has become of a new master.
pub(super) enum Outcome {
    /// It serves, as this process.
    Serves(Pid),
    /// It has ended before it served.
    Failed,
}

impl Upgrade {
    /// Starts the new master.
    #[allow(unsafe_code)]
    pub(super) fn start(invocation: &Invocation, listeners: &[&Listener]) -> io::Result<Self> {
        let (said, say) = io::pipe()?;
        let say_on = say.as_raw_fd();
        let mut handed: Vec<RawFd> = listeners.iter().map(|one| one.as_fd().as_raw_fd()).collect();
        handed.push(say_on);
        let mut lines = format!("{} {say_on}", fstat(&say)?.st_ino);
        for listener in listeners {
            let descriptor = listener.as_fd().as_raw_fd();
            lines += &format!("\n{descriptor} {} {}", listener.protocol(), listener.asked());
        }
        let mut command = Command::new(&invocation.program);
        command.args(&invocation.arguments).current_dir(&invocation.folder).env(VARIABLE, lines);
        // Said to the process before, and meant for that one.
        for meant in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID"] {
            command.env_remove(meant);
        }
        // SAFETY: between fork and exec only fcntl(2), fork(2), write(2) and _exit(2) are called, on descriptors that are
        // open in the parent and so in the child; nothing is allocated. signal-safety(7) allows them, fork(2) where
        // there is one thread, as in a child.
        unsafe {
            command.pre_exec(move || {
                for descriptor in &handed {
                    if libc::fcntl(*descriptor, libc::F_SETFD, 0) < 0 {
                        return Err(io::Error::last_os_error());
                    }
                }
                match libc::fork() {
                    0 => Ok(()),
                    ..0 => Err(io::Error::last_os_error()),
                    // The process between the two masters says who the new one is, and leaves it an orphan.
                    pid => {
                        let pid = pid.to_ne_bytes();
                        libc::write(say_on, pid.as_ptr().cast(), pid.len());
                        libc::_exit(0)
                    }
                }
            });
        }
        let started = command.spawn().and_then(|mut between| between.wait());
        started.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", invocation.program.display()))
        })?;
        drop(say);
        let (mut said, mut pid) = (File::from(OwnedFd::from(said)), [0; size_of::<libc::pid_t>()]);
        said.read_exact(&mut pid)?;
        fcntl(&said, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Upgrade { pid: Pid::from_raw(libc::pid_t::from_ne_bytes(pid)), said })
    }

    /// The new master's process.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// What is readable once there is progress.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.said.as_fd()
    }

    /// Ends it, as this master is to stop: it has nobody to take over from. Its workers leave with it.
    pub(super) fn call_off(self) {
        // An error means that it has ended already.
        let _ = kill(self.pid, Signal::SIGKILL);
    }

    /// What has become of it; `None` while it starts.
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        match self.said.read(&mut [0]) {
            Ok(1..) => Some(Outcome::Serves(self.pid)),
            // All that could say it have ended.
            Ok(0) => Some(Outcome::Failed),
            // What it has started may have the pipe open yet.
            Err(_) if kill(self.pid, None) == Err(Errno::ESRCH) => Some(Outcome::Failed),
            Err(_) => None,
        }
    }
}
