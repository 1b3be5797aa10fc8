//! Where a connection stands: the states, what each of them holds, and every way from one to another.
//!
//! # How this works
//!
//! ```text
//!     ┌───────────────────── receive_next ───────────────────────┐
//!     ▼                                                          │
//! Receiving ── respond ──► Responding ── finish, take_back ──► Finished ── drain ──► Draining ──► closed
//!     │                                                          ▲   │
//!     └──────────────────────── finish ──────────────────────────┘   └──────────────────────────► closed
//! ```
//!
//! A step does the first that there is to do of three things: **flush what is owed; else pull the next chunk; else read.**
//! The state says which of the last two it is:
//!
//! - *Receiving*: it reads, and the protocol decodes, until a request is complete. A request that is refused, or that the
//!   protocol answers by itself, has no answer of the application's and goes straight to Finished.
//! - *Responding*: the application was called, and gives a chunk whenever the last is wholly written. Where it runs on
//!   another thread, what it gives is delivered. A failure of it before the head is sent is answered with a 500, and is
//!   Finished like a response; one behind the head closes.
//! - *Finished*: the last byte is in the outbox. Once that is flushed, [`Next`] has its way.
//! - *Draining*: nothing more will be sent, and what comes is read and dropped, until the peer closes. Bytes that arrive for
//!   a socket that is closed, or that it holds unread, make the close a reset, which takes away what of the response is
//!   still on its way (RFC 9112 section 9.6). So a connection whose response may not have arrived drains.
//!
//! What holds for all of them:
//!
//! 1. Every transition is a method of [`Stage`], whose fields no other file sees. The others look at the state, and call one.
//! 2. A state holds exactly the data that exists in it. An answer lives from `respond` to the end of Finished, and before it
//!    goes the application's body is closed, once: behind the last byte, or when the connection is given up.
//! 3. The deadline is the state's own: none when it is entered, and set when the peer is first waited for (`waiting`).
//! 4. Every step ends Progress, Blocked or Closed; every turn ends Blocked (an event will come), Yielded (none will: the
//!    worker must call again) or Closed. A fourth way out would be a stall: readiness is edge-triggered, and nothing more is
//!    promised until a call would block, or a read has said that there is no more.
//! 5. A close is no state: the turn ends Closed, and the connection is dropped.

use std::time::Instant;

use super::answer::Answer;
use crate::protocol::Persistence;

/// The state, and until when the peer is waited for in it.
pub(super) struct Stage {
    state: State,
    /// `None` until the peer is first waited for.
    deadline: Option<Instant>,
}

pub(super) enum State {
    /// What is missing, the protocol knows.
    Receiving {
        waiting: Waiting,
    },
    Responding(Answer),
    /// The application's answer, if there was one, ends with this state: the last chunk is the body's until it is written,
    /// and close() keeps no client waiting.
    Finished {
        next: Next,
        answer: Option<Answer>,
    },
    Draining,
}

/// What of a request is waited for, which decides for how long.
#[derive(Clone, Copy)]
pub(super) enum Waiting {
    /// The first request of a connection.
    First,
    /// Another request, on a connection that is kept alive.
    Next,
    /// The rest of a head.
    Head,
    /// The body, since then.
    Body(Instant),
}

/// What follows a response that is flushed.
#[derive(Clone, Copy)]
pub(super) enum Next {
    Close,
    Receive,
    Drain,
}

impl Stage {
    /// A fresh connection's.
    pub(super) fn new() -> Self {
        Stage { state: State::Receiving { waiting: Waiting::First }, deadline: None }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn answer(&self) -> Option<&Answer> {
        match &self.state {
            State::Responding(answer) => Some(answer),
            State::Finished { answer, .. } => answer.as_ref(),
            State::Receiving { .. } | State::Draining => None,
        }
    }

    pub(super) fn answer_mut(&mut self) -> Option<&mut Answer> {
        match &mut self.state {
            State::Responding(answer) => Some(answer),
            State::Finished { answer, .. } => answer.as_mut(),
            State::Receiving { .. } | State::Draining => None,
        }
    }

    /// What a response is made from, while one is.
    pub(super) fn responding(&mut self) -> Option<&mut Answer> {
        match &mut self.state {
            State::Responding(answer) => Some(answer),
            _ => None,
        }
    }

    /// Receiving → Responding: the request is complete, and the application is asked.
    pub(super) fn respond(&mut self, answer: Answer) {
        debug_assert!(matches!(self.state, State::Receiving { .. }), "one request at a time");
        self.enter(State::Responding(answer));
    }

    /// Receiving, Responding → Finished: the last byte is in the outbox.
    pub(super) fn finish(&mut self, next: impl Into<Next>) {
        let answer = match std::mem::replace(&mut self.state, State::Draining) {
            State::Responding(answer) => Some(answer),
            _ => None,
        };
        self.enter(State::Finished { next: next.into(), answer });
    }

    /// Responding → Finished: the peer wants no response any more, and the application's answer has ended.
    pub(super) fn take_back(&mut self, next: impl Into<Next>) {
        self.enter(State::Finished { next: next.into(), answer: None });
    }

    /// Finished → Receiving: the connection is kept alive.
    pub(super) fn receive_next(&mut self) {
        self.enter(State::Receiving { waiting: Waiting::Next });
    }

    /// Finished → Draining: the peer was told that nothing more will be sent.
    pub(super) fn drain(&mut self) {
        self.enter(State::Draining);
    }

    /// Within Receiving: something else of a request is waited for.
    pub(super) fn wait_for(&mut self, what: Waiting) {
        if let State::Receiving { waiting } = &mut self.state {
            *waiting = what;
        }
    }

    /// Waits for the peer until then.
    pub(super) fn wait_until(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Waits for the application, and not for the peer.
    pub(super) fn wait_for_application(&mut self) {
        self.deadline = None;
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.deadline = None;
    }
}

impl From<Persistence> for Next {
    fn from(persistence: Persistence) -> Self {
        match persistence {
            Persistence::Close => Next::Close,
            Persistence::KeepAlive => Next::Receive,
        }
    }
}
