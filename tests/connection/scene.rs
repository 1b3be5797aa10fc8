//! A connection on its scripted stream, and the rules that hold for every one of its turns.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Once;
use std::time::{Duration, Instant};

use tidegate::Peer;
use tidegate::connection::{BodyMemory, Connection, Context, Inline, Turn};
use tidegate::observer::{Event, Observer, Observers};
use tidegate::protocol::{Endpoints, Protocol};
use tidegate::{AppError, Body, Environ, Limits, ProtocolName, StartResponse};

use crate::application::{Record, Script};
use crate::scripted::{Call, Incoming, Scripted, Window, Wire};

/// A connection, what serves it, and all that a test may look at or change between two turns.
pub(crate) struct Scene {
    connection: Option<Connection<Scripted>>,
    runner: Inline<Application>,
    pub(crate) limits: Limits,
    bodies: BodyMemory,
    pub(crate) record: Record,
    wire: Rc<RefCell<Wire>>,
    clock: Clock,
    summaries: Vec<Told>,
    /// How often the observer was told that the connection is over.
    closes_told: usize,
    scratch: Vec<u8>,
}

/// The summary of a request, as the observer was told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) request_line: String,
    pub(crate) code: u16,
    pub(crate) bytes: u64,
    pub(crate) complete: bool,
}

impl Scene {
    /// A fresh connection whose application follows `script`.
    pub(crate) fn new(script: Script) -> Self {
        Scene::on(Scripted::pair(), script)
    }

    /// The same on a stream that tells its peer if it is closed while something is unread.
    pub(crate) fn telling_unread(script: Script) -> Self {
        let (stream, wire) = Scripted::pair();
        wire.borrow_mut().tells_unread = true;
        Scene::on((stream, wire), script)
    }

    fn on((stream, wire): (Scripted, Rc<RefCell<Wire>>), script: Script) -> Self {
        capture_log();
        let record = Record::new(Rc::clone(&wire));
        let kept = record.clone();
        let application: Application =
            Box::new(move |environ, start_response| script.call(environ, start_response, &kept));
        Scene {
            connection: Some(Connection::new(
                7,
                stream,
                Peer::Unix,
                Protocol::new(ProtocolName::Uwsgi, Endpoints::default),
            )),
            runner: Inline::new(application),
            limits: Limits::default(),
            bodies: BodyMemory::new(1 << 20),
            record,
            wire,
            clock: Clock { now: Cell::new(Instant::now()), asked: Cell::new(0) },
            summaries: Vec::new(),
            closes_told: 0,
            scratch: vec![0; 4_096],
        }
    }

    /// Adds what reads bring.
    pub(crate) fn reads(self, reads: impl IntoIterator<Item = Incoming>) -> Self {
        self.peer().reads.extend(reads);
        self
    }

    /// Sets what writes meet: each of these in turn, then the last again and again.
    pub(crate) fn windows(self, windows: &[Window]) -> Self {
        let mut peer = self.peer();
        peer.windows = windows.iter().copied().collect();
        peer.windows_then = vec![*windows.last().expect("a write meets something")];
        drop(peer);
        self
    }

    /// Sets what writes meet: each of these in turn, again and again.
    pub(crate) fn windows_in_turn(self, windows: &[Window]) -> Self {
        self.peer().windows_then = windows.to_vec();
        self
    }

    /// The peer's side, to change.
    pub(crate) fn peer(&self) -> RefMut<'_, Wire> {
        self.wire.borrow_mut()
    }

    /// The peer's side, to look at.
    pub(crate) fn wire(&self) -> Ref<'_, Wire> {
        self.wire.borrow()
    }

    /// What the peer has got, as text.
    pub(crate) fn sent(&self) -> String {
        String::from_utf8(self.wire().written.clone()).expect("the scripts' responses are text")
    }

    /// A turn on an event: what the script holds for the next read has arrived.
    pub(crate) fn advance(&mut self) -> Turn {
        self.turn(Connection::readable)
    }

    pub(crate) fn hang_up(&mut self) -> Turn {
        self.turn(Connection::hang_up)
    }

    pub(crate) fn abandon(&mut self) -> Turn {
        self.turn(Connection::abandon)
    }

    pub(crate) fn expire(&mut self) -> Turn {
        self.turn(Connection::expire)
    }

    /// Turn after turn, until it is over or nothing moves any more, as the worker would: a window that opens or
    /// bytes that arrive are events.
    pub(crate) fn run(&mut self) -> Turn {
        for _ in 0..TURNS_MAX {
            let before = self.pending();
            match self.advance() {
                Turn::Blocked if self.pending() == before => return Turn::Blocked,
                Turn::Blocked | Turn::Yielded => {}
                Turn::Closed => return Turn::Closed,
            }
        }
        panic!("after {TURNS_MAX} turns there is still no end");
    }

    /// Whether the connection counts as idle.
    pub(crate) fn is_idle(&self) -> bool {
        self.open().is_idle()
    }

    /// How far off the deadline is.
    pub(crate) fn time_left(&self) -> Duration {
        self.open().deadline().expect("a connection that waits has a deadline") - self.clock.now.get()
    }

    pub(crate) fn shorten_deadline(&mut self, time: Duration) {
        let deadline = self.clock.now.get() + time;
        self.connection.as_mut().expect("it is open").shorten_deadline(deadline);
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.clock.now.set(self.clock.now.get() + time);
    }

    /// How often the time was asked.
    pub(crate) fn clock_asked(&self) -> usize {
        self.clock.asked.get()
    }

    /// The summaries since this was last asked.
    pub(crate) fn take_summaries(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.summaries)
    }

    fn open(&self) -> &Connection<Scripted> {
        self.connection.as_ref().expect("it is open")
    }

    /// What is still to happen, and how much has: if it stays the same, nothing moves.
    fn pending(&self) -> (usize, usize, usize) {
        let wire = self.wire();
        (wire.written.len(), wire.reads.len(), wire.windows.len())
    }

    /// One turn, after which the connection must have kept the rules that no turn may break.
    fn turn(&mut self, turn: impl FnOnce(&mut Connection<Scripted>, &mut Context<'_>) -> Turn) -> Turn {
        let mut observer = Listening { summaries: &mut self.summaries, closes_told: &mut self.closes_told };
        let connection = self.connection.as_mut().expect("a connection that is over gets no turn");
        let calls_before = self.wire.borrow().calls.len();
        let ended = turn(
            connection,
            &mut Context {
                runner: &mut self.runner,
                files: None,
                fields: &[],
                scratch: &mut self.scratch,
                limits: &self.limits,
                in_their_words: str::to_owned,
                bodies: &self.bodies,
                date: b"Sun, 06 Nov 1994 08:49:37 GMT",
                clock: &|| self.clock.ask(),
                observers: Observers::new(Some(&mut observer)),
                stopping: false,
                closes_kept: false,
            },
        );
        let wire = self.wire.borrow();
        let calls = &wire.calls[calls_before..];
        // A look is no step of its own beside the read that takes what it saw; nor is that read, before the end.
        let steps = calls.iter().filter(|call| !matches!(call, Call::Peek(_))).count();
        let steps_max = self.limits.steps_per_turn_max + usize::from(wire.tells_unread);
        assert!(steps <= steps_max, "over the budget of a turn: {calls:?}");
        assert_eq!(self.scratch.len(), 4_096, "the scratch buffer is handed back");
        let waits = calls.iter().position(Call::waits);
        assert!(waits.is_none_or(|at| at + 1 == calls.len()), "it went on behind a wait: {calls:?}");
        // Behind a read that told that there is no more an event comes for what follows, as behind a wait.
        match ended {
            Turn::Blocked => {
                assert!(waits.is_some() || wire.is_drained, "no event will come after {calls:?}");
            }
            Turn::Yielded => assert!(waits.is_none(), "it yields though it must wait: {calls:?}"),
            Turn::Closed => {}
        }
        drop(wire);
        assert_eq!(
            self.closes_told,
            usize::from(ended == Turn::Closed),
            "the end is told once, when it comes"
        );
        if ended == Turn::Closed {
            if let Some(connection) = self.connection.take() {
                connection.end(&mut self.runner);
            }
        } else {
            assert!(self.open().deadline().is_some(), "a connection that stays has a deadline");
        }
        ended
    }
}

type Application = Box<dyn FnMut(Environ, StartResponse) -> Result<Body, AppError>>;

/// More turns than any script here takes.
const TURNS_MAX: usize = 100_000;

struct Clock {
    now: Cell<Instant>,
    asked: Cell<usize>,
}

impl Clock {
    fn ask(&self) -> Instant {
        self.asked.set(self.asked.get() + 1);
        self.now.get()
    }
}

struct Listening<'a> {
    summaries: &'a mut Vec<Told>,
    closes_told: &'a mut usize,
}

impl Observer for Listening<'_> {
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        assert_eq!(connection, 7, "an event of another connection");
        assert_eq!(*self.closes_told, 0, "nothing happens behind the end");
        if let Event::Closed = event {
            *self.closes_told += 1;
        }
        if let Event::Finished(summary) = event {
            assert_eq!(summary.peer, &Peer::Unix);
            self.summaries.push(Told {
                request_line: summary.request_line.to_string(),
                code: summary.code,
                bytes: summary.bytes,
                complete: summary.complete,
            });
        }
    }
}

/// The log lines of this test's thread since this was last asked, each with its level in front.
pub(crate) fn take_log() -> Vec<String> {
    LINES.with_borrow_mut(std::mem::take)
}

fn capture_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Logger).expect("no other logger is set");
        log::set_max_level(log::LevelFilter::Debug);
        // Panics of the scripted application are expected; their messages would only hide real ones.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref::<&str>() != Some(&"as the script says") {
                hook(panic);
            }
        }));
    });
}

struct Logger;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push(format!("{} {}", record.level(), record.args())));
    }

    fn flush(&self) {}
}
