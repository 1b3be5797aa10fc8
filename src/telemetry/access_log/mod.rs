//! The access log: a line for each request.
//!
//! ```text
//! 2026-11-22T16:00:00.123Z 192.0.2.7 GET /hello 200 95 38 52
//! time                     client    method uri status bytes µs-to-the-first-byte µs-in-all
//! ```
//!
//! Fields are separated by one blank and hold none. A ninth stands where a request did not end well: `broken-off` where
//! not all of the response was sent, `timeout` where the application had had its time. The client is REMOTE_ADDR as the
//! application sees it. Times count from the request's first byte. What is no request in the protocol's grammar has `-`
//! for what was not read of it, and the peer for the client; a connection on which nothing was asked, or a ping, has no line.
//! [`Format`] has the other forms of a line.
//!
//! It is the server's output, while its log tells of its own affairs: so it goes to stdout, where it can be
//! sent elsewhere than the log on stderr. Each line is one write, whole at once and never mixed with another. What
//! cannot be written is lost, of which the log tells: a full disk is no reason not to serve, nor a reader that leaves.
//! The worker writes it itself, like all else: a full pipe that is not read stops the worker.
//!
//! A request whose worker dies has its line too, from the master ([`InHand`]).
//!
//! # How this works
//!
//! The environ is the application's from its call on. So what a line has of it is copied just before, escaped as it will
//! stand there; what else a line has, and its order, is put together at the request's end.

mod calendar;
mod captured;
mod escape;
mod facts;
mod fields;
mod format;
mod in_hand;
mod line;
mod selection;

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::ascii::Ascii;
use crate::telemetry::observer::{Event, Observer, Summary};
use crate::telemetry::output::Output;
use captured::Captured;
use escape::Escape;
use facts::Facts;
pub(crate) use format::{ESCAPE_JSON, Format, FormatError};
pub(crate) use in_hand::InHand;
use in_hand::OwnEntries;
use line::{Ended, LineWriter};
pub(crate) use selection::{Condition, Exception, Selection};

/// Writes the lines.
pub(crate) struct AccessLog {
    out: Output,
    format: Format,
    selection: Selection,
    /// The number of the worker that writes; `None` where there is no master.
    worker: Option<u32>,
    pid: u32,
    /// From a request's first byte until it is finished, or its connection closed.
    requests: HashMap<u64, Request>,
    /// Where the master finds the requests in hand if this process dies.
    entries: Option<OwnEntries>,
    /// Buffers of requests that are over.
    spare: Vec<Captured>,
    writer: LineWriter,
    /// Requests that are over.
    count: u64,
    /// Where all workers count theirs.
    total: Option<&'static InHand>,
}

struct Request {
    began: Instant,
    first_byte: Option<Duration>,
    /// The application's thread that has it, from 0 on, and for how long it waited for one.
    thread: Option<(usize, Duration)>,
    captured: Captured,
    /// If the format has them.
    facts: Option<Facts>,
    /// Its line is not wanted, whatever becomes of it.
    is_left_out: bool,
    /// Its entry among those in hand.
    entry: Option<usize>,
}

/// How many requests there were: this process's, and all workers'.
#[derive(Clone, Copy, Debug)]
struct Counts {
    own: u64,
    all: u64,
}

impl AccessLog {
    /// A log of lines of this form, written to `out`, a line at a time.
    pub(crate) fn new(out: Box<dyn Write + Send>, format: Format, worker: Option<u32>) -> Self {
        AccessLog {
            out: Output::new("the access log", out),
            format,
            selection: Selection::default(),
            worker,
            pid: std::process::id(),
            entries: None,
            requests: HashMap::new(),
            spare: Vec::new(),
            writer: LineWriter::default(),
            count: 0,
            total: None,
        }
    }

    /// The same, of the worker in this place of the scoreboard. `zero` is a moment that all processes know.
    pub(crate) fn in_hand(self, in_hand: &'static InHand, slot: usize, zero: Instant) -> Self {
        AccessLog { entries: in_hand.own_entries(slot, zero), total: Some(in_hand), ..self }
    }

    /// The same, of these requests only.
    pub(crate) fn of(self, selection: Selection) -> Self {
        AccessLog { selection, ..self }
    }

    /// The log of another process.
    pub(crate) fn of_process(self, pid: u32) -> Self {
        AccessLog { pid, ..self }
    }

    /// Writes the lines of what a worker that has died had in hand. `reply_bytes` is what it said at its abort on the one
    /// connection whose call did not come back; `None` if it was not aborted in one.
    pub(crate) fn ended(&mut self, in_hand: &InHand, slot: usize, zero: Instant, reply_bytes: Option<u64>) {
        for left in in_hand.take(slot, self.format.told.len(), zero) {
            let timed_out = reply_bytes.is_some() && left.was_running;
            let replied = reply_bytes.filter(|bytes| timed_out && left.code == 0 && *bytes > 0);
            let summary = Summary {
                peer: &left.peer,
                request_line: Ascii(b"-"),
                code: if replied.is_some() { 504 } else { left.code },
                bytes: left.bytes + replied.unwrap_or_default(),
                head_bytes: 0,
                complete: replied.is_some(),
                timed_out,
                started: None,
            };
            self.finished(&summary, &left.request);
        }
    }

    fn finished(&mut self, summary: &Summary<'_>, request: &Request) {
        self.count += 1;
        let all = request.began.elapsed();
        let of_all = if self.format.has_count { self.total.map(InHand::count) } else { None };
        if request.is_left_out || !self.selection.takes(summary, all) {
            return;
        }
        let counts = Counts { own: self.count, all: of_all.unwrap_or(self.count) };
        let (worker, pid) = (self.worker, self.pid);
        let line = self.writer.line(&self.format, &Ended { summary, request, all, worker, pid, counts });
        self.out.write(line);
    }
}

impl Observer for AccessLog {
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        if let Event::Received { .. } = event {
            let spare = &mut self.spare;
            self.requests.entry(connection).or_insert_with(|| Request {
                began: Instant::now(),
                first_byte: None,
                thread: None,
                captured: spare.pop().unwrap_or_default(),
                facts: None,
                is_left_out: false,
                entry: None,
            });
            return;
        }
        if let Event::Finished(_) | Event::Closed = event {
            let Some(request) = self.requests.remove(&connection) else { return };
            if let Event::Finished(summary) = event {
                self.finished(summary, &request);
            }
            return self.forget(request);
        }
        let Some(request) = self.requests.get_mut(&connection) else { return };
        if let Event::Request { environ, .. } | Event::Refused { environ } = event {
            request.captured.capture(&self.format, environ);
            request.is_left_out = self.selection.leaves_out(environ);
            request.facts = self.format.has_facts.then(|| Facts::of(environ));
        }
        if let Some(facts) = &mut request.facts {
            match event {
                Event::Step => facts.steps += 1,
                Event::Start { head } => facts.add_head(head),
                _ => {}
            }
        }
        if let Event::Request { peer, file, .. } = event
            && !request.is_left_out
        {
            request.entry =
                self.entries.as_mut().and_then(|entries| entries.begin(request, peer, file.is_none()));
        }
        if let Event::Wrote { .. } = event {
            request.first_byte.get_or_insert_with(|| request.began.elapsed());
        }
        if let Event::Thread { number, waited } = event {
            request.thread = Some((number, waited));
        }
        let Some((entries, entry)) = self.entries.as_ref().zip(request.entry) else { return };
        match event {
            Event::Thread { number, waited } => entries.has_thread(entry, number, waited),
            Event::Step => entries.runs(entry, true),
            Event::Returned => entries.runs(entry, false),
            Event::Start { head } => entries.starts(entry, head.code()),
            Event::Wrote { bytes, .. } => entries.wrote(entry, bytes, request.first_byte.unwrap_or_default()),
            _ => {}
        }
    }
}

impl AccessLog {
    /// Keeps a request's buffers for another, unless it was one of many, or large.
    fn forget(&mut self, Request { mut captured, entry, .. }: Request) {
        if let Some((entries, entry)) = self.entries.as_mut().zip(entry) {
            entries.end(entry);
        }
        if self.spare.len() < SPARE_COUNT && captured.capacity() <= SPARE_BYTES {
            captured.clear();
            self.spare.push(captured);
        }
    }
}

/// Buffers that are kept, a count, and how large each may be, bytes.
const SPARE_COUNT: usize = 64;
const SPARE_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests;
