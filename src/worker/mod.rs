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
//! the poller from the next sleep on; a request that never waits costs neither. *Yielded*: it is queued too. Whichever it
//! is, the connection has said until when it waits, and `next_deadline` is no later.
//!
//! Where a master leads it, a worker is one of several that accept on the same sockets. It awaits a fresh connection's
//! request for a moment, so that this does not wait behind another's slow call while a second worker sleeps (`accepting`).
//! When it is full it closes silent connections for newcomers (`making_room`), and when it stops it takes what waits in the
//! backlog, unless others will (`stopping`).

mod accepting;
mod acceptor;
mod deadlines;
mod event_loop;
mod http_date;
mod making_room;
#[cfg_attr(not(feature = "command"), allow(dead_code, reason = "the command's master makes the link"))]
pub(crate) mod master_link;
mod resources;
mod sleeping;
pub(crate) mod stop;
mod stopping;
#[cfg_attr(not(feature = "command"), allow(dead_code, reason = "the command begins the threads"))]
pub(crate) mod threads;
mod token;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::application::{AppError, Application};
use crate::connection::Inline;
use crate::limits::Limits;
use crate::net::listener::Listener;
#[cfg(feature = "command")]
use crate::net::relay::Relay;
use crate::static_files::StaticFiles;
use crate::telemetry::observer::Observer;
#[cfg(feature = "command")]
use crate::telemetry::scoreboard::Recorder;
use crate::worker::event_loop::EventLoop;
use crate::worker::master_link::MasterLink;
use crate::worker::stop::Stopper;
use crate::worker::threads::LibraryHost;
#[cfg(feature = "command")]
use crate::worker::threads::Passing;
#[cfg(feature = "command")]
pub(crate) use crate::worker::threads::ThreadHost;

/// Serves one application on any number of listeners, on the thread that calls [`Worker::run`].
pub struct Worker<A> {
    worker: BareWorker,
    application: Inline<A>,
}

impl<A: Application> Worker<A> {
    /// A worker for these listeners.
    pub fn new(listeners: Vec<Listener>, application: A, limits: Limits) -> io::Result<Self> {
        let worker = BareWorker::new(listeners, limits, None)?;
        Ok(Worker { worker, application: Inline::new(application) })
    }

    /// Tells `observer` of every request from here on.
    pub fn observe(&mut self, observer: Box<dyn Observer + Send>) {
        self.worker.observe(observer);
    }

    /// Answers with these files what asks for one, without a call of the application.
    pub fn serve_files(&mut self, files: StaticFiles) {
        self.worker.serve_files(files);
    }

    /// What stops this worker.
    pub fn stopper(&self) -> Stopper {
        self.worker.stopper()
    }

    /// The listeners, in the order in which they were given, until a stop is ordered.
    pub fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.worker.listeners()
    }

    /// Serves until a stop was ordered and carried out. No mistake of a peer or of the application ends it; an
    /// error is the poller's.
    pub fn run(&mut self) -> io::Result<()> {
        self.worker.event_loop.serve(&mut Some(&mut self.application))
    }

    /// The same with so many threads for the application: each has one request at a time, from the call until the body is
    /// closed. This thread is the first of them, and has the application that the worker was given; `make` is called once on
    /// each other one. `spawn` begins a thread: it is given its name and what it runs.
    ///
    /// A thread whose call does not come back is left behind in the end.
    ///
    /// ```no_run
    /// # use std::thread;
    /// # use tidegate::{AppError, Body, Environ, Limits, StartResponse, Worker};
    /// # fn main() -> std::io::Result<()> {
    /// # let listeners = Vec::new();
    /// fn application(_: Environ, start_response: StartResponse) -> Result<Body, AppError> {
    ///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
    ///     Ok("Hello, World\n".into())
    /// }
    ///
    /// let worker = Worker::new(listeners, application, Limits::default())?;
    /// worker.run_on_threads(4, || Ok(application), |name, run| thread::Builder::new().name(name).spawn(run))
    /// # }
    /// ```
    pub fn run_on_threads<B: Application + 'static>(
        self,
        count: usize,
        make: impl Fn() -> Result<B, AppError> + Send + Sync + 'static,
        spawn: impl Fn(String, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> + Send + Sync + 'static,
    ) -> io::Result<()>
    where
        A: 'static,
    {
        let host = Arc::new(LibraryHost { make, spawn });
        let application = Box::new(self.application.into_application());
        threads::serve(self.worker.event_loop, count, application, host)
    }
}

/// A worker without its application.
pub(crate) struct BareWorker {
    event_loop: EventLoop,
}

impl BareWorker {
    /// A worker for these listeners; one of several, if a master leads it.
    pub(crate) fn new(
        listeners: Vec<Listener>,
        limits: Limits,
        link: Option<MasterLink>,
    ) -> io::Result<Self> {
        Ok(BareWorker { event_loop: EventLoop::new(listeners, limits, link)? })
    }

    /// Has it pass on to other workers, and take over from them, what waits for a thread.
    #[cfg(feature = "command")]
    pub(crate) fn pass_by(&mut self, relay: Relay) {
        self.event_loop.passing = Some(Passing::new(relay));
    }

    pub(crate) fn observe(&mut self, observer: Box<dyn Observer + Send>) {
        self.event_loop.resources.observer = Some(observer);
    }

    pub(crate) fn serve_files(&mut self, files: StaticFiles) {
        self.event_loop.resources.files = Some(files);
    }

    /// Has each response have these fields behind its own.
    #[cfg(feature = "command")]
    pub(crate) fn add_fields(&mut self, fields: &[(String, String)]) {
        self.event_loop.resources.fields = fields.to_vec();
    }

    /// Has peers told of bounds in these words: not by the fields of [`Limits`], but by what sets them here.
    #[cfg(feature = "command")]
    pub(crate) fn name_bounds(&mut self, in_their_words: fn(&str) -> String) {
        self.event_loop.resources.in_their_words = in_their_words;
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.event_loop.stopper.clone()
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.event_loop.listeners()
    }
}

#[cfg(feature = "command")]
impl BareWorker {
    /// Writes down what it does from here on.
    pub(crate) fn record(&mut self, recorder: Recorder) {
        self.event_loop.resources.recorder = Some(recorder);
    }

    /// Serves `application` on this thread, until a stop was ordered and carried out.
    pub(crate) fn run(mut self, application: Box<dyn Application>) -> io::Result<()> {
        if let Some(link) = &mut self.event_loop.link {
            link.ready();
        }
        self.event_loop.serve(&mut Some(&mut Inline::new(application)))
    }

    /// The same on so many threads, of which this one is the first.
    pub(crate) fn run_with_threads(
        self,
        count: usize,
        application: Box<dyn Application>,
        host: Arc<dyn ThreadHost>,
    ) -> io::Result<()> {
        threads::serve(self.event_loop, count, application, host)
    }
}
