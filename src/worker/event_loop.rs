//! The event loop, on whatever thread drives it.
//!
//! How far a turn of it has come stands in its fields. Where the application has threads of its own, it pauses behind a
//! connection that has asked something of it, and another thread can go on from there.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use log::warn;
use mio::{Interest, Registry, Token};
use slab::Slab;

use super::accepting::Accepting;
use super::acceptor::Acceptor;
use super::master_link::MasterLink;
use super::resources::Resources;
use super::sleeping::{Sleep, Sleeper};
use super::stop::{Orders, Stopper};
use super::threads::{Passing, Threads};
use super::token;
use crate::connection::{Connection, Context, Runner, Turn};
use crate::limits::Limits;
use crate::net::listener::Listener;
use crate::net::stream::Socket;
use crate::process::fork_watch;
use crate::telemetry::log_throttle::Throttle;
use crate::telemetry::observer::Note;

/// What drives connections, on whatever thread.
pub(super) struct EventLoop {
    pub(super) registry: Registry,
    /// `None` while the driver sleeps with it, and the loop lies there for others.
    pub(super) sleeper: Option<Sleeper>,
    pub(super) acceptors: Vec<Acceptor>,
    pub(super) connections: Slab<Entry>,
    /// Connections that yielded: no event will come for them.
    pub(super) runnable: VecDeque<usize>,
    /// Connections of which the poller is to tell before there is a sleep. One that is answered by then costs it nothing.
    unwatched: Vec<Token>,
    /// Connections that give way to newcomers, a count.
    pub(super) spare_count: usize,
    pub(super) resources: Resources,
    pub(super) orders: Orders,
    pub(super) stopper: Stopper,
    /// No deadline of a connection lies before this.
    pub(super) next_deadline: Option<Instant>,
    pub(super) accepted: u64,
    /// How many are accepted in all, once a stop was ordered.
    pub(super) last_accepted: u64,
    pub(super) full: Throttle,
    /// The line to the master, whose other workers accept on the same sockets.
    pub(super) link: Option<MasterLink>,
    /// A peer was slow: until then no fresh one is waited for.
    pub(super) hasty_until: Option<Instant>,
    /// The application's own threads.
    pub(super) threads: Threads,
    /// No other worker has an idle thread for what comes, as of the beginning of this turn.
    pub(super) is_alone: bool,
    /// Where workers pass on what waits for a thread, if there are others.
    pub(super) passing: Option<Passing>,
    pub(super) turn: LoopTurn,
}

/// How far the loop has come.
pub(super) struct LoopTurn {
    at: Part,
    /// When the loop woke.
    pub(super) now: Instant,
    /// The last sleep of whoever drives.
    pub(super) sleep: Sleep,
    /// The events of connections that are still to be looked at.
    pub(super) ready: VecDeque<Ready>,
    /// More events than fit may have come.
    pub(super) is_full: bool,
    /// The master, a signal or another thread has said something.
    pub(super) ordered: bool,
    /// A signal came to the thread that waited.
    pub(super) is_interrupted: bool,
    /// What there is to do was there already, and was not waited for.
    pub(super) has_found: bool,
}

/// What a turn of the loop does, in this order.
#[derive(Clone, Copy)]
enum Part {
    Wait,
    Accept(Accepting),
    Passed,
    Events,
    /// So many of `runnable` are to have their turn.
    Runnable(usize),
    Deadlines,
}

/// An event of a connection.
#[derive(Clone, Copy)]
pub(super) struct Ready {
    pub(super) token: Token,
    pub(super) is_readable: bool,
    pub(super) is_read_closed: bool,
}

/// Why the loop returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// Something is asked of the application, or a thread has something to say.
    Threads,
    /// There is nothing to do until the driver has slept.
    Sleep,
    /// A stop was ordered and carried out.
    Over,
}

pub(super) struct Entry {
    pub(super) connection: Connection<Socket>,
    /// What its events come with.
    pub(super) token: Token,
    /// Where its listener stands among the acceptors.
    pub(super) listener: usize,
    watched: Watched,
    /// In `runnable`.
    queued: bool,
    /// Among those that `spare_count` counts.
    pub(super) spare: bool,
}

impl Entry {
    pub(super) fn new(connection: Connection<Socket>, token: Token, listener: usize) -> Self {
        Entry { connection, token, listener, watched: Watched::Not, queued: false, spare: false }
    }
}

/// Whether the poller tells of a connection: not of one whose request never waits and never yields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    Not,
    /// From the next sleep on.
    Soon,
    Now,
}

/// What runs the application on the thread that drives the loop; `None` where it has threads of its own.
pub(super) type Inline<'a> = Option<&'a mut dyn Runner>;

impl EventLoop {
    pub(super) fn new(
        listeners: Vec<Listener>,
        limits: Limits,
        mut link: Option<MasterLink>,
    ) -> io::Result<Self> {
        fork_watch::begin()?;
        let sleeper = Sleeper::new()?;
        let registry = sleeper.registry()?;
        let shared = link.is_some();
        if let Some(link) = &mut link {
            registry.register(link.source(), token::LINK, Interest::READABLE)?;
        }
        let (stopper, mut orders) = Stopper::pair()?;
        registry.register(orders.source(), token::ORDERS, Interest::READABLE)?;
        let acceptors = listeners
            .into_iter()
            .enumerate()
            .map(|(at, listener)| Acceptor::new(listener, shared, &registry, token::of_listener(at)))
            .collect::<io::Result<_>>()?;
        Ok(EventLoop {
            registry,
            sleeper: Some(sleeper),
            acceptors,
            connections: Slab::new(),
            runnable: VecDeque::new(),
            unwatched: Vec::new(),
            spare_count: 0,
            resources: Resources::new(limits),
            orders,
            stopper,
            next_deadline: None,
            accepted: 0,
            last_accepted: 0,
            full: Throttle::default(),
            link,
            hasty_until: None,
            threads: Threads::default(),
            is_alone: false,
            passing: None,
            turn: LoopTurn {
                at: Part::Wait,
                now: Instant::now(),
                sleep: Sleep::over(),
                ready: VecDeque::new(),
                is_full: false,
                ordered: false,
                is_interrupted: false,
                has_found: false,
            },
        })
    }

    /// Serves on the calling thread, which runs the application too. An error is the poller's.
    pub(super) fn serve(&mut self, inline: &mut Inline<'_>) -> io::Result<()> {
        loop {
            match self.run(inline)? {
                Pause::Sleep => self.sleep()?,
                Pause::Over => return Ok(()),
                Pause::Threads => unreachable!("it has no threads beside this one"),
            }
        }
    }

    /// Goes on from where it paused, until it is over, has nothing to do, or has something for the application's threads.
    /// No mistake of a peer or of the application ends it; an error is the poller's.
    pub(super) fn run(&mut self, inline: &mut Inline<'_>) -> io::Result<Pause> {
        loop {
            if self.threads.want_something() {
                return Ok(Pause::Threads);
            }
            match self.turn.at {
                Part::Wait => {
                    self.watch_connections(inline);
                    if !self.threads.want_something() {
                        self.turn.sleep = self.lie_down()?;
                        return Ok(Pause::Sleep);
                    }
                }
                Part::Accept(accepting) => {
                    self.turn.at = match self.accept(accepting, inline) {
                        Some(accepting) => Part::Accept(accepting),
                        None => Part::Passed,
                    };
                }
                Part::Passed => {
                    if !self.take_over() {
                        self.turn.at = Part::Events;
                    }
                }
                Part::Events => match self.turn.ready.pop_front() {
                    Some(ready) => self.event(ready, inline),
                    None => self.turn.at = Part::Runnable(self.runnable.len()),
                },
                Part::Runnable(0) => self.turn.at = Part::Deadlines,
                Part::Runnable(left) => {
                    self.turn.at = Part::Runnable(left - 1);
                    if let Some(key) = self.runnable.pop_front() {
                        if let Some(entry) = self.connections.get_mut(key) {
                            entry.queued = false;
                        }
                        self.turn(key, inline, Connection::advance);
                    }
                }
                Part::Deadlines => {
                    self.turn.at = Part::Wait;
                    let now = self.turn.now;
                    // With more events than fit, a connection whose time seems over may have one that is still to come.
                    if !self.turn.is_full {
                        self.expire(now, inline);
                    }
                    self.expire_threads(now);
                    self.pass_on();
                    if std::mem::take(&mut self.turn.ordered) {
                        self.obey(now, inline);
                    }
                    if self.is_over(now, inline) {
                        return Ok(Pause::Over);
                    }
                }
            }
        }
    }

    /// Begins a turn, with what the sleep has brought.
    pub(super) fn begin_turn(&mut self) {
        self.threads.begin_turn(&self.resources.limits);
        self.turn.at = Part::Accept(Accepting::default());
    }

    /// Whether a signal has come since this was last asked.
    pub(super) fn take_interrupted(&mut self) -> bool {
        std::mem::take(&mut self.turn.is_interrupted)
    }

    /// Whether a successor is to take this worker's place, as a thread of the application does not come back.
    pub(super) fn is_to_be_replaced(&self) -> bool {
        self.link.is_some() && self.threads.is_any_late()
    }

    /// Has the master start a successor, as a thread of the application does not come back.
    pub(super) fn ask_for_successor(&mut self) {
        self.resources.note(Note::Late);
    }

    pub(super) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.acceptors.iter().map(Acceptor::listener)
    }

    /// Gives the connection its turn that an event tells of, if there is such a connection.
    fn event(&mut self, ready: Ready, inline: &mut Inline<'_>) {
        let Some(key) = self.key(ready.token) else { return };
        if ready.is_read_closed && self.threads.is_waiting(ready.token) {
            return self.give_up(ready.token);
        }
        self.turn(key, inline, |connection, cx| match ready {
            Ready { is_read_closed: true, .. } => connection.hang_up(cx),
            Ready { is_readable: true, .. } => connection.readable(cx),
            _ => connection.advance(cx),
        });
    }

    /// Where the connection is whose token this is, if it is open.
    pub(super) fn key(&self, token: Token) -> Option<usize> {
        let key = token::key(token);
        self.connections.get(key).is_some_and(|entry| entry.token == token).then_some(key)
    }

    /// Gives a connection its turn, if it is still there.
    pub(super) fn turn(
        &mut self,
        key: usize,
        inline: &mut Inline<'_>,
        turn: impl FnOnce(&mut Connection<Socket>, &mut Context<'_>) -> Turn,
    ) {
        let Some(entry) = self.connections.get_mut(key) else { return };
        let runner = self.threads.runner(inline, entry.token);
        let turn = self.resources.lend(runner, |cx| turn(&mut entry.connection, cx));
        self.turned(key, turn, inline);
    }

    /// Sees to what follows a connection's turn.
    pub(super) fn turned(&mut self, key: usize, turn: Turn, inline: &mut Inline<'_>) {
        if turn != Turn::Closed {
            return self.rest(key, turn);
        }
        let mut entry = self.connections.remove(key);
        self.spare_count -= usize::from(entry.spare);
        self.deregister(&mut entry);
        self.resources.note(Note::LetsGo(entry.listener));
        self.forget(entry.token);
        entry.connection.end(self.threads.runner(inline, entry.token));
    }

    /// Takes a connection that is about to be closed out of the poller, if the close alone would not.
    pub(super) fn deregister(&self, entry: &mut Entry) {
        if entry.watched == Watched::Now
            && fork_watch::is_shared()
            && let Err(error) = self.registry.deregister(entry.connection.stream())
        {
            warn!("a connection cannot be taken out of the poller: {error}");
        }
    }

    /// Sees to it that a connection that stays is called again.
    pub(super) fn rest(&mut self, key: usize, turn: Turn) {
        let entry = &mut self.connections[key];
        let spare = entry.connection.gives_way();
        if spare != std::mem::replace(&mut entry.spare, spare) {
            self.spare_count = if spare { self.spare_count + 1 } else { self.spare_count - 1 };
        }
        if turn == Turn::Yielded && !entry.queued {
            entry.queued = true;
            self.runnable.push_back(key);
        }
        if self.resources.stopping.is_some() {
            entry.hurry(&self.resources.limits);
        }
        if let Some(deadline) = entry.connection.deadline() {
            self.next_deadline = Some(self.next_deadline.map_or(deadline, |next| next.min(deadline)));
        }
        // One that yields waits for nothing, but its peer's hang-up is an event too: of an application that has
        // only empty chunks for now, no write would tell.
        if entry.watched == Watched::Not {
            entry.watched = Watched::Soon;
            self.unwatched.push(entry.token);
        }
    }

    /// Has the poller tell of the connections that have come to wait.
    fn watch_connections(&mut self, inline: &mut Inline<'_>) {
        while let Some(token) = self.unwatched.pop() {
            let Some(key) = self.key(token) else { continue };
            let entry = &mut self.connections[key];
            entry.watched = Watched::Now;
            let both = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.registry.register(entry.connection.stream(), token, both) {
                warn!("a connection is dropped: it cannot be polled: {error}");
                self.turn(key, inline, Connection::abandon);
            }
        }
    }
}
