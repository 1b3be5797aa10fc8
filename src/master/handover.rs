//! What a master leaves to what this very process becomes next, the new master, and to the process that tries that before.
//!
//! It is a text in a file without a name, whose descriptor stands in the environment: each line is a word and what belongs to
//! it, and names descriptors that are left open. The environment tells no more than that number: it is inherited on by all
//! that the application starts.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::{env, fmt};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::stat::fstat;

use super::{replace, signals};
use crate::net::listener::{Address, Handed, Listener};
use crate::process::descriptors;
use crate::protocol::ProtocolName;

/// What is left to a new master. Each part of the master before adds its lines.
#[derive(Default)]
pub(crate) struct Left {
    text: String,
    descriptors: Vec<RawFd>,
}

impl Left {
    /// Adds a line.
    pub(crate) fn line(&mut self, word: &str, what: impl fmt::Display) {
        self.text += &format!("{word} {what}\n");
    }

    /// Leaves a descriptor open; returns its number, for a line.
    pub(crate) fn keep(&mut self, descriptor: impl AsFd) -> RawFd {
        let number = descriptor.as_fd().as_raw_fd();
        self.line(DESCRIPTOR, number);
        self.descriptors.push(number);
        number
    }

    /// Leaves these sockets.
    pub(super) fn listeners<'a>(&mut self, listeners: impl Iterator<Item = &'a Listener>) {
        for listener in listeners {
            let number = self.keep(listener);
            self.line(LISTENER, format_args!("{number} {} {}", listener.protocol(), listener.asked()));
        }
    }

    /// All of it in a file, the file's place in the environment, and which descriptors are to be left open.
    pub(super) fn close(mut self) -> io::Result<(File, String, Vec<RawFd>)> {
        let mut file = descriptors::memory_file("tidegate-handover")?;
        file.write_all(self.text.as_bytes())?;
        self.descriptors.push(file.as_raw_fd());
        let place = place(&file, 0)?;
        Ok((file, place, self.descriptors))
    }
}

/// What was left to this process.
pub(crate) struct Handover {
    file: RawFd,
    text: String,
}

impl Handover {
    /// Finds what the environment tells of; nothing if no master has started this process, or become it. Once in a process,
    /// and before anything else is opened.
    pub(crate) fn receive() -> io::Result<Option<Self>> {
        let Some((file, _)) = find() else { return Ok(None) };
        let handover = Handover::read(file)?;
        for number in handover.descriptors() {
            borrow(number, |descriptor| fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)))?;
        }
        if !handover.is_trial() {
            replace::keep_name(&handover);
            // They were held back while one program became the other.
            signals::hear_early()?;
        }
        Ok(Some(handover))
    }

    fn read(file: RawFd) -> io::Result<Self> {
        let opened = File::from(borrow(file, |file| Ok(file.try_clone_to_owned()))??);
        let mut bytes = vec![0; usize::try_from(opened.metadata()?.len()).unwrap_or_default()];
        opened.read_exact_at(&mut bytes, 0)?;
        let text = String::from_utf8(bytes).map_err(io::Error::other)?;
        Ok(Handover { file, text })
    }

    /// Whether this process only tries whether it could serve, and ends then.
    pub(crate) fn is_trial(&self) -> bool {
        self.one(TRIAL).is_some()
    }

    /// The rest of each line that begins with this word.
    pub(crate) fn lines<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.lines().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '))
    }

    /// The rest of the first such line.
    pub(crate) fn one<'a>(&'a self, word: &'a str) -> Option<&'a str> {
        self.lines(word).next()
    }

    /// A descriptor that was left open, under a number of its own: so what was left can be left once more.
    #[allow(unsafe_code)]
    pub(crate) fn descriptor(&self, number: &str) -> Option<OwnedFd> {
        let number = self.descriptors().find(|one| one.to_string() == number)?;
        let taken = borrow(number, |descriptor| fcntl(descriptor, FcntlArg::F_DUPFD_CLOEXEC(FIRST))).ok()?;
        // SAFETY: it has been opened just now, for this alone.
        Some(unsafe { OwnedFd::from_raw_fd(taken) })
    }

    /// The sockets, each with what it was asked for as.
    pub(crate) fn sockets(&self) -> Vec<Handed> {
        let sockets = self.lines(LISTENER).filter_map(|line| {
            let (descriptor, rest) = line.split_once(' ')?;
            let (protocol, asked) = rest.split_once(' ')?;
            let protocol = ProtocolName::ALL.into_iter().find(|one| one.to_string() == protocol)?;
            let asked: Address = asked.parse().ok()?;
            Some(Handed { protocol, asked, socket: self.descriptor(descriptor)?.into() })
        });
        sockets.collect()
    }

    fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.lines(DESCRIPTOR).filter_map(|number| number.parse().ok()).chain([self.file])
    }

    /// All that was wanted has been taken.
    #[allow(unsafe_code)]
    pub(super) fn settle(self) {
        for number in self.descriptors() {
            if number >= FIRST {
                // SAFETY: it was opened for this process, whose other code knows of none but the copies.
                drop(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
    }

    /// What was left to this process, if it was to take a master's place and has not come so far; how often that was tried
    /// before, and which descriptors are to be left open for the next try.
    pub(super) fn unsettled() -> Option<(u32, Vec<RawFd>)> {
        let (file, tries) = find()?;
        let handover = Handover::read(file).ok().filter(|handover| !handover.is_trial())?;
        Some((tries, handover.descriptors().collect()))
    }
}

/// The place of what was left, as the environment tells it.
pub(super) fn place(file: &File, tries: u32) -> io::Result<String> {
    Ok(format!("{} {} {tries}", file.as_raw_fd(), fstat(file)?.st_ino))
}

/// The same place, once more.
pub(super) fn next_place(tries: u32) -> Option<String> {
    let place = env::var(VARIABLE).ok()?;
    Some(format!("{} {tries}", place.rsplit_once(' ')?.0))
}

/// The file that the environment names, and how often it was read in vain. What a worker's application starts must not believe
/// it: it has not got the file.
fn find() -> Option<(RawFd, u32)> {
    let place = env::var(VARIABLE).ok()?;
    let mut numbers = place.split(' ');
    let (file, inode, tries) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let file = file.parse().ok().filter(|file| *file >= FIRST)?;
    let stat = borrow(file, |file| fstat(file)).ok()?;
    (stat.st_ino.to_string() == inode).then_some((file, tries.parse().ok()?))
}

/// Does something with a descriptor of which only the number is known.
#[allow(unsafe_code)]
pub(super) fn borrow<T>(
    number: RawFd,
    use_it: impl FnOnce(BorrowedFd<'_>) -> nix::Result<T>,
) -> io::Result<T> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is borrowed for system calls alone, to which a descriptor that is not open is an error like any other.
    Ok(use_it(unsafe { BorrowedFd::borrow_raw(number) })?)
}

/// Where the place stands. Not of the command's own variables, which are TIDEGATE_*.
pub(super) const VARIABLE: &str = "_TIDEGATE_HANDOVER";
/// A process that only tries.
pub(super) const TRIAL: &str = "trial";
const DESCRIPTOR: &str = "descriptor";
const LISTENER: &str = "listener";
/// The first number that has no meaning by custom.
const FIRST: RawFd = 3;

#[cfg(test)]
impl Handover {
    /// What this text says, without descriptors.
    pub(super) fn of(text: &str) -> Self {
        Handover { file: -1, text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::master::scoreboard;

    #[test]
    fn what_is_left_is_found_and_nothing_else() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let mut left = Left::default();
        let number = left.keep(&one);
        left.line("line", format_args!("{number} and more"));
        let (file, _, kept) = left.close().unwrap();
        assert_eq!(kept, [number, file.as_raw_fd()]);
        let handover = Handover::read(file.as_raw_fd()).unwrap();
        assert!(!handover.is_trial() && handover.one("lin").is_none());
        assert!(handover.descriptor("0").is_none(), "it was not left");
        let (found, more) = handover.one("line").unwrap().split_once(' ').unwrap();
        assert_eq!(more, "and more");
        let mut copy = UnixStream::from(handover.descriptor(found).unwrap());
        copy.write_all(b"x").unwrap();
        other.read_exact(&mut [0]).unwrap();
    }

    #[test]
    fn memory_that_means_something_else_is_not_taken() {
        let (board, mut left) = (scoreboard(None).unwrap(), Left::default());
        board.memory.take(7, 1, 0, 0).unwrap();
        board.leave(&mut left);
        let (file, ..) = left.close().unwrap();
        let mut handover = Handover::read(file.as_raw_fd()).unwrap();
        let same = scoreboard(Some(&handover)).unwrap();
        assert_eq!((same.is_handed, same.memory.rows()[0].number), (true, 7));
        handover.text = handover.text.replace(env!("CARGO_PKG_VERSION"), "0.0.0");
        let other = scoreboard(Some(&handover)).unwrap();
        assert_eq!((other.is_handed, other.memory.rows().len()), (false, 0));
    }
}
