//! What comes from the peer: requests, what it says while one is answered, and what is read only to be dropped.

use std::io::{self, ErrorKind};
use std::sync::Once;

use bytes::{Buf, Bytes};
use log::{debug, warn};

use super::state::State;
use super::{Connection, Context, Step};
use crate::net::stream::{Arrived, Stream};
use crate::protocol::{Phase, Received};
use crate::telemetry::observer::Event;

/// What is known of the socket's receiving side without asking it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadSide {
    /// There may be bytes.
    Unknown,
    /// The last read took all that there was: what comes is told by an event.
    Drained,
    /// The peer will send no more: behind the last byte is the end, of which no other event tells.
    Ending,
}

impl<S: Stream> Connection<S> {
    pub(super) fn receive(&mut self, cx: &mut Context<'_>) -> Step {
        if !self.unread.is_empty() {
            let mut unread = std::mem::take(&mut self.unread);
            let (step, left) = self.take_in(&unread, cx);
            unread.advance(unread.len() - left);
            self.unread = unread;
            self.take_unless_answering(cx);
            return step;
        }
        if self.read_side == ReadSide::Drained {
            return Step::Blocked;
        }
        if let Some(step) = self.receive_in_place(cx) {
            return step;
        }
        let scratch = std::mem::take(&mut cx.scratch);
        let arrived = self.read_request(scratch);
        let step = match self.noting(arrived) {
            Ok(read @ 1..) => {
                let (step, left) = self.take_in(&scratch[..read], cx);
                self.unread = Bytes::copy_from_slice(&scratch[read - left..read]);
                step
            }
            nothing => self.nothing_came(nothing),
        };
        cx.scratch = scratch;
        self.take_unless_answering(cx);
        step
    }

    /// Reads the next bytes of a long body into their place, where it has one: a copy is saved.
    fn receive_in_place(&mut self, cx: &mut Context<'_>) -> Option<Step> {
        // What may be the last of it is left in the socket.
        if self.protocol.body_missing() <= cx.scratch.len() as u64 {
            return None;
        }
        let room = self.protocol.body_room(&cx.intake())?;
        let arrived = self.stream.receive(room);
        if let Ok(Arrived { bytes, .. }) = arrived
            && cx.runner.may_pass_on()
        {
            self.received.add(&room[..bytes]);
        }
        Some(match self.noting(arrived) {
            Ok(read @ 1..) => {
                self.protocol.body_filled(read);
                cx.observers.tell(self.id, Event::Received { peer: &self.peer, bytes: read });
                Step::Progress
            }
            nothing => self.nothing_came(nothing),
        })
    }

    /// What a read comes to that has brought nothing of a request.
    fn nothing_came(&self, read: io::Result<usize>) -> Step {
        let error = match read {
            Ok(_) => {
                match self.protocol.phase() {
                    Phase::Idle => debug!("{}: closed by the peer, with no request", self.peer),
                    Phase::Head => debug!("{}: closed by the peer within a request's head", self.peer),
                    Phase::Body { received } => {
                        debug!(
                            "{}: closed by the peer after {received} bytes of a request's body",
                            self.peer
                        );
                    }
                }
                return Step::Closed;
            }
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::WouldBlock => Step::Blocked,
            ErrorKind::Interrupted => Step::Progress,
            _ => {
                debug!("{}: {error}, before a request was complete", self.peer);
                Step::Closed
            }
        }
    }

    /// Gives `bytes` to the protocol; returns how many are left of them, for the next request.
    pub(super) fn take_in(&mut self, mut bytes: &[u8], cx: &mut Context<'_>) -> (Step, usize) {
        cx.observers.tell(self.id, Event::Received { peer: &self.peer, bytes: bytes.len() });
        let mut step = Step::Progress;
        let all = bytes;
        if cx.runner.may_pass_on() && self.protocol.phase() == Phase::Idle {
            // A header of the connection's own stands before its first request, and the next ones lack it.
            let (has_preamble, is_first) = (self.protocol.has_preamble(), self.sent == 0);
            if !(has_preamble && is_first) || self.received.is_empty() {
                self.received.begin(has_preamble && !is_first);
            }
        }
        let received = self.protocol.receive_with(&mut bytes, &mut self.outbox.before, &cx.intake());
        if cx.runner.may_pass_on() {
            self.received.add(&all[..all.len() - bytes.len()]);
        }
        match received {
            Ok(Received::More) => {}
            Ok(Received::Request(environ)) => {
                if let Some(warning) = self.protocol.warning() {
                    WARNED.call_once(|| warn!("{}: {warning}", self.peer));
                }
                self.respond(environ, cx);
            }
            Ok(Received::Answered(persistence) | Received::Aborted(persistence)) => {
                self.stage.finish(persistence);
            }
            Err(error) => step = self.decode_error(error, cx),
        }
        (step, bytes.len())
    }

    /// Whether there may be something that the peer says of the request that is answered.
    pub(super) fn reads_while_responding(&self) -> bool {
        matches!(self.stage.state(), State::Responding(_))
            && self.protocol.reads_while_responding()
            && (!self.unread.is_empty() || self.read_side == ReadSide::Unknown)
    }

    /// Takes in what a peer says while its request is answered: first what arrived with the request. What the
    /// protocol answers to that stands behind the piece that is on its way.
    pub(super) fn read_while_responding(&mut self, cx: &mut Context<'_>) -> Step {
        let mut arrived = std::mem::take(&mut self.unread);
        if arrived.is_empty() {
            let read = self.stream.receive(cx.scratch);
            arrived = match self.noting(read) {
                Ok(read) if read > 0 => Bytes::copy_from_slice(&cx.scratch[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.read_side = ReadSide::Drained;
                    return Step::Progress;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => return Step::Progress,
                ended => {
                    self.gone(cx, ended.err().unwrap_or_else(|| ErrorKind::ConnectionReset.into()));
                    return Step::Closed;
                }
            };
        }
        let mut bytes = &arrived[..];
        let received = self.protocol.receive_with(&mut bytes, &mut self.outbox.after, &cx.intake());
        self.unread = arrived.slice(arrived.len() - bytes.len()..);
        match received {
            Ok(Received::Aborted(persistence)) => {
                debug!("{}: {}: taken back by the peer", self.peer, self.request_line());
                self.report(cx, false);
                self.let_go(cx);
                self.stage.take_back(persistence);
                Step::Progress
            }
            Ok(_) if self.outbox.after.len() > ANSWERS_BYTES_MAX => {
                self.break_off("the peer asks and does not read", cx);
                Step::Closed
            }
            Ok(_) => Step::Progress,
            Err(error) => {
                self.break_off(&error.to_string(), cx);
                Step::Closed
            }
        }
    }

    /// Keeps in mind whether there may be more behind what was read.
    pub(super) fn noting(&mut self, arrived: io::Result<Arrived>) -> io::Result<usize> {
        let Arrived { bytes, may_be_more } = arrived?;
        if !may_be_more && self.read_side == ReadSide::Unknown {
            self.read_side = ReadSide::Drained;
        }
        Ok(bytes)
    }

    /// Whether bytes have arrived that will not be read. The socket is asked only where that is not known.
    pub(super) fn holds_unread(&mut self, cx: &mut Context<'_>) -> bool {
        if self.read_side == ReadSide::Drained {
            return false;
        }
        match self.stream.receive(cx.scratch) {
            Ok(read) => read.bytes > 0,
            Err(error) => error.kind() == ErrorKind::Interrupted,
        }
    }

    pub(super) fn drain(&mut self, cx: &mut Context<'_>) -> Step {
        if self.read_side == ReadSide::Drained {
            return Step::Blocked;
        }
        match self.stream.receive(cx.scratch) {
            Ok(Arrived { bytes: 0, .. }) => Step::Closed,
            Ok(_) => Step::Progress,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Blocked,
            Err(error) if error.kind() == ErrorKind::Interrupted => Step::Progress,
            Err(_) => Step::Closed,
        }
    }
}

/// Whether a warning of the protocol was told: it is a front end's configuration that wants a change, and each request has it.
static WARNED: Once = Once::new();

/// What a peer can be owed beside its response, bytes: answers to what it asks meanwhile. Front ends ask nothing.
const ANSWERS_BYTES_MAX: usize = 64 << 10;
