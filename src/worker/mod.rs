//! The event loop: one thread, one Poll, one Slab. The only clock.
//!
//! # How this works
//!
//! A turn of the loop, in this order:
//!
//! 1. *Sleep* (`sleeping`) until an event, the next deadline, or at once if there is something to do.
//! 2. *Accept* (`accepting`, `acceptor`): each connection is served as far as it goes before the next is taken. Accepts come
//!    before any other call of the application, which would hold up what waits in the backlog though another process could
//!    take it.
//! 3. *Events*: each gives one connection its turn, unless it is of one that is closed by now, as its token shows (`token`).
//! 4. *The queue*: those that yielded, of which no event will tell.
//! 5. *Deadlines* (`deadlines`): those whose peer has let its time pass.
//! 6. *Orders* (`stop`, `master_link`, `stopping`), and the end, if one was ordered and all is done.
//!
//! A connection's turn borrows the worker's `resources`: the application first of all, so one call runs at a time. How the
//! turn ends says what becomes of the connection. *Closed*: it is dropped. *Blocked*: it is kept in the slab and watched by
//! the poller from its first wait on; a request that never waits costs neither. *Yielded*: it is queued too. Whichever it
//! is, the connection has said until when it waits, and `next_deadline` is no later.
//!
//! Where a master leads it, a worker is one of several that accept on the same sockets. It awaits a fresh connection's
//! request for a moment, so that this does not wait behind another's slow call while a second worker sleeps (`accepting`).
//! When it is full it closes silent connections for newcomers (`making_room`), and when it stops it takes what waits in the
//! backlog, unless others will (`stopping`).

mod accepting;
mod acceptor;
mod deadlines;
mod http_date;
mod making_room;
#[cfg_attr(not(feature = "command"), allow(dead_code, reason = "the command's master makes the link"))]
pub(crate) mod master_link;
mod resources;
mod sleeping;
pub(crate) mod stop;
mod stopping;
mod token;

use std::io;
use std::time::Instant;

use log::warn;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::application::Application;
use crate::connection::{Connection, Context, Turn};
use crate::limits::Limits;
use crate::net::listener::Listener;
use crate::net::stream::Socket;
use crate::process::fork_watch;
use crate::telemetry::log_throttle::Throttle;
use crate::telemetry::observer::{Note, Observer};
use crate::worker::acceptor::Acceptor;
use crate::worker::http_date::Date;
use crate::worker::master_link::MasterLink;
use crate::worker::stop::{Orders, Stopper};
use resources::Resources;
pub use sleeping::Waiting;

/// Serves one application on any number of listeners, on the thread that calls [`Worker::run`].
pub struct Worker<A> {
    poll: Poll,
    acceptors: Vec<Acceptor>,
    connections: Slab<Entry>,
    /// Connections that yielded: no event will come for them.
    runnable: Vec<usize>,
    /// Connections that give way to newcomers, a count.
    spare_count: usize,
    resources: Resources<A>,
    orders: Orders,
    stopper: Stopper,
    /// No deadline of a connection lies before this.
    next_deadline: Option<Instant>,
    accepted: u64,
    /// How many are accepted in all, once a stop was ordered.
    last_accepted: u64,
    full: Throttle,
    /// The line to the master, whose other workers accept on the same sockets.
    link: Option<MasterLink>,
    /// A peer was slow: until then no fresh one is waited for.
    hasty_until: Option<Instant>,
}

struct Entry {
    connection: Connection<Socket>,
    /// What its events come with.
    token: Token,
    /// Where its listener stands among the acceptors.
    listener: usize,
    /// Registered with the poller, which a request that never waits and never yields is not.
    registered: bool,
    /// In `runnable`.
    queued: bool,
    /// Among those that `spare_count` counts.
    spare: bool,
}

impl<A: Application> Worker<A> {
    /// A worker for these listeners.
    pub fn new(listeners: Vec<Listener>, application: A, limits: Limits) -> io::Result<Self> {
        Worker::build(listeners, application, limits, None)
    }

    /// One of several workers for these listeners, which a master leads.
    #[cfg(feature = "command")]
    pub(crate) fn led(
        listeners: Vec<Listener>,
        application: A,
        limits: Limits,
        link: MasterLink,
    ) -> io::Result<Self> {
        Worker::build(listeners, application, limits, Some(link))
    }

    fn build(
        listeners: Vec<Listener>,
        application: A,
        limits: Limits,
        mut link: Option<MasterLink>,
    ) -> io::Result<Self> {
        fork_watch::begin()?;
        let poll = Poll::new()?;
        let shared = link.is_some();
        if let Some(link) = &mut link {
            poll.registry().register(link.source(), token::LINK, Interest::READABLE)?;
        }
        let (stopper, mut orders) = Stopper::pair()?;
        poll.registry().register(orders.source(), token::ORDERS, Interest::READABLE)?;
        let acceptors = listeners
            .into_iter()
            .enumerate()
            .map(|(at, listener)| Acceptor::new(listener, shared, poll.registry(), token::of_listener(at)))
            .collect::<io::Result<_>>()?;
        Ok(Worker {
            poll,
            acceptors,
            connections: Slab::new(),
            runnable: Vec::new(),
            spare_count: 0,
            resources: Resources {
                application,
                waiting: Box::new(|wait| wait()),
                limits,
                scratch: vec![0; SCRATCH_BYTES],
                date: Date::default(),
                observer: None,
                recorder: None,
                stopping: None,
            },
            orders,
            stopper,
            next_deadline: None,
            accepted: 0,
            last_accepted: 0,
            full: Throttle::default(),
            link,
            hasty_until: None,
        })
    }

    /// Tells `observer` of every request from here on.
    pub fn observe(&mut self, observer: Box<dyn Observer>) {
        self.resources.observer = Some(observer);
    }

    /// Sleeps as `waiting` has it from here on.
    pub fn wait_by(&mut self, waiting: Waiting) {
        self.resources.waiting = waiting;
    }

    /// Writes down what it does from here on.
    #[cfg(feature = "command")]
    pub(crate) fn record(&mut self, recorder: crate::telemetry::scoreboard::Recorder) {
        self.resources.recorder = Some(recorder);
    }

    /// What stops this worker.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// The listeners, in the order in which they were given, until a stop is ordered.
    pub fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.acceptors.iter().map(Acceptor::listener)
    }

    /// Serves until a stop was ordered and carried out. No mistake of a peer or of the application ends it; an
    /// error is the poller's.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_COUNT);
        if let Some(link) = &mut self.link {
            link.ready();
        }
        loop {
            let now = Instant::now();
            self.watch_listeners()?;
            let (polled, now) = self.sleep(&mut events, now);
            match polled {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            self.resources.date.refresh();
            let (mut event_count, mut ordered) = (0, false);
            for event in &events {
                event_count += 1;
                match event.token() {
                    token::ORDERS | token::LINK => ordered = true,
                    token => {
                        if let Some(at) = token::listener(token, self.acceptors.len()) {
                            self.acceptors[at].set_ready();
                        }
                    }
                }
            }
            self.accept(now);
            for event in &events {
                self.event(event);
            }
            self.run_queue();
            // With more events than fit, a connection whose time seems over may have one that is still to come.
            if event_count < EVENTS_COUNT {
                self.expire(now);
            }
            if ordered {
                self.obey(now);
            }
            if self.is_over(now) {
                return Ok(());
            }
        }
    }

    /// Gives the connection its turn that an event tells of, if there is such a connection.
    fn event(&mut self, event: &Event) {
        let key = token::key(event.token());
        if self.connections.get(key).is_none_or(|entry| entry.token != event.token()) {
            return;
        }
        self.turn(key, |connection, cx| match event {
            event if event.is_read_closed() => connection.hang_up(cx),
            event if event.is_readable() => connection.readable(cx),
            _ => connection.advance(cx),
        });
    }

    fn run_queue(&mut self) {
        for key in std::mem::take(&mut self.runnable) {
            if let Some(entry) = self.connections.get_mut(key) {
                entry.queued = false;
            }
            self.turn(key, Connection::advance);
        }
    }

    /// Gives a connection its turn, if it is still there.
    fn turn(&mut self, key: usize, turn: impl FnOnce(&mut Connection<Socket>, &mut Context<'_, A>) -> Turn) {
        let Some(entry) = self.connections.get_mut(key) else { return };
        let turn = self.resources.lend(|cx| turn(&mut entry.connection, cx));
        match turn {
            Turn::Closed => {
                let mut entry = self.connections.remove(key);
                self.spare_count -= usize::from(entry.spare);
                self.deregister(&mut entry);
                self.resources.note(Note::LetsGo(entry.listener));
            }
            turn => self.rest(key, turn),
        }
    }

    /// Takes a connection that is about to be closed out of the poller, if the close alone would not.
    fn deregister(&self, entry: &mut Entry) {
        if entry.registered
            && fork_watch::is_shared()
            && let Err(error) = self.poll.registry().deregister(entry.connection.stream())
        {
            warn!("a connection cannot be taken out of the poller: {error}");
        }
    }

    /// Sees to it that a connection that stays is called again.
    fn rest(&mut self, key: usize, turn: Turn) {
        let entry = &mut self.connections[key];
        let spare = entry.connection.gives_way();
        if spare != std::mem::replace(&mut entry.spare, spare) {
            self.spare_count = if spare { self.spare_count + 1 } else { self.spare_count - 1 };
        }
        if turn == Turn::Yielded && !entry.queued {
            entry.queued = true;
            self.runnable.push(key);
        }
        if self.resources.stopping.is_some() {
            entry.hurry(&self.resources.limits);
        }
        if let Some(deadline) = entry.connection.deadline() {
            self.next_deadline = Some(self.next_deadline.map_or(deadline, |next| next.min(deadline)));
        }
        // One that yields waits for nothing, but its peer's hang-up is an event too: of an application that has
        // only empty chunks for now, no write would tell.
        if !entry.registered {
            entry.registered = true;
            let both = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.poll.registry().register(entry.connection.stream(), entry.token, both) {
                warn!("a connection is dropped: it cannot be polled: {error}");
                self.turn(key, Connection::abandon);
            }
        }
    }
}

/// Read at once, bytes: a whole uwsgi packet but for its last four bytes.
const SCRATCH_BYTES: usize = 64 << 10;
/// Events taken from the poller at once, a count.
const EVENTS_COUNT: usize = 1_024;
