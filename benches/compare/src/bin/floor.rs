//! The floor: what answering costs when there is nothing to decide.
//!
//! A bare epoll loop with a constant answer. It parses nothing (a readable connection counts as a
//! full request) and spends accept4, recv, send and close per request; epoll_wait, and the accept
//! that finds no connection, are shared by all that is pending. No server of one-request connections can
//! do with less, so this is what the others are measured against.
//!
//!     floor ADDRESS [--stream BYTES | --keep-alive]
//!
//! With `--stream` every answer has a body of BYTES bytes, written 64 KiB at a time from one
//! buffer as the socket allows. With `--keep-alive` a connection stays after its answer, so that a
//! request costs recv and send alone: the floor for HTTP.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};

use tidegate_compare::address::Address;
use tidegate_compare::idle::raise_descriptor_limit;

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 13\r\n\
    \r\n\
    Hello, World\n";

/// What one write of a stream offers the socket.
const CHUNK: usize = 64 << 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let kept = matches!(arguments[..], [_, "--keep-alive"]);
    let answer = match arguments[..] {
        [_] | [_, "--keep-alive"] => Some(Answer::hello()),
        [_, "--stream", bytes] => bytes.parse().ok().map(Answer::stream),
        _ => None,
    };
    let Some(answer) = answer else {
        eprintln!("usage: floor ADDRESS [--stream BYTES | --keep-alive]");
        return ExitCode::FAILURE;
    };
    let end = (arguments[0].parse()).and_then(|address| Floor::new(&address, answer, kept)?.run());
    match end {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The same bytes for every request.
struct Answer {
    /// A head, then the body's start: all of it, or one chunk that is sent again and again.
    bytes: Vec<u8>,
    head: usize,
    /// Of head and body together.
    length: u64,
}

impl Answer {
    fn hello() -> Answer {
        Answer { bytes: HELLO.to_vec(), head: HELLO.len(), length: HELLO.len() as u64 }
    }

    fn stream(body: u64) -> Answer {
        let mut bytes =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {body}\r\n\r\n")
                .into_bytes();
        let head = bytes.len();
        bytes.resize(head + CHUNK, b'.');
        Answer { bytes, head, length: head as u64 + body }
    }

    /// What to write when `sent` bytes are out: the rest of the chunk that stands there.
    fn after(&self, sent: u64) -> &[u8] {
        let head = self.head as u64;
        let start =
            if sent < head { sent as usize } else { self.head + ((sent - head) % CHUNK as u64) as usize };
        let rest = usize::try_from(self.length - sent).unwrap_or(usize::MAX);
        &self.bytes[start..self.bytes.len().min(start.saturating_add(rest))]
    }
}

/// A connection that has to wait. One that need not is never stored.
struct Connection {
    socket: OwnedFd,
    /// None while the request has not come; then how much of the answer is out.
    sent: Option<u64>,
    /// What epoll tells of it, if it had to wait before.
    wish: Option<EventFlags>,
}

struct Floor {
    epoll: OwnedFd,
    listener: OwnedFd,
    answer: Answer,
    /// Whether a connection stays after its answer.
    kept: bool,
    /// Those that wait, by their descriptor's number.
    waiting: Vec<Option<Connection>>,
    /// Requests are read into it and forgotten.
    scratch: Vec<u8>,
}

impl Floor {
    fn new(address: &Address, answer: Answer, kept: bool) -> io::Result<Floor> {
        raise_descriptor_limit()?;
        let floor = Floor {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            listener: address.listen()?,
            answer,
            kept,
            waiting: Vec::new(),
            scratch: vec![0; CHUNK],
        };
        let token = EventData::new_u64(floor.listener.as_raw_fd() as u64);
        epoll::add(&floor.epoll, &floor.listener, token, EventFlags::IN)?;
        Ok(floor)
    }

    fn run(mut self) -> io::Result<Infallible> {
        let listener = self.listener.as_raw_fd() as usize;
        let mut events = Vec::with_capacity(1024);
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                // A tracer has come or gone.
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let mut arrivals = false;
            for event in events.drain(..) {
                let token = { event.data }.u64() as usize;
                if token == listener {
                    arrivals = true;
                } else if let Some(connection) = self.waiting[token].take() {
                    self.advance(connection)?;
                }
            }
            if arrivals {
                self.accept_all()?;
            }
        }
    }

    fn accept_all(&mut self) -> io::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        loop {
            match accept_with(&self.listener, flags) {
                Ok(socket) => self.advance(Connection { socket, sent: None, wish: None })?,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads, then writes, as far as the socket lets it; dropping the connection closes it.
    fn advance(&mut self, mut connection: Connection) -> io::Result<()> {
        if connection.sent.is_none() {
            match recv(&connection.socket, &mut self.scratch[..], RecvFlags::empty()) {
                Ok((0, _)) => return Ok(()),
                Ok(_) => connection.sent = Some(0),
                Err(Errno::AGAIN) => return self.wait(connection, EventFlags::IN),
                Err(_) => return Ok(()),
            }
        }
        let mut sent = connection.sent.unwrap_or(0);
        while sent < self.answer.length {
            let bytes = self.answer.after(sent);
            match send(&connection.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(length) => sent += length as u64,
                Err(Errno::AGAIN) => {
                    connection.sent = Some(sent);
                    return self.wait(connection, EventFlags::OUT);
                }
                Err(_) => return Ok(()),
            }
        }
        if self.kept {
            connection.sent = None;
            return self.wait(connection, EventFlags::IN);
        }
        Ok(())
    }

    fn wait(&mut self, mut connection: Connection, mut wish: EventFlags) -> io::Result<()> {
        // A connection that stays has been read empty: it need not be looked at until more comes.
        wish.set(EventFlags::ET, self.kept);
        let number = connection.socket.as_raw_fd() as usize;
        let token = EventData::new_u64(number as u64);
        match connection.wish.replace(wish) {
            None => epoll::add(&self.epoll, &connection.socket, token, wish)?,
            Some(known) if known != wish => epoll::modify(&self.epoll, &connection.socket, token, wish)?,
            Some(_) => {}
        }
        if self.waiting.len() <= number {
            self.waiting.resize_with(number + 1, || None);
        }
        self.waiting[number] = Some(connection);
        Ok(())
    }
}
