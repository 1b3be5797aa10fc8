//! Where the application runs: on the thread that has the connection, or on others.
//!
//! A connection asks, and goes on with what came of it, at once or later. What it asks for one request is run on one and
//! the same thread, one thing after the other, and so the application's objects never leave that thread.

use slab::Slab;

use super::exchange::{Exchange, Piece};
use crate::application::environ::Environ;
use crate::application::{AppError, Application, StartResponse, Started};

/// Runs the application for connections.
pub trait Runner {
    /// Calls the application.
    fn call(&mut self, call: Call) -> Ran;

    /// Asks for the next piece of a body.
    fn step(&mut self, place: Place) -> Ran;

    /// Closes a body.
    fn close(&mut self, place: Place);

    /// Whether a body that is open keeps its thread from other requests.
    fn holds_thread(&self) -> bool {
        false
    }

    /// Whether a request that waits may be passed on to another process.
    fn may_pass_on(&self) -> bool {
        false
    }
}

/// What came of it.
pub enum Ran {
    /// It has run.
    Now(Outcome),
    /// It will run; [`Connection::deliver`](super::Connection::deliver) is then to be given what came of it.
    Later(Ticket),
}

/// What something that runs later is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl Ticket {
    /// The ticket with this number, which no other of the runner's has.
    pub fn new(number: u64) -> Self {
        Ticket(number)
    }
}

/// A request for the application.
pub struct Call {
    pub(super) environ: Environ,
    pub(super) start_response: StartResponse,
    pub(super) started: Started,
}

impl Call {
    /// The request.
    pub(crate) fn environ(&self) -> &Environ {
        &self.environ
    }

    /// Whether its client has gone.
    pub(crate) fn is_disconnected(&self) -> bool {
        self.start_response.is_disconnected()
    }
}

/// Where a body is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The thread's number.
    pub(crate) thread: usize,
    /// What the body is known by on that thread.
    key: usize,
}

/// What the application gave.
pub struct Outcome {
    /// Where its body is, if that is open still.
    pub(crate) open: Option<Place>,
    /// The next piece, if it is known already. After an error the body is closed.
    pub(super) piece: Result<Option<Piece>, AppError>,
    /// Whether the next step runs the application's code, and not only takes what it has given.
    pub(super) runs_code: bool,
}

/// What a thread is to run.
pub(crate) enum Task {
    Call(Box<Call>),
    Step(Place),
    Close(Place),
}

/// An application on one thread, with the bodies that are open there.
pub struct Inline<A> {
    application: A,
    thread: usize,
    open: Slab<Exchange>,
}

impl<A: Application> Inline<A> {
    /// Runs `application` on the thread that asks.
    pub fn new(application: A) -> Self {
        Inline::on_thread(application, 0)
    }

    /// The same, on the thread with this number.
    pub(crate) fn on_thread(application: A, thread: usize) -> Self {
        Inline { application, thread, open: Slab::new() }
    }

    /// The application, of which no body is open.
    pub(crate) fn into_application(self) -> A {
        self.application
    }

    /// Runs what this thread is given.
    pub(crate) fn run(&mut self, task: Task) -> Outcome {
        match task {
            Task::Call(call) => self.call_now(*call),
            Task::Step(place) => self.step_now(place),
            Task::Close(place) => {
                if let Some(exchange) = self.open.get_mut(place.key) {
                    exchange.begin_body();
                }
                self.close(place);
                Outcome { open: None, piece: Ok(None), runs_code: false }
            }
        }
    }

    fn call_now(&mut self, call: Call) -> Outcome {
        let (mut exchange, called) = Exchange::call(&mut self.application, call);
        if let Err(error) = called {
            return Outcome::failed(error);
        }
        if exchange.runs_code() {
            let key = self.open.insert(exchange);
            let open = Some(Place { thread: self.thread, key });
            return Outcome { open, piece: Ok(None), runs_code: true };
        }
        match exchange.next_piece() {
            Ok(piece) => {
                let open = (!(piece.last && exchange.has_no_close()))
                    .then(|| Place { thread: self.thread, key: self.open.insert(exchange) });
                Outcome { open, piece: Ok(Some(piece)), runs_code: false }
            }
            Err(error) => Outcome::failed(error),
        }
    }

    fn step_now(&mut self, place: Place) -> Outcome {
        let exchange = &mut self.open[place.key];
        match exchange.next_piece() {
            Ok(piece) => {
                Outcome { open: Some(place), piece: Ok(Some(piece)), runs_code: exchange.runs_code() }
            }
            Err(error) => {
                self.open.remove(place.key);
                Outcome::failed(error)
            }
        }
    }
}

impl<A: Application> Runner for Inline<A> {
    fn call(&mut self, call: Call) -> Ran {
        Ran::Now(self.call_now(call))
    }

    fn step(&mut self, place: Place) -> Ran {
        Ran::Now(self.step_now(place))
    }

    fn close(&mut self, place: Place) {
        drop(self.open.try_remove(place.key));
    }
}

impl Outcome {
    /// Where the body is, if it is open: nothing else is to be called on its thread.
    pub fn open(&self) -> Option<Place> {
        self.open
    }

    fn failed(error: AppError) -> Self {
        Outcome { open: None, piece: Err(error), runs_code: false }
    }
}
