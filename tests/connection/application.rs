//! An application that does what a script says, and keeps count.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tidegate::{AppError, Body, Environ, StartResponse};

use crate::scripted::Wire;

/// What the application does in its call, and the body that it returns if the call gets that far.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) call: Vec<Do>,
    pub(crate) body: Content,
}

/// What an application's code can do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Do {
    /// start_response with this status and these fields; an error is handed on.
    Start(&'static str, Fields),
    /// start_response with exc_info; an error is handed on.
    Replace(&'static str, Fields),
    /// Ends a step of the iterator with this chunk.
    Yield(&'static str),
    Fail,
    Panic,
}

pub(crate) type Fields = &'static [(&'static str, &'static str)];

/// The body that the call returns.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Chunk(&'static str),
    /// An iterator that does this, a step for each Yield.
    Steps(Vec<Do>),
    /// As `Steps`, and its close panics.
    ClosesBadly(Vec<Do>),
    /// An iterator that yields this for ever.
    Endless(&'static str),
    /// This file from the offset on, and as many bytes as are said, which the file need not have.
    File(&'static str, u64, u64),
}

/// What became of the application's work; a handle on the one record.
#[derive(Clone)]
pub(crate) struct Record {
    /// The bodies of the requests, one for each call.
    pub(crate) inputs: Rc<RefCell<Vec<Vec<u8>>>>,
    /// What the peer had got when the iterator was asked for each step, bytes.
    pub(crate) pulls: Rc<RefCell<Vec<usize>>>,
    bodies_made: Rc<Cell<usize>>,
    bodies_closed: Arc<AtomicUsize>,
    wire: Rc<RefCell<Wire>>,
}

impl Record {
    pub(crate) fn new(wire: Rc<RefCell<Wire>>) -> Self {
        Record {
            inputs: Rc::default(),
            pulls: Rc::default(),
            bodies_made: Rc::default(),
            bodies_closed: Arc::default(),
            wire,
        }
    }

    /// How many bodies were made, and how many closes there were.
    pub(crate) fn bodies(&self) -> (usize, usize) {
        (self.bodies_made.get(), self.bodies_closed.load(Ordering::Relaxed))
    }

    /// Makes a mark that counts when it is dropped.
    fn mark(&self, panics: bool) -> Mark {
        self.bodies_made.set(self.bodies_made.get() + 1);
        Mark { closed: Arc::clone(&self.bodies_closed), panics }
    }
}

impl Script {
    /// Answers a request.
    pub(crate) fn call(
        &self,
        mut environ: Environ,
        start_response: StartResponse,
        record: &Record,
    ) -> Result<Body, AppError> {
        let mut input = Vec::new();
        environ.input().read_to_end(&mut input)?;
        record.inputs.borrow_mut().push(input);
        for what in &self.call {
            assert!(what.run(&start_response)?.is_none(), "only a body yields");
        }
        Ok(self.body.make(start_response, record))
    }
}

impl Do {
    fn run(self, start_response: &StartResponse) -> Result<Option<Bytes>, AppError> {
        match self {
            Do::Start(status, fields) => start_response.start(status, fields.iter().copied())?,
            Do::Replace(status, fields) => start_response.replace(status, fields.iter().copied())?,
            Do::Yield(chunk) => return Ok(Some(Bytes::from_static(chunk.as_bytes()))),
            Do::Fail => return Err(AppError::new("as the script says")),
            Do::Panic => panic!("as the script says"),
        }
        Ok(None)
    }
}

impl Content {
    fn make(&self, start_response: StartResponse, record: &Record) -> Body {
        match self {
            Content::Chunk(chunk) => {
                Body::from(Bytes::from_owner(Chunk { chunk, _mark: record.mark(false) }))
            }
            Content::Steps(steps) => Body::chunks(Steps::new(steps, start_response, record, false)),
            Content::ClosesBadly(steps) => Body::chunks(Steps::new(steps, start_response, record, true)),
            Content::Endless(chunk) => {
                let (chunk, mark, record) = (*chunk, record.mark(false), record.clone());
                Body::chunks(std::iter::repeat_with(move || {
                    let _in_the_body = &mark;
                    record.pulls.borrow_mut().push(record.wire.borrow().written.len());
                    Ok(Bytes::from_static(chunk.as_bytes()))
                }))
            }
            Content::File(content, offset, len) => {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(content.as_bytes()).unwrap();
                Body::file_part(file, *offset, *len)
            }
        }
    }
}

/// An iterator over a script.
struct Steps {
    steps: VecDeque<Do>,
    start_response: StartResponse,
    record: Record,
    _mark: Mark,
}

impl Steps {
    fn new(steps: &[Do], start_response: StartResponse, record: &Record, closes_badly: bool) -> Self {
        let (steps, mark) = (steps.iter().copied().collect(), record.mark(closes_badly));
        Steps { steps, start_response, record: record.clone(), _mark: mark }
    }
}

impl Iterator for Steps {
    type Item = Result<Bytes, AppError>;

    fn next(&mut self) -> Option<Self::Item> {
        let written = self.record.wire.borrow().written.len();
        self.record.pulls.borrow_mut().push(written);
        while let Some(what) = self.steps.pop_front() {
            match what.run(&self.start_response).transpose() {
                None => {}
                some => return some,
            }
        }
        None
    }
}

struct Chunk {
    chunk: &'static str,
    _mark: Mark,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self.chunk.as_bytes()
    }
}

/// Lives as long as a body.
struct Mark {
    closed: Arc<AtomicUsize>,
    panics: bool,
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics, "as the script says");
    }
}
