//! Where workers pass connections on to one another: a socket pair that all of them share.
//!
//! What is given lies in the kernel until a worker takes it. So it is lost with none of them, and the one that takes it is
//! whichever has nothing to do.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// Both ends of the pair: each worker gives at the one and takes at the other.
#[derive(Debug)]
pub(crate) struct Relay {
    giving: OwnedFd,
    taking: OwnedFd,
}

impl Relay {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // Each message is one that is taken whole, or not at all.
        let (giving, taking) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok(Relay { giving, taking })
    }

    /// The same pair, as another program has left it to this one.
    #[cfg(feature = "command")]
    pub(crate) fn of(giving: OwnedFd, taking: OwnedFd) -> Self {
        Relay { giving, taking }
    }

    /// Both ends: where is given, and where is taken.
    #[cfg(feature = "command")]
    pub(crate) fn ends(&self) -> [BorrowedFd<'_>; 2] {
        [self.giving.as_fd(), self.taking.as_fd()]
    }

    /// Gives a socket with some bytes, at most [`MESSAGE_BYTES_MAX`]. WouldBlock: there is no room.
    pub(crate) fn give(&self, parts: &[IoSlice<'_>], socket: BorrowedFd<'_>) -> io::Result<()> {
        let sockets = [socket];
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = SendAncillaryBuffer::new(&mut room);
        rights.push(SendAncillaryMessage::ScmRights(&sockets));
        sendmsg(&self.giving, parts, &mut rights, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Takes a socket and its bytes, which lie at the front of `buffer` then. WouldBlock: there is none.
    pub(crate) fn take(&self, buffer: &mut [u8]) -> io::Result<(OwnedFd, usize)> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = RecvAncillaryBuffer::new(&mut room);
        let mut parts = [IoSliceMut::new(buffer)];
        let received = recvmsg(&self.taking, &mut parts, &mut rights, RecvFlags::CMSG_CLOEXEC)?;
        let socket = rights.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
            _ => None,
        });
        let socket = socket.ok_or_else(|| io::Error::other("a connection came without its socket"))?;
        Ok((socket, received.bytes))
    }
}

impl AsFd for Relay {
    /// Readable when there is something to take.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.taking.as_fd()
    }
}

/// What is given at once, bytes: less than a socket's buffer holds by default (net.core.wmem_default is 208 KiB).
pub(crate) const MESSAGE_BYTES_MAX: usize = 160 << 10;

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_and_its_bytes_are_taken_once() {
        let relay = Relay::new().unwrap();
        let (mut one, other) = UnixStream::pair().unwrap();
        relay.give(&[IoSlice::new(b"ab"), IoSlice::new(b"c")], other.as_fd()).unwrap();
        drop(other);
        let mut buffer = [0; 16];
        let (socket, bytes) = relay.take(&mut buffer).unwrap();
        assert_eq!(&buffer[..bytes], b"abc");
        one.write_all(b"still there").unwrap();
        let mut text = [0; 11];
        UnixStream::from(socket).read_exact(&mut text).unwrap();
        assert_eq!(&text, b"still there");
        assert_eq!(relay.take(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}
