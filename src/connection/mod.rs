//! One connection's state machine: **flush what is owed; else pull the next chunk; else read.**
//!
//! How it works stands at the top of `state`. Here is what a worker calls, each call a turn, and the step that they share.

pub(crate) mod abort_reply;
mod answer;
mod context;
mod endings;
mod exchange;
mod held;
mod outbox;
mod passing;
mod reading;
#[cfg(feature = "command")]
pub(crate) mod rehearsal;
mod responding;
mod runner;
mod state;
mod waiting;

use std::io::ErrorKind;
use std::time::Instant;

use bytes::Bytes;
use log::{debug, warn};

use crate::application::AppError;
pub use crate::application::body_memory::BodyMemory;
pub use crate::application::hang_up::HangUpProbe;
use crate::connection::answer::Answer;
use crate::connection::outbox::Outbox;
use crate::limits::Limits;
use crate::net::stream::Peer;
pub use crate::net::stream::{Arrived, Stream};
use crate::protocol::{Phase, Protocol};
use crate::telemetry::observer::Event;
pub use context::Context;
use held::Held;
pub(crate) use passing::Passed;
use passing::Received;
use reading::ReadSide;
pub(crate) use runner::Task;
pub use runner::{Call, Inline, Outcome, Place, Ran, Runner, Ticket};
use state::{Stage, State, Waiting};

/// A peer, what is being done for it, and what it is owed.
pub struct Connection<S> {
    /// A number that no other connection of this worker has.
    id: u64,
    stream: S,
    peer: Peer,
    protocol: Protocol,
    stage: Stage,
    outbox: Outbox,
    /// Bytes that arrived behind a request, for the next one.
    unread: Bytes,
    read_side: ReadSide,
    held: Held,
    /// What has come of the request in hand, where it may be passed on.
    received: Received,
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
    head_bytes: u64,
    timed_out: bool,
}

impl<S: Stream> Connection<S> {
    /// A fresh connection.
    pub fn new(id: u64, stream: S, peer: Peer, protocol: Protocol) -> Self {
        let held = Held::of(&stream, &protocol);
        Connection {
            id,
            stream,
            peer,
            protocol,
            stage: Stage::new(),
            outbox: Outbox::default(),
            unread: Bytes::new(),
            read_side: ReadSide::Unknown,
            held,
            received: Received::default(),
            sent: 0,
            tally: ResponseTally::default(),
        }
    }

    /// The number that no other connection of this worker has.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The socket, for the poller.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// When the peer's time is over.
    pub fn deadline(&self) -> Option<Instant> {
        self.stage.deadline()
    }

    /// Whether no byte of a request has arrived: nothing is lost if it is closed.
    pub fn is_idle(&self) -> bool {
        matches!(self.stage.state(), State::Receiving { .. })
            && self.protocol.phase() == Phase::Idle
            && self.unread.is_empty()
            && self.outbox.is_empty()
    }

    /// Whether it can give its place to another, as it waits for no more than another request, or for the peer's close.
    pub fn gives_way(&self) -> bool {
        match self.stage.state() {
            State::Receiving { waiting: Waiting::Next } => self.is_idle(),
            State::Draining => true,
            _ => false,
        }
    }

    /// Whether it was answered for the last time, and waits for the peer's close.
    pub fn is_draining(&self) -> bool {
        matches!(self.stage.state(), State::Draining)
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
        matches!(self.stage.state(), State::Receiving { waiting: Waiting::First | Waiting::Body(_) })
    }

    /// Waits for the peer no longer than until `deadline`.
    pub fn shorten_deadline(&mut self, deadline: Instant) {
        self.stage.wait_until(self.deadline().map_or(deadline, |current| current.min(deadline)));
    }

    /// Does what can be done without waiting, up to the budget of a turn.
    pub fn advance(&mut self, cx: &mut Context<'_>) -> Turn {
        let turn = self.advance_by_steps(cx);
        // A body that has given all keeps no thread, however slow its reader is.
        if cx.runner.holds_thread() && self.stage.answer().is_some_and(|answer| answer.is_complete) {
            self.let_go(cx);
        }
        turn
    }

    fn advance_by_steps(&mut self, cx: &mut Context<'_>) -> Turn {
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

    /// What was asked of the application and ran elsewhere has come. An error has the body that is still to be closed, if
    /// it is open: the request is over.
    pub fn deliver(
        &mut self,
        ticket: Ticket,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) -> Result<Turn, Option<Place>> {
        Ok(match self.take_outcome(ticket, outcome, cx)? {
            Step::Closed => self.closed(cx),
            Step::Progress | Step::Blocked => self.advance(cx),
        })
    }

    /// Asks for more of the body than the peer has taken, so that its thread comes free. Returns whether it could.
    pub fn ask_ahead(&mut self, cx: &mut Context<'_>) -> bool {
        match self.stage.responding() {
            Some(answer) if answer.can_be_asked() && answer.bytes_ahead() < cx.limits.ahead_bytes_max => {
                let open = answer.open;
                open.is_some_and(|place| matches!(self.ask(place, cx), Step::Progress))
            }
            _ => false,
        }
    }

    /// Whether no more can be asked ahead, though there may be more.
    pub(crate) fn is_full_ahead(&self, limits: &Limits) -> bool {
        let is_full =
            |answer: &Answer| answer.can_be_asked() && answer.bytes_ahead() >= limits.ahead_bytes_max;
        self.stage.answer().is_some_and(is_full)
    }

    /// The application has had its time: its client gets a 504, or sees the response broken off.
    pub fn time_out(&mut self, why: &str, cx: &mut Context<'_>) -> Turn {
        self.tally.timed_out = true;
        match self.app_failed(&AppError::new(why), "504 Gateway Timeout", "Gateway Timeout", cx) {
            Step::Closed => self.closed(cx),
            Step::Progress | Step::Blocked => self.advance(cx),
        }
    }

    /// No thread came free for the request in its time.
    pub fn shed(&mut self, why: &str, cx: &mut Context<'_>) -> Turn {
        match self.app_failed(&AppError::new(why), "503 Service Unavailable", "Service Unavailable", cx) {
            Step::Closed => self.closed(cx),
            Step::Progress | Step::Blocked => self.advance(cx),
        }
    }

    /// The peer has closed its side before the application was called: nobody waits for the answer any more.
    pub(crate) fn give_up(&mut self, cx: &mut Context<'_>) -> Turn {
        self.gone(cx, ErrorKind::ConnectionReset.into());
        self.closed(cx)
    }

    /// Closes the stream, and behind it the body that is still open. `runner` is the one that opened it.
    pub fn end(mut self, runner: &mut dyn Runner) {
        let open = self.stage.answer_mut().and_then(Answer::let_go);
        drop(self);
        if let Some(place) = open {
            runner.close(place);
        }
    }

    /// The peer has closed its side, at least for sending. If the application is making a response for a client
    /// that is gone, that ends here, and the body is closed.
    pub fn hang_up(&mut self, cx: &mut Context<'_>) -> Turn {
        self.read_side = ReadSide::Ending;
        if matches!(self.stage.state(), State::Responding(_)) && self.protocol.half_close_is_hang_up() {
            self.gone(cx, ErrorKind::ConnectionReset.into());
            return self.closed(cx);
        }
        self.advance(cx)
    }

    /// Another connection is to have its place, unless it has a request by now.
    pub fn make_room(&mut self, cx: &mut Context<'_>) -> Turn {
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

    /// There is no more time for it: what is unfinished is seen to be broken off.
    pub fn abandon(&mut self, cx: &mut Context<'_>) -> Turn {
        if matches!(self.stage.state(), State::Responding(_) | State::Finished { .. }) {
            self.stream.reset_on_close();
            self.report(cx, false);
        }
        self.closed(cx)
    }

    /// Bytes have arrived. While a response is made they wait, but where the peer can take its request back.
    pub fn readable(&mut self, cx: &mut Context<'_>) -> Turn {
        if self.read_side == ReadSide::Drained {
            self.read_side = ReadSide::Unknown;
        }
        self.advance(cx)
    }

    /// The deadline has passed.
    pub fn expire(&mut self, cx: &mut Context<'_>) -> Turn {
        match self.stage.state() {
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
            State::Responding(_) | State::Finished { .. } => {
                warn!(
                    "{}: {}: closed: the peer took none of the response for {} s ({} bytes sent)",
                    self.peer,
                    self.request_line(),
                    cx.limits.write_time_max.as_secs(),
                    self.tally.bytes
                );
                self.abandon(cx)
            }
            State::Draining => self.closed(cx),
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Step {
        if !self.outbox.is_empty() {
            return self.flush(cx);
        }
        match self.stage.state() {
            State::Receiving { .. } => self.receive(cx),
            State::Responding(_) => self.pull(cx),
            State::Finished { next, .. } => self.follow(*next, cx),
            State::Draining => self.drain(cx),
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Step {
        let wrote = |parts: &[&[u8]], bytes| cx.observers.tell(self.id, Event::Wrote { parts, bytes });
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
}
