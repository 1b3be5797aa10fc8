//! What may be told of a request while it is served: to the access log, to the trace, to the scoreboard.
//!
//! The connection says what happens and asks no clock; an observer keeps its own time.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::application::Started;
use crate::application::body_memory::BodiesNow;
use crate::application::environ::Environ;
use crate::application::response_head::ResponseHead;
pub use crate::ascii::Ascii;
use crate::net::stream::Peer;
use crate::telemetry::scoreboard::Recorder;
use crate::telemetry::threads::{ThreadCounts, ThreadDoing};

/// Is told what happens on every connection of a worker. `connection` is a number that no other has.
pub trait Observer {
    /// Something happened just now.
    fn observe(&mut self, connection: u64, event: Event<'_>);
}

/// What a turn of a connection tells: an observer, and before it the worker's row on the scoreboard, which the command has.
pub struct Observers<'a> {
    recorder: Option<&'a mut Recorder>,
    observer: Option<&'a mut dyn Observer>,
}

impl<'a> Observers<'a> {
    /// One observer, or none.
    pub fn new(observer: Option<&'a mut dyn Observer>) -> Self {
        Observers { recorder: None, observer }
    }

    /// The same, and a recorder, which is called without a look-up, as every event of every request passes here.
    pub(crate) fn with_recorder(self, recorder: Option<&'a mut Recorder>) -> Self {
        Observers { recorder, ..self }
    }

    /// Tells of what has just happened on a connection.
    // Each call has one event: what it does not concern is left out of it.
    #[inline(always)]
    pub(crate) fn tell(&mut self, connection: u64, event: Event<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.observe(connection, event);
        }
        if let Some(observer) = &mut self.observer {
            observer.observe(connection, event);
        }
    }
}

/// What a worker notes of itself, beside what its connections tell.
#[cfg_attr(not(feature = "command"), allow(dead_code, reason = "only the scoreboard reads what they hold"))]
pub(crate) enum Note<'a> {
    /// It has woken.
    Wakes(Instant),
    /// It is about to wait, with so many connections open, the application's threads in this state, and so
    /// much of its memory for bodies in use.
    Waits { now: Instant, connections: usize, threads: ThreadCounts, bodies: BodiesNow },
    /// The application has so many threads of its own.
    Threads(usize),
    /// A thread of the application begins something: a call for the request of this environ, or else something more for
    /// the request that it has in hand.
    ThreadRuns { thread: usize, doing: ThreadDoing, now: Instant, environ: Option<&'a Environ> },
    /// A thread of the application has come back; its body is open still, or its request is done.
    ThreadRests { thread: usize, is_open: bool },
    /// A thread of the application did not come back in its time.
    ThreadLate(usize),
    /// A request that found no thread idle has waited for so long, until one was, or until something else came of it.
    Waited(Duration),
    /// A connection was accepted from the listener of this place.
    Accepted(usize),
    /// A connection of this listener stays open: it waits for something.
    Keeps(usize),
    /// A connection that stayed open is closed.
    LetsGo(usize),
    /// A request was dropped before the application was called, as its client had gone.
    Dropped,
    /// A request was answered with 503, as no thread came free for it.
    Shed,
    /// A connection was passed on to another worker.
    PassedOn,
    /// A connection was taken over from another worker.
    TakenOver,
    /// A thread of the application does not come back, and the worker is to be replaced.
    Late,
}

/// What happens, in this order; several times where the words say so.
#[derive(Clone, Copy)]
pub enum Event<'a> {
    /// Bytes were taken up, once or several times: as they arrive, and, where they stood behind another request,
    /// again when their own turn comes.
    Received {
        /// The one that sent them.
        peer: &'a Peer,
        /// How many.
        bytes: usize,
    },
    /// The request is complete; the application is called next, unless a file answers.
    Request {
        /// The one that asks.
        peer: &'a Peer,
        /// What it is in the protocol's words, made only when an observer calls this.
        packet: &'a dyn Fn() -> String,
        /// What the application is given.
        environ: &'a Environ,
        /// The file, or the folder, that it asks for, if it is one that is served beside the application.
        file: Option<&'a Path>,
    },
    /// The request is refused, before it was complete; this is what is known of it.
    Refused {
        /// What the application would have been given, as far as it was read, and without a body.
        environ: &'a Environ,
    },
    /// One of the application's own threads, where it has any, has the request and runs the call.
    Thread {
        /// Its number, from 0 on.
        number: usize,
        /// For how long the request waited for it.
        waited: Duration,
    },
    /// The application is asked for the next chunk of the body, once or several times.
    Step,
    /// The application has come back, from the call or from a step.
    Returned,
    /// The application has failed: an exception that it let out, or a body or a head that cannot be sent.
    Failed,
    /// The head that start_response was given is on its way.
    Start {
        /// The status and the fields.
        head: &'a ResponseHead,
    },
    /// A write took bytes, once or several times.
    Wrote {
        /// What was offered, in order; nothing for a piece of a file.
        parts: &'a [&'a [u8]],
        /// How many bytes of it were taken.
        bytes: usize,
    },
    /// The response is over, or the request was refused.
    Finished(&'a Summary<'a>),
    /// The connection is closed, whatever came of it. Nothing more is told of it.
    Closed,
}

/// One request in a line.
#[derive(Debug)]
pub struct Summary<'a> {
    /// The one that asked.
    pub peer: &'a Peer,
    /// The method and the target; `-` where they were not understood.
    pub request_line: Ascii<'a>,
    /// The status that was sent; 0 if none was.
    pub code: u16,
    /// Bytes that the peer's socket took, the head among them.
    pub bytes: u64,
    /// How many bytes of the response, if all of it was sent, are its head.
    pub head_bytes: u64,
    /// Whether all of the response was sent.
    pub complete: bool,
    /// Whether the application had had its time: a 504 was sent in place of its response, or that was broken off.
    pub timed_out: bool,
    /// Its response, where an application was asked.
    #[cfg_attr(not(feature = "command"), allow(dead_code, reason = "only the access log asks"))]
    pub(crate) started: Option<&'a Started>,
}

#[cfg(feature = "command")]
impl Summary<'_> {
    /// What the application has set for the access log under this name.
    pub(crate) fn note(&self, name: &str) -> Option<Vec<u8>> {
        self.started?.note(name)
    }
}
