//! The byte stream of one connection: what the state machine needs of a socket, and the two that have it.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::connect_unspec;

use crate::process::fork_watch;

/// A non-blocking stream. The worker's are sockets; tests script theirs.
pub trait Stream: Read + Write {
    /// Sends up to `len` bytes of `file` from `offset` on, without a copy where the system can.
    /// 0 means that the file ends there.
    fn send_file(&mut self, file: &File, offset: u64, len: u64) -> io::Result<usize>;

    /// Says that nothing more will be sent.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Makes the close to come a visible failure: a reset on TCP. A unix socket has none; there, only a
    /// Content-Length shows that a response was broken off.
    fn reset_on_close(&mut self);

    /// The socket's descriptor, for the reply of an aborted process; `None` if there is none.
    fn descriptor(&self) -> Option<RawFd> {
        None
    }
}

/// An accepted socket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A unix stream connection.
    Unix(UnixStream),
}

/// The other end's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP peer's address and port.
    Tcp(SocketAddr),
    /// A process of this machine.
    Unix,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Tcp(address) => address.fmt(f),
            Peer::Unix => f.write_str("unix"),
        }
    }
}

/// Does the same on a socket of either kind.
macro_rules! on {
    ($self:ident, $socket:ident => $does:expr) => {
        match $self {
            Socket::Tcp($socket) => $does,
            Socket::Unix($socket) => $does,
        }
    };
}

impl Stream for Socket {
    fn send_file(&mut self, file: &File, offset: u64, len: u64) -> io::Result<usize> {
        let mut at = offset;
        let count = usize::try_from(len).unwrap_or(usize::MAX);
        let sent = on!(self, socket => sendfile(socket, file, Some(&mut at), count));
        match sent {
            // A file that the system cannot map (a pipe's end, some /proc files) is read instead.
            Err(Errno::INVAL | Errno::NOSYS) => {
                let mut piece = vec![0; count.min(READ_BYTES)];
                let read = file.read_at(&mut piece, offset)?;
                self.write(&piece[..read])
            }
            sent => Ok(sent?),
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        on!(self, socket => socket.shutdown(Shutdown::Write))
    }

    fn reset_on_close(&mut self) {
        if let Socket::Tcp(socket) = self {
            // They can only fail on a socket that is gone already, and that shows by itself.
            let _ = socket2::SockRef::from(&*socket).set_linger(Some(Duration::ZERO));
            if fork_watch::is_shared() {
                // The close to come closes nothing while a child has the socket too; to disconnect it is a reset at once.
                let _ = connect_unspec(&*socket);
            }
        }
    }

    fn descriptor(&self) -> Option<RawFd> {
        Some(on!(self, socket => socket.as_raw_fd()))
    }
}

/// A child that the application has forked may have the socket too, and its peer would see no end: so what one
/// process closes, it closes for all.
impl Drop for Socket {
    fn drop(&mut self) {
        if fork_watch::is_shared() {
            // It fails if the peer has gone, or if both directions are closed: then there is nothing to end.
            let _ = on!(self, socket => socket.shutdown(Shutdown::Both));
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        on!(self, socket => socket.read(buffer))
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        on!(self, socket => socket.write(bytes))
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        // For a short response it is cheaper to put its parts side by side than to have the kernel look them up.
        let mut joined = [0; JOINED_BYTES_MAX];
        if let Some(joined) = join(parts, &mut joined) {
            return self.write(joined);
        }
        on!(self, socket => socket.write_vectored(parts))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        on!(self, socket => socket.as_fd())
    }
}

impl Source for Socket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        on!(self, socket => socket.register(registry, token, interests))
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        on!(self, socket => socket.reregister(registry, token, interests))
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        on!(self, socket => socket.deregister(registry))
    }
}

/// The parts in one piece, if `room` holds them.
fn join<'a>(parts: &[IoSlice<'_>], room: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut filled = 0;
    for part in parts {
        room.get_mut(filled..filled + part.len())?.copy_from_slice(part);
        filled += part.len();
    }
    Some(&room[..filled])
}

/// Parts that are at most this long together are written as one, bytes.
const JOINED_BYTES_MAX: usize = 512;
/// What is read at once of a file that sendfile cannot send, bytes.
const READ_BYTES: usize = 64 << 10;
