//! One connection's state machine: **flush what is owed; else pull the next chunk; else read.**
//!
//! A state holds exactly the data that exists in it. Every step ends Progress, Blocked or Closed; every turn ends
//! Blocked (an event will come), Yielded (none will: the worker must call again) or Closed. A fourth way out
//! would be a stall: readiness is edge-triggered, and nothing more is promised until a call would block.
//!
//! ```text
//! Receiving ── request ──► Responding ── last piece ──► Finished ── flushed ──► closed, or Receiving
//!     └────── refusal ───────────────────────────────► Finished ── flushed ──► Draining ──► closed
//! ```

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use log::{debug, error, info, warn};

use crate::application::{AppError, Application};
use crate::environ::Environ;
use crate::exchange::{Exchange, Piece};
use crate::limits::Limits;
use crate::observer::{Event, Observer, Summary};
use crate::outbox::{Data, Outbox};
use crate::protocol::{DecodeError, Persistence, Phase, Protocol, Received};
use crate::response::ResponseHead;
use crate::stream::{Peer, Stream};
use crate::variables::Ascii;

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
    unread: Vec<u8>,
    /// When waiting for the peer ends; `None` until it is first waited for in this state.
    deadline: Option<Instant>,
    tally: Tally,
}

/// What a connection needs of its worker for one turn.
pub struct Context<'a, A> {
    /// What answers.
    pub application: &'a mut A,
    /// Where bytes are read into; its content means nothing between two reads.
    pub scratch: &'a mut [u8],
    /// The bounds.
    pub limits: &'a Limits,
    /// The worker's clock. It is asked only when a connection begins to wait.
    pub clock: &'a dyn Fn() -> Instant,
    /// Who is told what happens.
    pub observer: Option<&'a mut dyn Observer>,
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
    /// What is missing, the protocol knows. `body_since` is when the body was first waited for.
    Receiving { body_since: Option<Instant> },
    /// The application answers. `pending` is what of its last piece is still to be framed.
    Responding { exchange: Exchange, pending: Piece },
    /// The last byte is in the outbox; what follows once it is flushed.
    Finished(Next),
    /// Refused while the peer still sends: its bytes are read and dropped, so that it reads ours.
    Draining,
}

#[derive(Clone, Copy)]
enum Next {
    Close,
    Receive,
    Drain,
}

enum Step {
    Progress,
    Blocked,
    Closed,
}

/// What is said of the current request when it is over.
#[derive(Default)]
struct Tally {
    /// The method and the target, once the exchange is over.
    request_line: Vec<u8>,
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
            state: State::Receiving { body_since: None },
            outbox: Outbox::default(),
            unread: Vec::new(),
            deadline: None,
            tally: Tally::default(),
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

    /// Waits for the peer no longer than until `deadline`.
    pub fn shorten_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(self.deadline.map_or(deadline, |current| current.min(deadline)));
    }

    /// Does what can be done without waiting, up to the budget of a turn.
    pub fn advance<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Turn {
        let mut moved = false;
        for _ in 0..cx.limits.steps_per_turn_max {
            match self.step(cx) {
                Step::Progress => moved = true,
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
        if matches!(self.state, State::Responding { .. }) && self.protocol.half_close_is_hang_up() {
            self.gone(cx, ErrorKind::ConnectionReset.into());
            return self.closed(cx);
        }
        self.advance(cx)
    }

    /// The server has no more time for it: what is unfinished is seen to be broken off.
    pub fn abandon<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Turn {
        if matches!(self.state, State::Responding { .. } | State::Finished(_)) {
            self.stream.reset_on_close();
            self.report(cx, false);
        }
        self.closed(cx)
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
            State::Responding { .. } | State::Finished(_) => {
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
            State::Finished(next) => self.follow(*next, cx),
            State::Draining => self.drain(cx),
        }
    }

    fn flush<A>(&mut self, cx: &mut Context<'_, A>) -> Step {
        let (id, observer) = (self.id, &mut cx.observer);
        let wrote = |parts: &[&[u8]], bytes| {
            if let Some(observer) = observer {
                observer.observe(id, Event::Wrote { parts, bytes });
            }
        };
        match self.outbox.flush(&mut self.stream, wrote) {
            Ok(sent) => {
                self.tally.bytes += sent as u64;
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

    fn receive<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Step {
        if !self.unread.is_empty() {
            let unread = std::mem::take(&mut self.unread);
            return self.take_in(&unread, cx);
        }
        let scratch = std::mem::take(&mut cx.scratch);
        let step = match self.stream.read(scratch) {
            Ok(0) => {
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
                Step::Closed
            }
            Ok(read) => self.take_in(&scratch[..read], cx),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Blocked,
            Err(error) if error.kind() == ErrorKind::Interrupted => Step::Progress,
            Err(error) => {
                debug!("{}: {error}, before a request was complete", self.peer);
                Step::Closed
            }
        };
        cx.scratch = scratch;
        step
    }

    fn take_in<A: Application>(&mut self, mut bytes: &[u8], cx: &mut Context<'_, A>) -> Step {
        if let Some(observer) = &mut cx.observer {
            observer.observe(self.id, Event::Received { peer: &self.peer, bytes: bytes.len() });
        }
        match self.protocol.receive(&mut bytes, &mut self.outbox.before, cx.limits) {
            Ok(Received::More) => {}
            Ok(Received::Request(environ)) => {
                self.unread.extend_from_slice(bytes);
                self.respond(environ, cx);
            }
            Ok(Received::Answered(persistence)) => self.finish(persistence),
            Err(error) => return self.decode_error(&error, cx),
        }
        Step::Progress
    }

    fn respond<A: Application>(&mut self, environ: Environ, cx: &mut Context<'_, A>) {
        if let Some(observer) = &mut cx.observer {
            let packet = self.protocol.describe();
            observer.observe(self.id, Event::Request { packet, environ: &environ });
        }
        let (exchange, called) = Exchange::call(cx.application, environ, cx.limits);
        self.enter(State::Responding { exchange, pending: Piece::default() });
        if let Err(error) = called {
            self.app_error(&error, cx);
        }
    }

    fn pull<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Step {
        let State::Responding { exchange, pending } = &mut self.state else { return Step::Progress };
        if pending.data.is_empty() {
            *pending = match exchange.next_piece() {
                Ok(piece) => piece,
                Err(error) => return self.app_error(&error, cx),
            };
        }
        if let Some(head) = pending.head.take() {
            self.tally.code = head.code();
            if let Some(observer) = &mut cx.observer {
                observer.observe(self.id, Event::Start { head: &head });
            }
            self.protocol.head(&head, &mut self.outbox.before);
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
            Next::Close => Step::Closed,
            Next::Receive => {
                self.enter(State::Receiving { body_since: None });
                Step::Progress
            }
            Next::Drain => match self.stream.shutdown_write() {
                Ok(()) => {
                    self.enter(State::Draining);
                    Step::Progress
                }
                Err(_) => Step::Closed,
            },
        }
    }

    fn drain<A>(&mut self, cx: &mut Context<'_, A>) -> Step {
        match self.stream.read(cx.scratch) {
            Ok(0) => Step::Closed,
            Ok(_) => Step::Progress,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Blocked,
            Err(error) if error.kind() == ErrorKind::Interrupted => Step::Progress,
            Err(_) => Step::Closed,
        }
    }

    /// The peer's mistake.
    fn decode_error<A>(&mut self, error: &DecodeError, cx: &mut Context<'_, A>) -> Step {
        match error.status() {
            Some(status) => {
                self.refuse(status, &error.to_string(), cx);
                Step::Progress
            }
            None => {
                warn!("{}: refused: {error}", self.peer);
                Step::Closed
            }
        }
    }

    /// Says no, and reads on until the peer has heard it.
    fn refuse<A>(&mut self, status: &str, what: &str, cx: &mut Context<'_, A>) {
        warn!("{}: refused with {status}: {what}", self.peer);
        self.tally.request_line = b"-".to_vec();
        self.answer(status, what, false, cx);
        self.enter(State::Finished(Next::Drain));
    }

    /// The application's mistake: a 500 if nothing was sent, else a response that is seen to be broken off.
    fn app_error<A>(&mut self, error: &AppError, cx: &mut Context<'_, A>) -> Step {
        let State::Responding { exchange, .. } = &mut self.state else { return Step::Closed };
        exchange.close();
        if exchange.is_head_sent() {
            error!(
                "{}: {}: broken off after {} bytes: {error}",
                self.peer,
                Ascii(&exchange.request_line),
                self.tally.bytes
            );
            self.stream.reset_on_close();
            self.report(cx, false);
            return Step::Closed;
        }
        error!("{}: {}: answered with 500: {error}", self.peer, Ascii(&exchange.request_line));
        let head_only = exchange.head_only;
        let persistence = self.answer("500 Internal Server Error", "Internal Server Error", head_only, cx);
        self.finish(persistence);
        Step::Progress
    }

    /// Puts a short answer of the server's own into the outbox.
    fn answer<A>(
        &mut self,
        status: &str,
        text: &str,
        head_only: bool,
        cx: &mut Context<'_, A>,
    ) -> Persistence {
        let text = format!("{text}\n");
        let fields = [("Content-Type", "text/plain; charset=utf-8")];
        let mut head =
            ResponseHead::new(status, fields, usize::MAX).expect("the server's own heads are valid");
        head.set_content_length(text.len() as u64);
        self.tally.code = head.code();
        if let Some(observer) = &mut cx.observer {
            observer.observe(self.id, Event::Start { head: &head });
        }
        self.outbox.clear();
        self.protocol.head(&head, &mut self.outbox.before);
        if !head_only {
            self.protocol.chunk(text.len() as u64, &mut self.outbox.before, &mut self.outbox.after);
            self.outbox.load(Data::Chunk(text.into()));
        }
        self.protocol.finish(&mut self.outbox.after)
    }

    /// The transport's end before the response's.
    fn gone<A>(&mut self, cx: &mut Context<'_, A>, error: io::Error) {
        let (request_line, bytes) = (self.request_line(), self.tally.bytes);
        if error.kind() == ErrorKind::WriteZero {
            error!("{}: {request_line}: broken off after {bytes} bytes: the file became shorter", self.peer);
            self.stream.reset_on_close();
        } else if matches!(self.state, State::Responding { .. }) || self.outbox.has_data() {
            info!("{}: {request_line}: the client hung up after {bytes} bytes", self.peer);
        } else {
            // Front ends close at once when a response has no body, or when they have all of it.
            debug!("{}: {request_line}: {error} behind the response", self.peer);
        }
        self.report(cx, false);
    }

    fn request_line(&self) -> Ascii<'_> {
        match &self.state {
            State::Responding { exchange, .. } => Ascii(&exchange.request_line),
            _ => Ascii(&self.tally.request_line),
        }
    }

    fn finish(&mut self, persistence: Persistence) {
        if let State::Responding { exchange, .. } = &mut self.state {
            self.tally.request_line = std::mem::take(&mut exchange.request_line);
        }
        self.enter(State::Finished(match persistence {
            Persistence::Close => Next::Close,
            Persistence::KeepAlive => Next::Receive,
        }));
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.deadline = None;
    }

    fn report<A>(&mut self, cx: &mut Context<'_, A>, complete: bool) {
        if let Some(observer) = &mut cx.observer {
            let request_line = self.request_line();
            let Tally { code, bytes, .. } = self.tally;
            if !request_line.0.is_empty() {
                let summary = Summary { peer: &self.peer, request_line, code, bytes, complete };
                observer.observe(self.id, Event::Finished(&summary));
            }
        }
        self.tally = Tally::default();
    }

    /// The end, told to who keeps something of this connection.
    fn closed<A>(&self, cx: &mut Context<'_, A>) -> Turn {
        if let Some(observer) = &mut cx.observer {
            observer.observe(self.id, Event::Closed);
        }
        Turn::Closed
    }

    /// Sets until when the peer is waited for.
    fn wait<A>(&mut self, moved: bool, cx: &Context<'_, A>) {
        let limits = cx.limits;
        let deadline = match (&mut self.state, self.protocol.phase()) {
            (State::Receiving { body_since }, Phase::Body { received }) => {
                let since = *body_since.get_or_insert_with(cx.clock);
                let earned = received / limits.body_bytes_per_second_min.max(1);
                since + limits.body_time_max + Duration::from_secs(earned)
            }
            (State::Responding { .. } | State::Finished(_), _) if moved => {
                (cx.clock)() + limits.write_time_max
            }
            _ if self.deadline.is_some() => return,
            (State::Receiving { .. }, _) => (cx.clock)() + limits.head_time_max,
            (State::Responding { .. } | State::Finished(_), _) => (cx.clock)() + limits.write_time_max,
            (State::Draining, _) => (cx.clock)() + limits.drain_time_max,
        };
        self.deadline = Some(deadline);
    }
}
