//! One connection's state machine: **flush what is owed; else pull the next chunk; else read.**
//!
//! A state holds exactly the data that exists in it. Every step ends Progress, Blocked or Closed; every turn ends
//! Blocked (an event will come), Yielded (none will: the worker must call again) or Closed. A fourth way out
//! would be a stall: readiness is edge-triggered, and nothing more is promised until a call would block.
//!
//! ```text
//! Receiving ── request ──► Responding ── last piece ──► Finished ── flushed ──► closed, or Draining, or Receiving
//!     └────── refusal ───────────────────────────────► Finished ── flushed ──► Draining ──► closed
//! ```
//!
//! Bytes that arrive for a socket that is closed, or that it holds unread, make the close a reset, which takes away what
//! of the response is still on its way. So a connection whose response may not have arrived drains: it says that nothing
//! more will be sent, and reads until the peer closes (RFC 9112 section 9.6).

pub(crate) mod abort_reply;
mod context;
mod endings;
mod exchange;
mod outbox;
mod reading;
mod waiting;

use std::io::ErrorKind;
use std::time::Instant;

use bytes::Bytes;
use log::{debug, warn};

use crate::application::Application;
use crate::application::environ::Environ;
pub use crate::application::hang_up::HangUpProbe;
use crate::connection::exchange::{Exchange, Piece};
use crate::connection::outbox::Outbox;
use crate::net::stream::Peer;
pub use crate::net::stream::{Arrived, Stream};
use crate::protocol::{Persistence, Phase, Protocol};
use crate::telemetry::observer::Event;
pub use context::Context;
use reading::ReadSide;
use waiting::Waiting;

/// A peer, what is being done for it, and what it is owed.
pub struct Connection<S> {
    /// A number that no other connection of this worker has.
    id: u64,
    stream: S,
    peer: Peer,
    protocol: Protocol,
    state: State,
    outbox: Outbox,
    /// Bytes that arrived behind a request, for the next one.
    unread: Bytes,
    read_side: ReadSide,
    /// When waiting for the peer ends; `None` until it is first waited for in this state.
    deadline: Option<Instant>,
    /// Bytes that the peer's socket has taken of all responses.
    sent: u64,
    tally: ResponseTally,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The socket would block: an event will come.
    Blocked,
    /// There is more to do at once, and the others are to have their turn first.
    Yielded,
    /// It is over; the connection is to be dropped.
    Closed,
}

enum State {
    /// What is missing, the protocol knows.
    Receiving { waiting: Waiting },
    /// The application answers. `pending` is what of its last piece is still to be framed; `empty_since` is when the
    /// body began to give nothing but empty chunks.
    Responding { exchange: Exchange, pending: Piece, empty_since: Option<Instant> },
    /// The last byte is in the outbox; what follows once it is flushed. The exchange, if there was one, ends then:
    /// the last chunk is the body's until it is written, and close() keeps no client waiting.
    Finished { next: Next, exchange: Option<Exchange> },
    /// Answered for the last time, or refused: what the peer still sends is read and dropped, so that it reads ours.
    Draining,
}

#[derive(Clone, Copy)]
enum Next {
    Close,
    Receive,
    Drain,
}

impl From<Persistence> for Next {
    fn from(persistence: Persistence) -> Self {
        match persistence {
            Persistence::Close => Next::Close,
            Persistence::KeepAlive => Next::Receive,
        }
    }
}

enum Step {
    Progress,
    Blocked,
    Closed,
}

/// What is said of the current request when it is over.
#[derive(Default)]
struct ResponseTally {
    code: u16,
    bytes: u64,
}

impl<S: Stream> Connection<S> {
    /// A fresh connection.
    pub fn new(id: u64, stream: S, peer: Peer, protocol: Protocol) -> Self {
        Connection {
            id,
            stream,
            peer,
            protocol,
            state: State::Receiving { waiting: Waiting::First },
            outbox: Outbox::default(),
            unread: Bytes::new(),
            read_side: ReadSide::Unknown,
            deadline: None,
            sent: 0,
            tally: ResponseTally::default(),
        }
    }

    /// The socket, for the poller.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// When the peer's time is over.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether no byte of a request has arrived: nothing is lost if it is closed.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Receiving { .. })
            && self.protocol.phase() == Phase::Idle
            && self.unread.is_empty()
            && self.outbox.is_empty()
    }

    /// Whether it can give its place to another, as it waits for no more than another request, or for the peer's close.
    pub fn gives_way(&self) -> bool {
        match self.state {
            State::Receiving { waiting: Waiting::Next } => self.is_idle(),
            State::Draining => true,
            _ => false,
        }
    }

    /// Whether it was answered for the last time, and waits for the peer's close.
    pub fn is_draining(&self) -> bool {
        matches!(self.state, State::Draining)
    }

    /// How much of a request's body has arrived, bytes.
    pub fn body_received(&self) -> u64 {
        match self.protocol.phase() {
            Phase::Body { received } => received,
            Phase::Idle | Phase::Head => 0,
        }
    }

    /// Whether it waits for its first request, or for the rest of a request with a body.
    pub fn is_fresh(&self) -> bool {
        matches!(self.state, State::Receiving { waiting: Waiting::First | Waiting::Body(_) })
    }

    /// Waits for the peer no longer than until `deadline`.
    pub fn shorten_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(self.deadline.map_or(deadline, |current| current.min(deadline)));
    }

    /// Does what can be done without waiting, up to the budget of a turn.
    pub fn advance<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Turn {
        let mut moved = false;
        for _ in 0..cx.limits.steps_per_turn_max {
            // What the peer says is read though it does not read; only what it reads lengthens its time.
            let reads = self.reads_while_responding();
            match if reads { self.read_while_responding(cx) } else { self.step(cx) } {
                Step::Progress => moved |= !reads,
                Step::Blocked => {
                    self.wait(moved, cx);
                    return Turn::Blocked;
                }
                Step::Closed => return self.closed(cx),
            }
        }
        self.wait(moved, cx);
        Turn::Yielded
    }

    /// The peer has closed its side, at least for sending. If the application is making a response for a client
    /// that is gone, that ends here, and the body is closed.
    pub fn hang_up<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Turn {
        self.read_side = ReadSide::Ending;
        if matches!(self.state, State::Responding { .. }) && self.protocol.half_close_is_hang_up() {
            self.gone(cx, ErrorKind::ConnectionReset.into());
            return self.closed(cx);
        }
        self.advance(cx)
    }

    /// Another connection is to have its place, unless it has a request by now.
    pub fn make_room<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Turn {
        let sent = self.sent;
        match self.readable(cx) {
            // One that has just been answered is not silent.
            Turn::Blocked if self.gives_way() && self.sent == sent => {
                debug!("{}: closed: a newcomer has its place", self.peer);
                self.closed(cx)
            }
            turn => turn,
        }
    }

    /// The server has no more time for it: what is unfinished is seen to be broken off.
    pub fn abandon<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Turn {
        if matches!(self.state, State::Responding { .. } | State::Finished { .. }) {
            self.stream.reset_on_close();
            self.report(cx, false);
        }
        self.closed(cx)
    }

    /// Bytes have arrived. While a response is made they wait, but where the peer can take its request back.
    pub fn readable<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Turn {
        if self.read_side == ReadSide::Drained {
            self.read_side = ReadSide::Unknown;
        }
        self.advance(cx)
    }

    /// The deadline has passed.
    pub fn expire<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Turn {
        match &self.state {
            State::Receiving { .. } => {
                let what = match self.protocol.phase() {
                    Phase::Idle => {
                        debug!("{}: closed: no request came", self.peer);
                        return self.closed(cx);
                    }
                    Phase::Head => "the request's head did not arrive in time".to_owned(),
                    Phase::Body { received } => {
                        format!("the request's body did not arrive in time ({received} bytes of it did)")
                    }
                };
                self.refuse("408 Request Timeout", &what, cx);
                self.advance(cx)
            }
            State::Responding { .. } | State::Finished { .. } => {
                warn!(
                    "{}: {}: closed: the peer took none of the response for {} s ({} bytes sent)",
                    self.peer,
                    self.request_line(),
                    cx.limits.write_time_max.as_secs(),
                    self.tally.bytes
                );
                self.stream.reset_on_close();
                self.report(cx, false);
                self.closed(cx)
            }
            State::Draining => self.closed(cx),
        }
    }

    fn step<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Step {
        if !self.outbox.is_empty() {
            return self.flush(cx);
        }
        match &self.state {
            State::Receiving { .. } => self.receive(cx),
            State::Responding { .. } => self.pull(cx),
            State::Finished { next, .. } => self.follow(*next, cx),
            State::Draining => self.drain(cx),
        }
    }

    fn flush<A>(&mut self, cx: &mut Context<'_, A>) -> Step {
        let wrote = |parts: &[&[u8]], bytes| cx.tell(self.id, Event::Wrote { parts, bytes });
        match self.outbox.flush(&mut self.stream, wrote) {
            Ok(sent) => {
                self.tally.bytes += sent as u64;
                self.sent += sent as u64;
                Step::Progress
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Blocked,
            Err(error) if error.kind() == ErrorKind::Interrupted => Step::Progress,
            Err(error) => {
                self.gone(cx, error);
                Step::Closed
            }
        }
    }

    fn respond<A: Application>(&mut self, environ: Environ, cx: &mut Context<'_, A>) {
        cx.tell(self.id, Event::Request { packet: &|| self.protocol.describe(), environ: &environ });
        let abort_reply = self.protocol.abort_reply(environ.method() == b"HEAD");
        abort_reply::set(self.stream.abort_descriptor(), abort_reply);
        let hang_up = self.stream.hang_up_probe();
        let (exchange, called) = Exchange::call(cx.application, environ, hang_up, cx.limits);
        abort_reply::set(None, &[]);
        cx.tell(self.id, Event::Returned);
        self.enter(State::Responding { exchange, pending: Piece::default(), empty_since: None });
        if let Err(error) = called {
            self.app_error(&error, cx);
        }
    }

    fn pull<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Step {
        let State::Responding { exchange, pending, empty_since } = &mut self.state else {
            return Step::Progress;
        };
        if cx.stopping {
            self.protocol.disable_keep_alive();
        }
        if pending.data.is_empty() {
            let asks = exchange.asks_application();
            if asks {
                let begun = exchange.is_head_sent();
                let abort_reply = if begun { &[] } else { self.protocol.abort_reply(exchange.head_only) };
                abort_reply::set(self.stream.abort_descriptor(), abort_reply);
                cx.tell(self.id, Event::Step);
            }
            let stepped = exchange.next_piece();
            if asks {
                abort_reply::set(None, &[]);
                cx.tell(self.id, Event::Returned);
            }
            *pending = match stepped {
                Ok(piece) => piece,
                Err(error) => return self.app_error(&error, cx),
            };
            if !pending.is_empty() {
                *empty_since = None;
            } else if let Some(time) = cx.limits.empty_chunks_time_max {
                let now = (cx.clock)();
                if now.saturating_duration_since(*empty_since.get_or_insert(now)) >= time {
                    return self.app_late(time, cx);
                }
            }
        }
        if let Some(head) = pending.head.take() {
            self.tally.code = head.code();
            cx.tell(self.id, Event::Start { head: &head });
            self.protocol.head(&head, cx.date, &mut self.outbox.before);
        }
        let available = pending.data.len();
        if available > 0 {
            let take = self.protocol.chunk(available, &mut self.outbox.before, &mut self.outbox.after);
            match pending.data.split_to(take) {
                Ok(data) => self.outbox.load(data),
                Err(error) => return self.app_error(&error.into(), cx),
            }
        }
        if pending.last && pending.data.is_empty() {
            let persistence = self.protocol.finish(&mut self.outbox.after);
            self.finish(persistence);
        }
        Step::Progress
    }

    fn follow<A>(&mut self, next: Next, cx: &mut Context<'_, A>) -> Step {
        self.report(cx, true);
        match next {
            Next::Close if self.may_close_at_once(cx) => Step::Closed,
            Next::Receive => {
                self.enter(State::Receiving { waiting: Waiting::Next });
                Step::Progress
            }
            Next::Close | Next::Drain => match self.stream.shutdown_write() {
                Ok(()) => {
                    self.unread = Bytes::new();
                    if matches!(next, Next::Drain) && self.read_side == ReadSide::Drained {
                        // A peer that is refused is most likely still sending.
                        self.read_side = ReadSide::Unknown;
                    }
                    self.enter(State::Draining);
                    Step::Progress
                }
                Err(_) => Step::Closed,
            },
        }
    }

    /// Whether a close takes nothing of the response away. All that was sent is on its way, as the first flight of a
    /// connection is, and nothing has arrived, or will, that is not read: a front end has no more to say, and of those
    /// that connect anew for each request the cost is that of their system calls.
    fn may_close_at_once<A>(&mut self, cx: &mut Context<'_, A>) -> bool {
        !self.protocol.peer_may_go_on()
            && self.sent < cx.limits.staged_close_bytes_min
            && self.unread.is_empty()
            && !self.holds_unread(cx)
    }

    fn finish(&mut self, persistence: Persistence) {
        let exchange = match std::mem::replace(&mut self.state, State::Draining) {
            State::Responding { exchange, .. } => Some(exchange),
            _ => None,
        };
        self.enter(State::Finished { next: Next::from(persistence), exchange });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.deadline = None;
    }
}
