//! The numbers 0 to 2 are stdin's, stdout's and stderr's, and never another's.
//!
//! A descriptor gets the lowest number that is free. Where a process began without a stdout, or an application has closed
//! it, a socket would become number 1, and whatever is printed would be in a response; a file would have it
//! between its own lines.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};

use nix::libc;
use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create, open};
use rustix::io::{dup2, fcntl_dupfd_cloexec};

/// Gives /dev/null to those of 0 to 2 that are closed. The standard library does so when a program begins, unless the
/// program is another language's.
pub(crate) fn fill() -> io::Result<()> {
    loop {
        let null = null()?;
        if is_above(&null) {
            return Ok(());
        }
        keep(null);
    }
}

/// A file without a name that closes with the process that has it, under a number that is not one of theirs.
pub(crate) fn temporary_file() -> io::Result<File> {
    above(tempfile::tempfile()?)
}

/// A file in memory, without a place in any folder, under a number that is not one of theirs.
pub(crate) fn memory_file(name: &str) -> io::Result<File> {
    Ok(above(memfd_create(name, MemfdFlags::CLOEXEC)?)?.into())
}

/// The same open file under a number that is not one of theirs. Its old number, if it was one, is /dev/null's: closed, it
/// would be the next file's. That takes no system call where there is nothing to do.
pub(crate) fn above<D: AsFd + From<OwnedFd> + Into<OwnedFd>>(descriptor: D) -> io::Result<D> {
    if is_above(&descriptor) {
        return Ok(descriptor);
    }
    let mut low = descriptor.into();
    let moved = fcntl_dupfd_cloexec(&low, FIRST)?;
    // Without a /dev/null, as in a bare chroot, the number is free again.
    if let Ok(null) = null()
        // In one step, so that no other thread's file gets the number in between.
        && dup2(&null, &mut low).is_ok()
    {
        keep(low);
        if !is_above(&null) {
            keep(null);
        }
    }
    Ok(moved.into())
}

/// Whether the peer of a socket has closed its side, though something that it sent may be unread. Nothing is waited for.
#[allow(unsafe_code, reason = "the number is all that is known of a socket that another thread has")]
pub(crate) fn peer_has_closed(socket: RawFd) -> bool {
    let mut asked = libc::pollfd { fd: socket, events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: the pointer is to one pollfd, as the count says. A number that is no descriptor's is told in `revents`.
    unsafe { libc::poll(&raw mut asked, 1, 0) };
    asked.revents != 0
}

/// The first number that has no meaning by custom.
const FIRST: RawFd = 3;

fn is_above(descriptor: &impl AsFd) -> bool {
    descriptor.as_fd().as_raw_fd() >= FIRST
}

/// Open for reading and writing, and for the programs that an application starts too.
fn null() -> io::Result<OwnedFd> {
    Ok(open("/dev/null", OFlags::RDWR, Mode::empty())?)
}

/// Leaves it open for as long as the process is.
fn keep(descriptor: OwnedFd) {
    let _ = descriptor.into_raw_fd();
}
