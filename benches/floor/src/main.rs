//! The floor: what answering costs when there is nothing to decide.
//!
//! A bare epoll loop with a constant answer. It parses nothing (a readable connection counts as a
//! full request) and spends accept4, recv, send and close per request; epoll_wait, and the accept
//! that finds no connection, are shared by all that is pending. No server of one-request connections can
//! do with less, so this is what the others are measured against.
//!
//!     floor ADDRESS [--keep-alive]
//!
//! ADDRESS is a unix socket's path or IP:PORT. With `--keep-alive` a connection stays after its answer, so that a
//! request costs recv and send alone: the floor for HTTP.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, accept_with,
    bind, listen, recv, send, socket_with, sockopt,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 13\r\n\
    \r\n\
    Hello, World\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (address, kept) = match arguments[..] {
        [address] => (address, false),
        [address, "--keep-alive"] => (address, true),
        _ => {
            eprintln!("usage: floor ADDRESS [--keep-alive]");
            return ExitCode::FAILURE;
        }
    };
    match Floor::new(address, kept).and_then(Floor::run) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("floor: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A connection that has to wait. One that need not is never stored.
struct Connection {
    socket: OwnedFd,
    /// How much of the answer is out; `None` while the request has not come.
    sent: Option<usize>,
    /// What epoll tells of it, if it had to wait before.
    wish: Option<EventFlags>,
}

struct Floor {
    epoll: OwnedFd,
    listener: OwnedFd,
    /// Whether a connection stays after its answer.
    kept: bool,
    /// Those that wait, by their descriptor's number.
    waiting: Vec<Option<Connection>>,
    /// Requests are read into it and forgotten.
    scratch: Vec<u8>,
}

impl Floor {
    fn new(address: &str, kept: bool) -> io::Result<Floor> {
        let floor = Floor {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            listener: listener(address)?,
            kept,
            waiting: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES],
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
        loop {
            match accept_with(&self.listener, FLAGS) {
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
        while sent < ANSWER.len() {
            match send(&connection.socket, &ANSWER[sent..], SendFlags::NOSIGNAL) {
                Ok(length) => sent += length,
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

/// A socket file left behind by an earlier run is replaced.
fn listener(address: &str) -> io::Result<OwnedFd> {
    let (family, at): (_, SocketAddrAny) = if address.contains('/') {
        match fs::remove_file(address) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (AddressFamily::UNIX, SocketAddrUnix::new(address)?.into()),
        }
    } else {
        let at: SocketAddr = address.parse().map_err(io::Error::other)?;
        (if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }, at.into())
    };
    let socket = socket_with(family, SocketType::STREAM, FLAGS, None)?;
    if family != AddressFamily::UNIX {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &at)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
/// More connections than any part of the bench leaves waiting.
const BACKLOG: i32 = 4096;
/// More than any request of the bench.
const SCRATCH_BYTES: usize = 64 << 10;
