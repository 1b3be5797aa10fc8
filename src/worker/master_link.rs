//! A worker's line to its master: over it the worker says that it serves, and hears what the master wants of it.
//!
//! The line's end is an order too. A master that is killed says nothing any more, and its workers finish what runs
//! and leave, without looking whether it lives.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use log::error;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::worker::stop::Stop;

/// The worker's end of the line.
pub(crate) struct MasterLink {
    stream: mio::net::UnixStream,
    /// There are other workers.
    shares: bool,
    /// The server is about to stop.
    drains: bool,
    reopen_logs: Box<dyn FnMut() + Send>,
}

/// What a master hears of a worker that starts, and what it may say to one that serves: a byte each.
pub(crate) mod word {
    /// The worker serves.
    pub(crate) const READY: u8 = b'R';
    /// The worker cannot serve; why not follows, up to the line's end.
    pub(crate) const FAILED: u8 = b'F';
    /// Others accept from here on: finish what runs, and leave.
    pub(crate) const RETIRE: u8 = b'Q';
    /// There are other workers from now on.
    pub(crate) const SHARE: u8 = b'S';
    /// The server is about to stop: each request from here on is its connection's last.
    pub(crate) const DRAIN: u8 = b'D';
    /// Open the log files again, which have been moved away.
    pub(crate) const REOPEN_LOGS: u8 = b'L';
}

impl MasterLink {
    /// The line whose other end the master has, which has other workers if this one `shares`; `reopen_logs` is called when
    /// the master says so.
    pub(crate) fn new(
        stream: UnixStream,
        shares: bool,
        reopen_logs: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let stream = mio::net::UnixStream::from_std(stream);
        Ok(MasterLink { stream, shares, drains: false, reopen_logs: Box::new(reopen_logs) })
    }

    /// What to register with the poller.
    pub(crate) fn source(&mut self) -> &mut mio::net::UnixStream {
        &mut self.stream
    }

    /// Whether other workers take connections from the same sockets.
    pub(crate) fn shares(&self) -> bool {
        self.shares
    }

    /// Whether the server is about to stop, so that each request is its connection's last.
    pub(crate) fn drains(&self) -> bool {
        self.drains
    }

    /// Tells the master that the worker serves. It returns in a worker that is to serve.
    pub(crate) fn ready(&mut self) {
        if let Err(error) = self.stream.write(&[word::READY])
            && error.kind() == ErrorKind::BrokenPipe
        {
            // The master hears no more: it wants no such worker, and ends this process before that takes a request; or it is
            // gone, and reading tells.
            self.wait_until_it_is_gone();
        }
    }

    fn wait_until_it_is_gone(&self) {
        let hangs_up = |polled: &PollFd<'_>| polled.revents().intersects(PollFlags::HUP | PollFlags::ERR);
        let mut polled = [PollFd::new(&self.stream, PollFlags::empty())];
        while !hangs_up(&polled[0]) {
            match poll(&mut polled, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Does what the master has said meanwhile, but for a stop, which is the caller's to carry out.
    pub(crate) fn obey(&mut self) -> Option<Stop> {
        let (mut words, mut stop) = ([0; 64], None);
        loop {
            match self.stream.read(&mut words) {
                Ok(0) => return stop.max(Some(Stop::Gracefully)),
                // A master that was killed had not read all that its workers said.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return stop.max(Some(Stop::Gracefully));
                }
                Ok(read) => {
                    if words[..read].contains(&word::REOPEN_LOGS) {
                        (self.reopen_logs)();
                    }
                    self.shares |= words[..read].contains(&word::SHARE);
                    self.drains |= words[..read].contains(&word::DRAIN);
                    if words[..read].contains(&word::RETIRE) {
                        stop = stop.max(Some(Stop::Retire));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return stop,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    error!("the line to the master is broken: {error}");
                    return stop.max(Some(Stop::Gracefully));
                }
            }
        }
    }
}
