//! The binary upgrade: a new master on the same sockets, which takes over once it serves.
//!
//! The new process is started as this one was: the same program by name, so that it is the new one of that name, in the
//! same folder with the same arguments. It inherits the listeners, and a pipe to say on that its workers serve; only
//! then does this master leave. If the new one fails, this one serves on, and has lost nothing.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::PathBuf;
use std::process::{Child, Command};

use log::debug;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;

use crate::listener::{Address, Handed, Listener};
use crate::protocol::Scheme;

/// How this process was started, and so how its successor is.
#[derive(Clone, Debug)]
pub struct Invocation {
    program: OsString,
    arguments: Vec<OsString>,
    folder: PathBuf,
}

impl Invocation {
    /// That of this process, before it goes to another folder. `arguments` begins with the program's name.
    pub fn of_this_process(arguments: impl IntoIterator<Item = OsString>) -> io::Result<Self> {
        let mut arguments = arguments.into_iter();
        let program = arguments.next().ok_or_else(|| io::Error::other("the process has no name"))?;
        Ok(Invocation { program, arguments: arguments.collect(), folder: env::current_dir()? })
    }
}

/// A new master that has been started.
pub(super) struct Upgrade {
    child: Child,
    /// `None` once nothing more can come of it.
    said: Option<File>,
}

/// What is known of a new master.
pub(super) enum Progress {
    /// It is not there yet.
    Starting,
    /// It serves.
    Serves,
    /// It has ended, and how.
    Failed(String),
}

impl Upgrade {
    /// Starts the new master.
    #[allow(unsafe_code)]
    pub(super) fn start(invocation: &Invocation, listeners: &[&Listener]) -> io::Result<Self> {
        let (said, say) = io::pipe()?;
        let mut handed: Vec<RawFd> = listeners.iter().map(|one| one.as_fd().as_raw_fd()).collect();
        handed.push(say.as_raw_fd());
        let mut lines = format!("{} {}", std::process::id(), say.as_raw_fd());
        for listener in listeners {
            let descriptor = listener.as_fd().as_raw_fd();
            lines += &format!("\n{descriptor} {} {}", listener.scheme(), listener.asked());
        }
        let mut command = Command::new(&invocation.program);
        command.args(&invocation.arguments).current_dir(&invocation.folder).env(VARIABLE, lines);
        // Said to the process before, and meant for that one.
        for meant in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID"] {
            command.env_remove(meant);
        }
        // SAFETY: between fork and exec only fcntl(2) is called, which signal-safety(7) allows, on descriptors that are
        // open in the parent and so in the child; nothing is allocated.
        unsafe {
            command.pre_exec(move || {
                for descriptor in &handed {
                    if libc::fcntl(*descriptor, libc::F_SETFD, 0) < 0 {
                        return Err(io::Error::last_os_error());
                    }
                }
                Ok(())
            });
        }
        let child = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", invocation.program.display()))
        })?;
        let said = File::from(OwnedFd::from(said));
        fcntl(&said, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Upgrade { child, said: Some(said) })
    }

    /// The new master's process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What is readable once there is progress. A child's end is a signal.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.said.as_ref().map(AsFd::as_fd)
    }

    /// Ends it, as this master is to stop: it has nobody to take over from. Its workers leave with it.
    pub(super) fn call_off(mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            debug!("the new master has ended already: {error}");
        }
    }

    /// What has become of it.
    pub(super) fn progress(&mut self) -> Progress {
        match self.said.as_mut().map(|said| said.read(&mut [0])) {
            Some(Ok(1..)) => return Progress::Serves,
            // It will not say so any more: it ends, or is no Tidegate.
            Some(Ok(0)) => self.said = None,
            _ => {}
        }
        match self.child.try_wait() {
            Ok(None) => Progress::Starting,
            Ok(Some(status)) => Progress::Failed(status.to_string()),
            Err(error) => Progress::Failed(error.to_string()),
        }
    }
}

/// What the master before has handed over to this process.
#[derive(Default)]
pub struct Handover {
    /// The sockets, each with what it was asked for as.
    pub sockets: Vec<Handed>,
    say: Option<OwnedFd>,
}

impl Handover {
    /// Takes what the environment tells of; nothing if this process was not started by a master for an upgrade. Once in
    /// a process, and before anything else is opened.
    #[allow(unsafe_code)]
    pub fn receive() -> Self {
        let lines = env::var(VARIABLE).unwrap_or_default();
        let mut lines = lines.lines();
        let mut first = lines.next().unwrap_or_default().split(' ');
        let mut number = || first.next().and_then(|number| number.parse::<u32>().ok());
        // The variable is inherited on: what a worker's application starts must not believe it.
        if number() != Some(parent_id()) {
            return Handover::default();
        }
        let adopt = |descriptor: &str| {
            let descriptor = descriptor.parse::<RawFd>().ok().filter(|descriptor| *descriptor > 2)?;
            // SAFETY: the parent has opened it for this process and said so; nobody else here knows of it, and this runs
            // once, before another descriptor could have its number. One that is not open is found out by fcntl.
            let descriptor = unsafe {
                if libc::fcntl(descriptor, libc::F_GETFD) < 0 {
                    return None;
                }
                OwnedFd::from_raw_fd(descriptor)
            };
            fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
            Some(descriptor)
        };
        let say = number().and_then(|descriptor| adopt(&descriptor.to_string()));
        let sockets = lines.filter_map(|line| {
            let (descriptor, rest) = line.split_once(' ')?;
            let (scheme, asked) = rest.split_once(' ')?;
            let scheme = Scheme::ALL.into_iter().find(|one| one.to_string() == scheme)?;
            let asked: Address = asked.parse().ok()?;
            Some(Handed { scheme, asked, socket: adopt(descriptor)?.into() })
        });
        Handover { sockets: sockets.collect(), say }
    }

    /// Whether a master before this one waits to hear that it may go.
    pub fn is_awaited(&self) -> bool {
        self.say.is_some()
    }

    /// Tells the master before that this one serves.
    pub fn done(&mut self) -> io::Result<()> {
        match self.say.take() {
            Some(say) => File::from(say).write_all(b"!"),
            None => Ok(()),
        }
    }
}

/// Where the new master finds what it is handed: its parent's number and the descriptor to say on, then for each socket
/// its descriptor, its protocol and its address. Not of the command's own variables, which are TIDEGATE_*.
const VARIABLE: &str = "_TIDEGATE_HANDOVER";
