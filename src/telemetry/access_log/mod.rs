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
mod escape;
mod format;
mod in_hand;

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::application::environ::Environ;
use crate::ascii::Ascii;
use crate::net::stream::Peer;
use crate::telemetry::observer::{Event, Observer, Summary};
use crate::telemetry::output::Output;
use calendar::Calendar;
pub(crate) use format::{Format, FormatError};
use format::{Known, Piece, Time, Told};
pub(crate) use in_hand::InHand;
use in_hand::Pen;

/// Writes the lines.
pub(crate) struct AccessLog {
    out: Output,
    format: Format,
    /// The number of the worker that writes; `None` where there is no master.
    worker: Option<u32>,
    pid: u32,
    /// From a request's first byte until it is finished, or its connection closed.
    requests: HashMap<u64, Request>,
    /// Where the master finds the requests in hand if this process dies.
    pen: Option<Pen>,
    /// Buffers of requests that are over.
    spare: Vec<Saying>,
    calendar: Calendar,
    line: Vec<u8>,
}

struct Request {
    began: Instant,
    first_byte: Option<Duration>,
    /// The application's thread that has it, from 0 on, and for how long it waited for one.
    thread: Option<(usize, Duration)>,
    saying: Saying,
    /// Its entry among those in hand.
    entry: Option<usize>,
}

/// What a request says of itself, as far as the format has it: one behind the other, as they will stand in the line.
#[derive(Default)]
struct Saying {
    text: Vec<u8>,
    /// Where each ends. What is not known has no length.
    ends: Vec<usize>,
}

impl AccessLog {
    /// A log of lines of this form, written to `out`, a line at a time.
    pub(crate) fn new(out: Box<dyn Write + Send>, format: Format, worker: Option<u32>) -> Self {
        AccessLog {
            out: Output::new("the access log", out),
            format,
            worker,
            pid: std::process::id(),
            pen: None,
            requests: HashMap::new(),
            spare: Vec::new(),
            calendar: Calendar::default(),
            line: Vec::new(),
        }
    }

    /// The same, of the worker in this place of the scoreboard. `zero` is a moment that all processes know.
    pub(crate) fn in_hand(self, in_hand: &'static InHand, slot: usize, zero: Instant) -> Self {
        AccessLog { pen: in_hand.pen(slot, zero), ..self }
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
            };
            self.finished(&summary, &left.request);
        }
    }

    fn finished(&mut self, summary: &Summary<'_>, request: &Request) {
        self.line.clear();
        let line = &mut self.line;
        let all = request.began.elapsed();
        let first = request.first_byte.unwrap_or(all);
        let (peer, absent) = (summary.peer, self.format.absent);
        let number = |line: &mut Vec<u8>, number: Option<u128>| match number {
            Some(number) => line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            None => line.extend_from_slice(absent.as_bytes()),
        };
        for piece in &self.format.pieces {
            let known = match piece {
                Piece::Text(text) => {
                    line.extend_from_slice(text.as_bytes());
                    continue;
                }
                Piece::Told(at) => {
                    let (told, escape) = &self.format.told[*at];
                    match (request.saying.part(*at), told, peer) {
                        (b"", Told::Client, Peer::Tcp(address)) => {
                            escape.write(address.ip().to_canonical().to_string().as_bytes(), line);
                        }
                        (b"", Told::Client, Peer::Unix) => escape.write(b"unix", line),
                        (b"", ..) => line.extend_from_slice(absent.as_bytes()),
                        (part, ..) => line.extend_from_slice(part),
                    }
                    continue;
                }
                Piece::Time(Time::Date) => {
                    self.calendar.write_date(line);
                    continue;
                }
                Piece::Time(Time::Common) => {
                    self.calendar.write_common(line);
                    continue;
                }
                Piece::BadEnding => {
                    if summary.timed_out || !summary.complete {
                        line.push(b' ');
                        line.extend_from_slice(ending(summary).as_bytes());
                    }
                    continue;
                }
                Piece::JsonEnding => {
                    write!(line, "\"{}\"", ending(summary)).expect("a Vec takes every write");
                    continue;
                }
                Piece::Known(known) => known,
            };
            match known {
                Known::Peer => write!(line, "{peer}").expect("a Vec takes every write"),
                Known::Status => number(line, Some(summary.code.into())),
                Known::ThreeDigits if summary.code == 0 => line.extend_from_slice(b"000"),
                Known::ThreeDigits => number(line, Some(summary.code.into())),
                Known::Bytes => number(line, Some(summary.bytes.into())),
                Known::BodyBytes => {
                    number(line, Some(summary.bytes.saturating_sub(summary.head_bytes).into()));
                }
                Known::FirstByteMicros => number(line, Some(first.as_micros())),
                Known::Micros => number(line, Some(all.as_micros())),
                Known::WaitMicros => number(line, request.thread.map(|(_, waited)| waited.as_micros())),
                Known::Worker => number(line, self.worker.map(u128::from)),
                Known::Pid => number(line, Some(self.pid.into())),
                Known::Thread => number(line, request.thread.map(|(thread, _)| thread as u128 + 1)),
                Known::Ending => line.extend_from_slice(ending(summary).as_bytes()),
            }
        }
        line.push(b'\n');
        self.out.write(line);
    }
}

impl Saying {
    /// Takes what the format has of the request.
    fn listen(&mut self, format: &Format, environ: &Environ) {
        self.text.clear();
        self.ends.clear();
        for (told, escape) in &format.told {
            match told {
                Told::Variable(name) => self.say(environ.get(name), escape),
                Told::Client => self.say(environ.get(b"REMOTE_ADDR"), escape),
                Told::Uri => self.say(Some(environ.uri()), escape),
                Told::RequestLine => {
                    let protocol = environ.get(b"SERVER_PROTOCOL").unwrap_or_default();
                    let blank: &[u8] = if protocol.is_empty() { b"" } else { b" " };
                    let parts = [environ.method(), b" ", environ.uri(), blank, protocol];
                    // Escaped as a whole: in JSON it is one string.
                    self.say(Some(&parts.concat()), escape);
                }
            }
        }
    }

    fn say(&mut self, value: Option<&[u8]>, escape: &escape::Escape) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            escape.write(value, &mut self.text);
        }
        self.ends.push(self.text.len());
    }

    /// Appends one, as it will stand in the line.
    fn take(&mut self, part: &[u8]) {
        self.text.extend_from_slice(part);
        self.ends.push(self.text.len());
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|at| self.part(at))
    }

    /// The one of this place; empty if it is not known.
    fn part(&self, at: usize) -> &[u8] {
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.ends.get(at).map_or(b"", |end| &self.text[begin..*end])
    }
}

/// How it has ended.
fn ending(summary: &Summary<'_>) -> &'static str {
    match (summary.timed_out, summary.complete) {
        (true, _) => "timeout",
        (false, false) => "broken-off",
        (false, true) => "complete",
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
                saying: spare.pop().unwrap_or_default(),
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
        if let Event::Request { environ, peer, file, .. } = event {
            request.saying.listen(&self.format, environ);
            request.entry = self.pen.as_mut().and_then(|pen| pen.begin(request, peer, file.is_none()));
        }
        if let Event::Refused { environ } = event {
            request.saying.listen(&self.format, environ);
        }
        if let Event::Wrote { .. } = event {
            request.first_byte.get_or_insert_with(|| request.began.elapsed());
        }
        if let Event::Thread { number, waited } = event {
            request.thread = Some((number, waited));
        }
        let Some((pen, entry)) = self.pen.as_ref().zip(request.entry) else { return };
        match event {
            Event::Thread { number, waited } => pen.has_thread(entry, number, waited),
            Event::Step => pen.runs(entry, true),
            Event::Returned => pen.runs(entry, false),
            Event::Start { head } => pen.starts(entry, head.code()),
            Event::Wrote { bytes, .. } => pen.wrote(entry, bytes, request.first_byte.unwrap_or_default()),
            _ => {}
        }
    }
}

impl AccessLog {
    /// Keeps a request's buffers for another, unless it was one of many, or large.
    fn forget(&mut self, Request { mut saying, entry, .. }: Request) {
        if let Some((pen, entry)) = self.pen.as_mut().zip(entry) {
            pen.end(entry);
        }
        if self.spare.len() < SPARE_COUNT && saying.text.capacity() <= SPARE_BYTES {
            saying.text.clear();
            saying.ends.clear();
            self.spare.push(saying);
        }
    }
}

/// Buffers that are kept, a count, and how large each may be, bytes.
const SPARE_COUNT: usize = 64;
const SPARE_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests;
