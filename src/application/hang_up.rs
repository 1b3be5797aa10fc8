//! Whether the client of a request is still there, for an application that wants to know before it goes on.

use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

/// The socket that a response goes to, known by its descriptor's number: whoever holds it must forget it before the
/// socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    descriptor: RawFd,
}

impl Client {
    /// The client at the other end of the socket `descriptor`.
    pub(crate) fn new(descriptor: RawFd) -> Self {
        Client { descriptor }
    }

    /// Whether it has closed its side. Nothing is read, and nothing waited for.
    ///
    /// One that sent more behind its request hides its end behind that, and counts as there; one that only says that
    /// it has no more to ask (a half-close, which HTTP allows) counts as gone.
    pub(crate) fn has_gone(self) -> bool {
        let peeked = recv(self.descriptor, &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT);
        !matches!(peeked, Ok(1..) | Err(Errno::EAGAIN | Errno::EINTR))
    }
}
