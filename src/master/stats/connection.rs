//! One reader of the statistics: a few bytes from it, the answer, and the end. It never has the master wait.
//!
//! It is not the workers' `Connection`, as readers of uWSGI's kind send nothing and want JSON without a head, for which there is no
//! protocol, and as that one relies on edges and does not say what it waits for, so that the master's poll(2), which
//! tells of levels, would return at once again and again: what it would save here is less than both would add.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use crate::net::stream::{Socket, Stream};
use crate::telemetry::stats::{Form, HEAD_BYTES_MAX, Request, Told};

/// A connection to a reader.
pub(super) struct Connection {
    socket: Socket,
    began: Instant,
    /// When its present state is over, whatever came of it.
    pub(super) until: Instant,
    state: State,
}

enum State {
    /// What it wants is read, or that it says nothing.
    Asking(Vec<u8>),
    /// The answer, and how much of it is sent.
    Answering(Vec<u8>, usize),
    /// All is said; what it still sends is read, so that the close is no reset, which would overtake the answer.
    /// So many bytes more.
    Draining(usize),
}

impl Connection {
    pub(super) fn new(socket: Socket, now: Instant) -> Self {
        Connection { socket, began: now, until: now + SILENCE_TIME_MAX, state: State::Asking(Vec::new()) }
    }

    /// What is waited for.
    pub(super) fn waits_for(&self) -> (BorrowedFd<'_>, PollFlags) {
        let flags = match self.state {
            State::Answering(..) => PollFlags::POLLOUT,
            State::Asking(_) | State::Draining(_) => PollFlags::POLLIN,
        };
        (self.socket.as_fd(), flags)
    }

    /// Goes as far as it can without waiting. Returns whether it goes on later.
    pub(super) fn go_on(&mut self, now: Instant, values: &mut dyn FnMut(Form) -> Told) -> bool {
        let mut piece = [0; 4 << 10];
        loop {
            match &mut self.state {
                State::Asking(bytes) => match self.socket.read(&mut piece) {
                    Ok(read) => {
                        bytes.extend_from_slice(&piece[..read]);
                        match Request::by(bytes) {
                            Request::Begun if read == 0 => return false,
                            Request::Begun => self.until = self.began + HEAD_TIME_MAX,
                            asked => self.answer(asked, now, values),
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock && now >= self.until => {
                        let asked = Request::by(bytes);
                        self.answer(asked, now, values);
                    }
                    Err(error) => return is_passing(&error),
                },
                State::Answering(bytes, sent) => match self.socket.write(&bytes[*sent..]) {
                    Ok(0) => return false,
                    Ok(written) if *sent + written < bytes.len() => *sent += written,
                    Ok(_) => {
                        if self.socket.shutdown_write().is_err() {
                            return false;
                        }
                        self.state = State::Draining(HEAD_BYTES_MAX);
                        self.until = now + DRAIN_TIME_MAX;
                    }
                    Err(error) => return is_passing(&error) && now < self.until,
                },
                State::Draining(left) => match self.socket.read(&mut piece) {
                    Ok(read) if read > 0 && read <= *left => *left -= read,
                    Ok(_) => return false,
                    Err(error) => return is_passing(&error) && now < self.until,
                },
            }
        }
    }

    fn answer(&mut self, asked: Request, now: Instant, values: &mut dyn FnMut(Form) -> Told) {
        self.state = State::Answering(asked.response(values), 0);
        self.until = now + ANSWER_TIME_MAX;
    }
}

fn is_passing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// A reader that says nothing for so long is one of uWSGI's, which only reads. An HTTP client sends its request with
/// the connection; so much is for a busy machine and a network.
const SILENCE_TIME_MAX: Duration = Duration::from_millis(200);
/// Time for a request's head: Prometheus gives up after 10 s by default, and the request is its first packet.
const HEAD_TIME_MAX: Duration = Duration::from_secs(2);
/// Time for the answer to be taken: some hundred KiB at most, so only a reader that does not read needs it.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for the reader to close; it has seen the end.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);
