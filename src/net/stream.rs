//! The byte stream of one connection: what the state machine needs of a socket, and the two that have it.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use nix::sys::socket::{MsgFlags, recv};
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, connect_unspec, getsockname};

use crate::application::hang_up::HangUpProbe;
use crate::process::{descriptors, fork_watch};

/// A non-blocking stream. The worker's are sockets; tests script theirs.
///
/// One that keeps records of its own, as TLS does, can stand here if it keeps three promises:
///
/// - bytes that it has decrypted already are more to read, as no event tells of them;
/// - bytes that a write took count as sent, so while a record is written in part, writes would block; the same bytes are
///   offered again;
/// - it has no `abort_descriptor`, as plain bytes must not pass it by.
pub trait Stream: Write {
    /// Reads what has arrived; no bytes are the peer's end.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Arrived>;

    /// Reads what has arrived and leaves it there, for another read. Only where [`Stream::tells_unread`].
    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<Arrived> {
        self.receive(buffer)
    }

    /// Whether the peer is told of a failure if the stream is closed while something is unread, whatever closes it.
    fn tells_unread(&self) -> bool {
        false
    }

    /// Sends up to `len` bytes of `file` from `offset` on, without a copy where the system can.
    /// 0 means that the file ends there.
    fn send_file(&mut self, file: &File, offset: u64, len: u64) -> io::Result<usize>;

    /// Says that nothing more will be sent.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Makes the close to come a visible failure: a reset on TCP. A unix socket has none; there, what is left unread tells
    /// of it ([`Stream::tells_unread`]).
    fn reset_on_close(&mut self);

    /// How an application finds out that the peer has gone. `None`: it is taken to be there.
    fn hang_up_probe(&self) -> Option<HangUpProbe> {
        None
    }

    /// Where an aborted process may write its reply as it stands, from a signal's handler. `None`: it sends none.
    fn abort_descriptor(&self) -> Option<RawFd> {
        None
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// How many bytes.
    pub bytes: usize,
    /// Whether the next read may bring some at once. If not, an event tells of what comes.
    pub may_be_more: bool,
}

/// An accepted socket.
#[derive(Debug)]
pub(crate) struct Socket {
    kind: Kind,
    /// Another process has it too, and goes on with it.
    is_passed_on: bool,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Socket { kind: Kind::Tcp(stream), is_passed_on: false }
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Socket { kind: Kind::Unix(stream), is_passed_on: false }
    }
}

impl Socket {
    /// A connected socket that another process has accepted, and its peer.
    pub(crate) fn passed(socket: OwnedFd) -> io::Result<(Socket, Peer)> {
        if getsockname(&socket)?.address_family() == AddressFamily::UNIX {
            return Ok((UnixStream::from_std(socket.into()).into(), Peer::Unix));
        }
        let stream = TcpStream::from_std(socket.into());
        let peer = stream.peer_addr()?;
        Ok((stream.into(), Peer::Tcp(peer)))
    }

    #[cfg(test)]
    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        match &self.kind {
            Kind::Tcp(stream) => Some(stream),
            Kind::Unix(_) => None,
        }
    }

    /// Lets go of a socket with which another process goes on: it stays connected.
    pub(crate) fn leave_to_other(mut self) {
        self.is_passed_on = true;
    }
}

/// The other end's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP peer's address and port.
    Tcp(SocketAddr),
    /// A process of this machine.
    Unix,
}

impl Peer {
    /// What another process makes the same of, by [`Peer::from_words`].
    pub(crate) fn to_words(&self) -> [u64; 3] {
        let Peer::Tcp(address) = self else { return [0; 3] };
        let bits = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        [1 << 16 | u64::from(address.port()), (bits >> 64) as u64, bits as u64]
    }

    pub(crate) fn from_words([kind, high, low]: [u64; 3]) -> Self {
        if kind == 0 {
            return Peer::Unix;
        }
        let ip = Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
        Peer::Tcp(SocketAddr::new(ip.to_canonical(), kind as u16))
    }
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
    ($kind:expr, $socket:ident => $does:expr) => {
        match $kind {
            Kind::Tcp($socket) => $does,
            Kind::Unix($socket) => $does,
        }
    };
}

impl Stream for Socket {
    /// A read that is not filled took all that there was (epoll(7), "Do I need to continuously read/write a file
    /// descriptor until EAGAIN"): one that would find nothing is saved.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Arrived> {
        let bytes = self.read(buffer)?;
        Ok(Arrived { bytes, may_be_more: bytes == buffer.len() })
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<Arrived> {
        let room = buffer.len();
        let (bytes, _) = rustix::net::recv(&*self, buffer, RecvFlags::PEEK)?;
        Ok(Arrived { bytes, may_be_more: bytes == room })
    }

    /// Linux gives the peer of a unix socket ECONNRESET behind what was sent, in place of the end (unix_release_sock).
    fn tells_unread(&self) -> bool {
        matches!(self.kind, Kind::Unix(_))
    }

    fn send_file(&mut self, file: &File, offset: u64, len: u64) -> io::Result<usize> {
        let mut at = offset;
        let count = usize::try_from(len).unwrap_or(usize::MAX);
        let sent = on!(&mut self.kind, socket => sendfile(socket, file, Some(&mut at), count));
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
        on!(&mut self.kind, socket => socket.shutdown(Shutdown::Write))
    }

    fn reset_on_close(&mut self) {
        if let Kind::Tcp(socket) = &self.kind {
            // They can only fail on a socket that is gone already, and that shows by itself.
            let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
            if fork_watch::is_shared() {
                // The close to come closes nothing while a child has the socket too; to disconnect it is a reset at once.
                let _ = connect_unspec(socket);
            }
        }
    }

    fn hang_up_probe(&self) -> Option<HangUpProbe> {
        let has_gone = if self.tells_unread() { descriptors::peer_has_closed } else { peer_has_gone };
        self.abort_descriptor().map(|descriptor| HangUpProbe::new(descriptor, has_gone))
    }

    fn abort_descriptor(&self) -> Option<RawFd> {
        Some(self.as_fd().as_raw_fd())
    }
}

/// A child that the application has forked may have the socket too, and its peer would see no end: so what one
/// process closes, it closes for all.
impl Drop for Socket {
    fn drop(&mut self) {
        if fork_watch::is_shared() && !self.is_passed_on {
            // It fails if the peer has gone, or if both directions are closed: then there is nothing to end.
            let _ = on!(&mut self.kind, socket => socket.shutdown(Shutdown::Both));
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (bytes, _) = rustix::net::recv(&*self, buffer, RecvFlags::empty())?;
        Ok(bytes)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&*self, bytes, SendFlags::NOSIGNAL)?)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        // For a short response it is cheaper to put its parts side by side than to have the kernel look them up.
        let mut joined = [0; JOINED_BYTES_MAX];
        if let Some(joined) = join(parts, &mut joined) {
            return self.write(joined);
        }
        on!(&mut self.kind, socket => socket.write_vectored(parts))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        on!(&self.kind, socket => socket.as_fd())
    }
}

impl Source for Socket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        on!(&mut self.kind, socket => socket.register(registry, token, interests))
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        on!(&mut self.kind, socket => socket.reregister(registry, token, interests))
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        on!(&mut self.kind, socket => socket.deregister(registry))
    }
}

/// Whether the peer has closed its side of this socket, of which all that came was read. Nothing is read, and nothing
/// waited for.
///
/// One that sent more behind its request hides its end behind that, and counts as there; one that only says that
/// it has no more to ask (a half-close, which HTTP allows) counts as gone.
fn peer_has_gone(socket: RawFd) -> bool {
    let peeked = recv(socket, &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT);
    !matches!(peeked, Ok(1..) | Err(nix::Error::EAGAIN | nix::Error::EINTR))
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
