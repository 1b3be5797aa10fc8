//! Requests that wait here for a thread, while another worker has one that is idle: they are passed on to it.
//!
//! A connection goes with the bytes that have come of its request, and the worker that takes it decodes them again. So
//! nothing of what a protocol has in hand has to be written down.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, OwnedFd};

use byteorder::{ByteOrder, LittleEndian};
use log::{debug, warn};
use mio::{Registry, Token};
use rustix::event::epoll::{self, EventData, EventFlags};

use super::super::event_loop::{Entry, EventLoop};
use super::super::token;
use crate::connection::{Connection, Passed};
use crate::net::relay::{MESSAGE_BYTES_MAX, Relay};
use crate::net::stream::Socket;
use crate::telemetry::observer::Note;

/// The relay in the loop.
pub(in crate::worker) struct Passing {
    relay: Relay,
    registered: bool,
    /// Something may lie there. Readiness is edge-triggered.
    ready: bool,
    buffer: Vec<u8>,
}

impl Passing {
    pub(in crate::worker) fn new(relay: Relay) -> Self {
        Passing { relay, registered: false, ready: true, buffer: Vec::new() }
    }

    /// An event came.
    pub(in crate::worker) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Has the poller tell of what lies there, or no longer: whether it `can` be taken. It tells one of the workers.
    fn watch(&mut self, registry: &Registry, can: bool) -> io::Result<()> {
        if can == self.registered {
            return Ok(());
        }
        self.registered = can;
        if !can {
            return Ok(epoll::delete(registry, &self.relay)?);
        }
        self.ready = true;
        let flags = EventFlags::IN | EventFlags::ET | EventFlags::EXCLUSIVE;
        Ok(epoll::add(registry, &self.relay, EventData::new_u64(token::RELAY.0 as u64), flags)?)
    }
}

impl EventLoop {
    /// Whether the loop is to look at once for what others have passed on.
    pub(in crate::worker) fn may_take_over(&self) -> bool {
        self.passing.as_ref().is_some_and(|passing| passing.ready) && self.wants_passed()
    }

    /// Whether a request of another worker's would find a thread here; or nowhere else: the worker that it was meant for has
    /// none any more. Then it waits here, where its time is counted, and is not overtaken by all that comes later.
    fn wants_passed(&self) -> bool {
        !self.acceptors.is_empty() && self.can_accept() && self.has_thread()
    }

    pub(in crate::worker) fn watch_relay(&mut self) -> io::Result<()> {
        let can = self.wants_passed();
        match &mut self.passing {
            Some(passing) => passing.watch(&self.registry, can),
            None => Ok(()),
        }
    }

    /// Takes over one connection that another worker has passed on; returns whether there may be more.
    pub(in crate::worker) fn take_over(&mut self) -> bool {
        if !self.may_take_over() {
            return false;
        }
        let Some(passing) = &mut self.passing else { return false };
        passing.buffer.resize(MESSAGE_BYTES_MAX, 0);
        match passing.relay.take(&mut passing.buffer) {
            Ok((socket, bytes)) => {
                let message = passing.buffer[..bytes].to_vec();
                self.take_up(socket, &message);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                passing.ready = false;
                false
            }
            Err(error) => {
                warn!("a connection that was passed on cannot be taken over: {error}");
                false
            }
        }
    }

    fn take_up(&mut self, socket: OwnedFd, message: &[u8]) {
        let Some((head, bytes)) = message.split_first_chunk::<HEAD_BYTES>() else { return };
        let PassedHead { listener, sent, held } = PassedHead::from_bytes(head);
        let listener = usize::from(listener);
        let Some(acceptor) = self.acceptors.get(listener) else { return };
        let (socket, peer) = match Socket::passed(socket) {
            Ok(known) => known,
            Err(error) => return debug!("a connection that was passed on is gone: {error}"),
        };
        let protocol = acceptor.protocol(&peer);
        self.accepted += 1;
        let passed = Passed { bytes: bytes.to_vec(), sent: sent.into(), held: held as usize };
        let connection = Connection::taken_over(self.accepted, socket, peer, protocol, passed);
        let key = self.connections.vacant_key();
        let token = token::of_connection(key, self.accepted);
        self.connections.insert(Entry::new(connection, token, listener));
        self.resources.note(Note::TakenOver);
        self.resources.note(Note::Keeps(listener));
        self.turn(key, &mut None, Connection::advance);
    }

    /// Passes the requests on that wait for a thread, as long as another worker has one that is idle.
    pub(in crate::worker) fn pass_on(&mut self) {
        let mut idle = if self.threads.waiting.is_empty() { 0 } else { self.idle_elsewhere() };
        while idle > 0
            && let Some(at) =
                self.threads.waiting.iter().position(|waiting| self.can_be_passed(waiting.connection))
        {
            let connection = self.threads.waiting[at].connection;
            if let Err(error) = self.pass(connection) {
                if error.kind() != ErrorKind::WouldBlock {
                    warn!("a connection cannot be passed on: {error}");
                }
                return;
            }
            idle -= 1;
        }
    }

    /// Threads of other workers that have nothing to do, a count; any number, where this worker is to be replaced.
    pub(in crate::worker) fn idle_elsewhere(&self) -> usize {
        match &self.resources.recorder {
            Some(_) if self.passing.is_none() => 0,
            Some(_) if self.is_to_be_replaced() => usize::MAX,
            Some(recorder) => recorder.idle_elsewhere(),
            None => 0,
        }
    }

    fn can_be_passed(&self, connection: Token) -> bool {
        let entry = self.key(connection).and_then(|key| self.connections.get(key));
        entry.is_some_and(|entry| entry.connection.can_be_passed(MESSAGE_BYTES_MAX - HEAD_BYTES))
    }

    fn pass(&mut self, token: Token) -> io::Result<()> {
        let (Some(key), Some(passing)) = (self.key(token), &self.passing) else { return Ok(()) };
        let entry = &mut self.connections[key];
        let Passed { bytes, sent, held } = entry.connection.passed();
        let head = PassedHead {
            listener: u16::try_from(entry.listener).unwrap_or(u16::MAX),
            sent: u32::try_from(sent).unwrap_or(u32::MAX),
            held: u32::try_from(held).expect("what is held is among the bytes that are passed on"),
        };
        passing.relay.give(
            &[IoSlice::new(&head.to_bytes()), IoSlice::new(&bytes)],
            entry.connection.stream().as_fd(),
        )?;
        self.forget(token);
        let mut entry = self.connections.remove(key);
        if let Err(error) = self.registry.deregister(entry.connection.stream())
            && error.kind() != ErrorKind::NotFound
        {
            warn!("a connection that is passed on cannot be taken out of the poller: {error}");
        }
        self.resources.note(Note::LetsGo(entry.listener));
        self.resources.note(Note::PassedOn);
        let runner = self.threads.asking_for(token);
        self.resources.lend(runner, |cx| entry.connection.leave(cx)).leave_to_other();
        Ok(())
    }
}

/// What stands before the bytes.
struct PassedHead {
    /// The listener's place.
    listener: u16,
    /// Bytes that were sent before on the connection.
    sent: u32,
    /// How many of the bytes are still in the socket.
    held: u32,
}

impl PassedHead {
    fn to_bytes(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        LittleEndian::write_u16(&mut bytes[..2], self.listener);
        LittleEndian::write_u32(&mut bytes[2..6], self.sent);
        LittleEndian::write_u32(&mut bytes[6..], self.held);
        bytes
    }

    fn from_bytes(bytes: &[u8; HEAD_BYTES]) -> Self {
        PassedHead {
            listener: LittleEndian::read_u16(&bytes[..2]),
            sent: LittleEndian::read_u32(&bytes[2..6]),
            held: LittleEndian::read_u32(&bytes[6..]),
        }
    }
}

const HEAD_BYTES: usize = 10;
