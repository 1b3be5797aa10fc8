//! The binary upgrade: a new master on the same sockets, which takes over once it serves.
//!
//! The new process is started as this one was: the same program by name, so that it is the new one of that name, in the
//! same folder with the same arguments. It inherits the listeners, and a pipe to say on that its workers serve; only
//! then does this master leave. If the new one fails, this one serves on, and has lost nothing.
//!
//! The new one is no child of this one's, but at once of the process that looks after orphans: of systemd, which has
//! started this one. systemd waits at a stop for a main process that is its child; another's it kills, and all its workers.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use log::{error, info};
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

/// The master after this one, once it has been started.
pub(super) struct Successor {
    invocation: Invocation,
    started: Option<Started>,
}

/// A new master that has been started.
struct Started {
    pid: Pid,
    /// What it says. When this closes, the new master knows that everything is left to it.
    said: File,
}

/// Whether systemd has started this process (systemd.exec(5)) and hears of no other: the service ends with it.
fn is_the_service() -> bool {
    let started = env::var("SYSTEMD_EXEC_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    started && env::var_os("NOTIFY_SOCKET").is_none()
}

/// What has become of a new master.
pub(super) enum Outcome {
    /// It serves, as this process.
    Serves(Pid),
    /// It has ended before it served.
    Failed,
}

impl Successor {
    /// None yet; this is how it is to be started.
    pub(super) fn new(invocation: Invocation) -> Self {
        Successor { invocation, started: None }
    }

    /// Starts it on these listeners, with what is `left` to it, if this master `is_serving`. Returns whether it is on its way.
    pub(super) fn start(&mut self, listeners: &[&Listener], left: &str, is_serving: bool) -> bool {
        if let Some(started) = &self.started {
            error!("upgrade: process {} is on its way already", started.pid);
        } else if !is_serving {
            error!("upgrade: this master does not serve yet; ask it again when it does");
        } else if std::process::id() == 1 {
            error!(
                "upgrade: this is process 1, and its container ends with it; start another container instead"
            );
        } else if is_the_service() {
            error!(
                "upgrade: systemd ends this service with this process: it follows to a new one with Type=notify in the unit; \
                 without --preload no reload needs one"
            );
        } else {
            match Started::new(&self.invocation, listeners, left) {
                Ok(started) => {
                    info!("upgrade: process {} starts on the same sockets", started.pid);
                    self.started = Some(started);
                    return true;
                }
                Err(error) => {
                    error!("upgrade: a new master cannot be started: {error}; this one serves on");
                }
            }
        }
        false
    }

    /// What has become of it; `None` while it starts. [`Successor::let_go`] is to follow.
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        let Started { pid, said } = self.started.as_mut()?;
        match said.read(&mut [0]) {
            Ok(1..) => {
                info!("upgrade: process {pid} serves; this one finishes what runs, and ends");
                return Some(Outcome::Serves(*pid));
            }
            // All that could say it have ended.
            Ok(0) => {}
            // What it has started may have the pipe open yet.
            Err(_) if kill(*pid, None) == Err(Errno::ESRCH) => {}
            Err(_) => return None,
        }
        error!("upgrade: process {pid} has ended before it served; this one serves on");
        Some(Outcome::Failed)
    }

    /// Has no more to do with it. If it serves, it learns of that and takes over: so systemd must know of it before.
    pub(super) fn let_go(&mut self) {
        self.started = None;
    }

    /// Ends it, as this master is to stop: it has none to take over from. Its workers leave with it.
    pub(super) fn call_off(&mut self) {
        if let Some(started) = self.started.take() {
            // An error means that it has ended already.
            let _ = kill(started.pid, Signal::SIGKILL);
        }
    }

    /// What is readable once there is progress.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.started.as_ref().map(|started| started.said.as_fd())
    }
}

impl Started {
    /// Starts the new master.
    #[allow(unsafe_code)]
    fn new(invocation: &Invocation, listeners: &[&Listener], left: &str) -> io::Result<Self> {
        let (said, say) = io::pipe()?;
        let say_on = say.as_raw_fd();
        let mut handed: Vec<RawFd> = listeners.iter().map(|one| one.as_fd().as_raw_fd()).collect();
        handed.push(say_on);
        let mut lines = format!("{} {say_on}", fstat(&say)?.st_ino);
        for listener in listeners {
            let descriptor = listener.as_fd().as_raw_fd();
            lines += &format!("\n{descriptor} {} {}", listener.protocol(), listener.asked());
        }
        lines += &format!("\n{left}");
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
        Ok(Started { pid: Pid::from_raw(libc::pid_t::from_ne_bytes(pid)), said })
    }
}
