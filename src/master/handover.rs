//! What a master is handed by the one before it, whose place it takes in a binary upgrade.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use log::{info, warn};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;

use crate::net::listener::{Address, Handed};
use crate::protocol::ProtocolName;

/// What the master before has handed over to this process.
#[derive(Default)]
pub(crate) struct Handover {
    /// The sockets, each with what it was asked for as.
    pub sockets: Vec<Handed>,
    /// How many workers it has, if it says so.
    pub workers: Option<u32>,
    /// The programs that it has beside them, by their numbers.
    pub attached: Vec<i32>,
    say: Option<File>,
}

impl Handover {
    /// Takes what the environment tells of; nothing if this process was not started by a master for an upgrade. Once in
    /// a process, and before anything else is opened.
    pub(crate) fn receive() -> Self {
        let lines = env::var(VARIABLE).unwrap_or_default();
        let mut lines = lines.lines();
        let first = lines.next().and_then(|first| first.split_once(' '));
        // The variable is inherited on: what a worker's application starts must not believe it. It has not got the pipe.
        let Some(say) = first.and_then(|(pipe, say)| adopt(say, Some(pipe))) else {
            return Handover::default();
        };
        let left = |word: &'static str| {
            let lines = lines.clone().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '));
            lines.filter_map(|number| number.parse::<i32>().ok())
        };
        let workers = left(WORKERS).find_map(|count| u32::try_from(count).ok());
        let attached = left(ATTACHED).collect();
        let sockets = lines.filter_map(|line| {
            let (descriptor, rest) = line.split_once(' ')?;
            let (protocol, asked) = rest.split_once(' ')?;
            let protocol = ProtocolName::ALL.into_iter().find(|one| one.to_string() == protocol)?;
            let asked: Address = asked.parse().ok()?;
            Some(Handed { protocol, asked, socket: adopt(descriptor, None)?.into() })
        });
        Handover { sockets: sockets.collect(), workers, attached, say: Some(say.into()) }
    }

    /// Whether there is a master before this one, which has not left everything to it yet.
    pub(crate) fn is_awaited(&self) -> bool {
        self.say.is_some()
    }

    /// Tells the master before, if there is one, that this one serves.
    pub(super) fn serves(&mut self) {
        if self.is_awaited() {
            info!("upgrade: this master serves");
        }
        if let Err(error) = self.done() {
            warn!("upgrade: the master before does not hear that this one serves: {error}");
        }
    }

    /// Tells it to the master before, and no more.
    pub(crate) fn done(&mut self) -> io::Result<()> {
        self.say.as_mut().map_or(Ok(()), |say| say.write_all(b"!"))
    }

    /// What is in an error state once the master before has left everything to this one.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.say.as_ref().map(AsFd::as_fd)
    }

    /// Whether it has just done so.
    pub(super) fn is_over(&mut self) -> bool {
        let Some(say) = &self.say else { return false };
        let mut polled = [PollFd::new(say.as_fd(), PollFlags::empty())];
        let is_over = poll(&mut polled, PollTimeout::ZERO).is_ok_and(|events| events > 0);
        if is_over {
            self.say = None;
        }
        is_over
    }
}

/// A descriptor that the master before has opened for this process; `None` if it is not there, or if it is not the one
/// with this `inode`.
#[allow(unsafe_code)]
fn adopt(descriptor: &str, inode: Option<&str>) -> Option<OwnedFd> {
    let descriptor = descriptor.parse::<RawFd>().ok().filter(|descriptor| *descriptor > 2)?;
    // SAFETY: it is borrowed for one call, to which a descriptor that is not open is an error like any other.
    let stat = fstat(unsafe { BorrowedFd::borrow_raw(descriptor) }).ok()?;
    if inode.is_some_and(|inode| inode != stat.st_ino.to_string()) {
        return None;
    }
    // SAFETY: it is open. The parent has opened it for this process and said so; no other code here knows of it, and this
    // runs once, before another descriptor could have its number.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    Some(descriptor)
}

/// Where the new master finds what it is handed: the pipe's inode and the descriptor to say on, then for each socket its
/// descriptor, its protocol and its address, and what else is left to it. Not of the command's own variables, which are TIDEGATE_*.
pub(super) const VARIABLE: &str = "_TIDEGATE_HANDOVER";
/// What the lines begin with that say how many workers there are, and which processes are attached. An older version has none.
pub(super) const WORKERS: &str = "workers";
pub(super) const ATTACHED: &str = "attached";
