//! Long replies: endless streams that keep a server busy, and one large download.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::address::Address;
use crate::load::try_send;
use crate::reply::head_length;

/// What the built-in application `demo` streams for longer than any run lasts.
pub const ENDLESS: &str = "/stream?chunks=1000000000&size=65536";

/// Nothing to read for this long: the stream has stalled.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// A download that takes longer than this is given up.
const DOWNLOAD_TIME: Duration = Duration::from_secs(120);

/// What one read takes: as much as a socket's buffer holds by default.
const READ: usize = 256 << 10;

/// One long reply being read.
pub struct Stream {
    socket: OwnedFd,
    /// The start of the reply, until its head is complete; then empty, and never used again.
    head: Vec<u8>,
    head_done: bool,
    /// Bytes of body so far.
    pub received: u64,
}

/// How a read ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// Some came.
    Bytes,
    /// None yet.
    WouldBlock,
    /// The server has closed.
    End,
}

impl Stream {
    /// Connects and asks; [`Stream::pull`] reads.
    pub fn open(address: &Address, packet: &[u8]) -> io::Result<Stream> {
        Ok(Stream { socket: ask(address, packet)?, head: Vec::new(), head_done: false, received: 0 })
    }

    /// Reads once, without waiting, and throws the bytes away.
    pub fn pull(&mut self, scratch: &mut [u8]) -> io::Result<Pull> {
        match recv(&self.socket, &mut *scratch, RecvFlags::empty()) {
            Ok((0, _)) if !self.head_done => Err(io::Error::other("ended before its head")),
            Ok((0, _)) => Ok(Pull::End),
            Ok((length, _)) => {
                self.count(&scratch[..length])?;
                Ok(Pull::Bytes)
            }
            Err(Errno::AGAIN) => Ok(Pull::WouldBlock),
            Err(error) => Err(error.into()),
        }
    }

    fn count(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.head_done {
            self.received += bytes.len() as u64;
            return Ok(());
        }
        self.head.extend_from_slice(bytes);
        if self.head.windows(4).any(|four| four == b"\r\n\r\n") {
            let head = head_length(&self.head).map_err(io::Error::other)?;
            self.received = (self.head.len() - head) as u64;
            self.head = Vec::new();
            self.head_done = true;
        }
        Ok(())
    }
}

/// Bytes per second of one reply whose body must be `body` bytes long.
pub fn download(address: &Address, packet: &[u8], body: u64) -> io::Result<f64> {
    let mut scratch = vec![0; READ];
    let start = Instant::now();
    let mut stream = Stream::open(address, packet)?;
    loop {
        match stream.pull(&mut scratch)? {
            Pull::Bytes => {}
            Pull::WouldBlock => wait(&stream.socket, PollFlags::IN)?,
            Pull::End => break,
        }
        if start.elapsed() > DOWNLOAD_TIME {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    if stream.received != body {
        return Err(io::Error::other(format!("a body of {} bytes instead of {body}", stream.received)));
    }
    Ok(body as f64 / start.elapsed().as_secs_f64())
}

/// Connects, and sends the whole packet.
pub(crate) fn ask(address: &Address, packet: &[u8]) -> io::Result<OwnedFd> {
    let socket = address.connect()?;
    wait(&socket, PollFlags::OUT)?;
    if !try_send(&socket, packet)? {
        return Err(io::Error::other("a connected socket takes no packet"));
    }
    Ok(socket)
}

pub(crate) fn wait(socket: &OwnedFd, wish: PollFlags) -> io::Result<()> {
    match poll(&mut [PollFd::new(socket, wish)], Some(&PATIENCE))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}
