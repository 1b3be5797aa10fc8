//! The trace: what happens to each request, as a person would tell it.
//!
//! A request is a number, its connection's; each line begins with it, as two requests may take turns. Then the
//! time since the request's first byte, and what happened:
//!
//! ```text
//! #1     0.000 ms  received        389 bytes from 127.0.0.1:43562
//! #1     0.038 ms  request         uwsgi packet: modifier1 0 (WSGI), datasize 385, modifier2 0
//! #1               environ         REQUEST_METHOD   GET
//! #1                               …
//! #1     0.041 ms  call            application(environ, start_response)
//! #1     0.067 ms  start_response  200 OK
//! #1                               Content-Type: text/plain
//! #1     0.101 ms  write           104 bytes
//! #1                               | HTTP/1.1 200 OK\r\n
//! #1                               …
//! #1     0.140 ms  finished        200, 104 bytes in 1 write
//! ```

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use crate::application::environ::Environ;
use crate::application::response_head::ResponseHead;
use crate::ascii::Ascii;
use crate::telemetry::observer::{Event, Observer};
use crate::telemetry::output::Output;

/// Writes the trace of every request.
pub(crate) struct Trace {
    out: Output,
    /// From a request's first byte until it is finished, or its connection closed.
    requests: HashMap<u64, Request>,
    text: String,
}

struct Request {
    began: Instant,
    writes: u64,
}

impl Trace {
    /// A trace that is written to `out`, an event at a time.
    pub(crate) fn new(out: Box<dyn Write + Send>) -> Self {
        Trace { out: Output::new("the trace", out), requests: HashMap::new(), text: String::new() }
    }
}

impl Observer for Trace {
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        if let Event::Received { .. } = event {
            let begin = || Request { began: Instant::now(), writes: 0 };
            self.requests.entry(connection).or_insert_with(begin);
        }
        let Some(request) = self.requests.get_mut(&connection) else { return };
        self.text.clear();
        let mut page = Page { text: &mut self.text, connection, request };
        page.tell(&event).expect("a String takes all that is written");
        if matches!(event, Event::Finished(_) | Event::Closed) {
            self.requests.remove(&connection);
        }
        if !self.text.is_empty() {
            self.out.write(self.text.as_bytes());
        }
    }
}

/// What is written of one event.
struct Page<'a> {
    text: &'a mut String,
    connection: u64,
    request: &'a mut Request,
}

impl Page<'_> {
    fn tell(&mut self, event: &Event<'_>) -> fmt::Result {
        match event {
            Event::Received { peer, bytes } => {
                self.begin("received", format_args!("{} from {peer}", Bytes(*bytes as u64)))
            }
            Event::Request { packet, environ, file, .. } => {
                self.begin("request", format_args!("{}", packet()))?;
                self.environ(environ)?;
                match file {
                    None => self.begin("call", format_args!("application(environ, start_response)")),
                    Some(path) => self.begin("file", format_args!("{}", Line(path.as_os_str().as_bytes()))),
                }
            }
            Event::Refused { environ } => {
                self.begin("refused", format_args!("{} {}", Ascii(environ.method()), Cut(environ.uri())))?;
                self.environ(environ)
            }
            Event::Step | Event::Returned | Event::Failed => Ok(()),
            Event::Thread { number, waited } => {
                let ms = waited.as_secs_f64() * 1e3;
                self.begin("thread", format_args!("{} has it, after {ms:.3} ms", number + 1))
            }
            Event::Start { head } => self.start(head),
            Event::Wrote { parts, bytes } => self.wrote(parts, *bytes),
            Event::Finished(summary) => {
                let writes = self.request.writes;
                let how = match (summary.complete, summary.timed_out) {
                    (true, false) => "",
                    (true, true) => "; the application had had its time",
                    (false, false) => "; broken off: not all of it was sent",
                    (false, true) => "; broken off: the application had had its time",
                };
                let bytes = Bytes(summary.bytes);
                let plural = if writes == 1 { "" } else { "s" };
                self.begin(
                    "finished",
                    format_args!("{}, {bytes} in {writes} write{plural}{how}\n", summary.code),
                )
            }
            Event::Closed => self.begin("closed", format_args!("with no request\n")),
        }
    }

    /// A line with the time.
    fn begin(&mut self, what: &str, text: fmt::Arguments<'_>) -> fmt::Result {
        let ms = self.request.began.elapsed().as_secs_f64() * 1e3;
        writeln!(self.text, "#{:<4} {ms:>9.3} ms  {what:<14}  {text}", self.connection)
    }

    /// A line that goes on with what the last one began.
    fn go_on(&mut self, what: &str, text: fmt::Arguments<'_>) -> fmt::Result {
        writeln!(self.text, "#{:<4} {:>12}  {what:<14}  {text}", self.connection, "")
    }

    fn environ(&mut self, environ: &Environ) -> fmt::Result {
        let width = environ.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let width = width.clamp("wsgi.url_scheme".len(), NAME_BYTES_MAX);
        let mut what = "environ";
        for (name, value) in environ.iter() {
            let name = Ascii(name).to_string();
            self.go_on(what, format_args!("{name:<width$}  {}", Cut(value)))?;
            what = "";
        }
        self.go_on(what, format_args!("{:<width$}  {}", "wsgi.url_scheme", environ.url_scheme()))?;
        let body = Bytes(environ.content_length().unwrap_or_default());
        self.go_on("", format_args!("{:<width$}  {body}", "wsgi.input"))
    }

    fn start(&mut self, head: &ResponseHead) -> fmt::Result {
        self.begin("start_response", format_args!("{}", Ascii(head.status())))?;
        for (name, value) in head.iter() {
            let ours = head.is_length_added() && name.eq_ignore_ascii_case(b"content-length");
            let note = if ours { "  (from the server: the length is known)" } else { "" };
            self.go_on("", format_args!("{}: {}{note}", Ascii(name), Cut(value)))?;
        }
        Ok(())
    }

    fn wrote(&mut self, parts: &[&[u8]], bytes: usize) -> fmt::Result {
        self.request.writes += 1;
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        if offered == 0 {
            return self.begin("write", format_args!("{} of a file", Bytes(bytes as u64)));
        }
        let rest = offered.saturating_sub(bytes);
        let taken = Bytes(bytes as u64);
        if rest > 0 {
            self.begin("write", format_args!("{taken}; the socket is full, {rest} more wait"))?;
        } else {
            self.begin("write", format_args!("{taken}"))?;
        }
        let mut left = bytes;
        for (at, part) in parts.iter().enumerate() {
            let part = &part[..left.min(part.len())];
            left -= part.len();
            // The first part is the head, or a frame's; the others are the body.
            self.bytes(part, if at == 0 { HEAD_LINES_MAX } else { BODY_LINES_MAX })?;
        }
        Ok(())
    }

    fn bytes(&mut self, mut part: &[u8], lines_max: usize) -> fmt::Result {
        for _ in 0..lines_max {
            let end = part.iter().position(|byte| *byte == b'\n').map_or(part.len(), |at| at + 1);
            let (line, rest) = part.split_at(end.min(VALUE_BYTES_MAX));
            if line.is_empty() {
                return Ok(());
            }
            self.go_on("", format_args!("| {}", Line(line)))?;
            part = rest;
        }
        if !part.is_empty() {
            self.go_on("", format_args!("| \u{2026} {} more", Bytes(part.len() as u64)))?;
        }
        Ok(())
    }
}

/// `1 byte`, `2 bytes`.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// A value, escaped, and cut where it is too long to be read anyway.
struct Cut<'a>(&'a [u8]);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, rest) = self.0.split_at(self.0.len().min(VALUE_BYTES_MAX));
        match (shown.len(), rest.len()) {
            (0, _) => f.write_str("(empty)"),
            (_, 0) => Line(shown).fmt(f),
            (_, rest) => write!(f, "{} \u{2026} {} more", Line(shown), Bytes(rest as u64)),
        }
    }
}

/// Bytes on one line: what is not printable is escaped, and nothing else.
struct Line<'a>(&'a [u8]);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            b'"' | b'\'' => f.write_char(char::from(*byte)),
            byte => write!(f, "{}", byte.escape_ascii()),
        })
    }
}

/// A column no wider than this is kept free for the variables' names, bytes.
const NAME_BYTES_MAX: usize = 30;
/// What is shown of a value, or of a line that was written, bytes.
const VALUE_BYTES_MAX: usize = 80;
/// Lines that are shown of a head, a count.
const HEAD_LINES_MAX: usize = 40;
/// Lines that are shown of a piece of the body, a count.
const BODY_LINES_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::input::Input;
    use crate::application::variables::Variables;
    use crate::net::stream::Peer;
    use crate::telemetry::observer::Summary;
    use crate::telemetry::output::tests::Writes;

    /// What is told of these events, without the times.
    fn told(events: Vec<Event<'_>>) -> Vec<String> {
        let text = Writes::default();
        let mut trace = Trace::new(Box::new(text.clone()));
        for event in events {
            trace.observe(3, event);
        }
        assert!(trace.requests.is_empty());
        let text = text.0.lock().unwrap().drain(..).collect::<Vec<_>>().concat();
        text.lines().filter(|line| !line.is_empty()).map(|line| line[20..].to_owned()).collect()
    }

    #[test]
    fn the_flow_is_told_in_order_and_aligned() {
        let mut variables = Variables::new();
        variables.set(b"REQUEST_METHOD", b"GET");
        variables.set(b"QUERY_STRING", b"");
        variables.set(b"HTTP_X", &[b'x'; 100]);
        let environ = Environ::new(variables, Input::default());
        let head = ResponseHead::new("200 OK", [("Content-Type", "text/plain")], 1_000).unwrap();
        let body = [b"\"i\\'\n".repeat(9), b"\x1b".to_vec()].concat();
        let summary = Summary {
            peer: &Peer::Unix,
            request_line: Ascii(b"GET /"),
            code: 200,
            bytes: 60,
            head_bytes: 19,
            complete: false,
            timed_out: false,
            started: None,
        };
        let lines = told(vec![
            Event::Received { peer: &Peer::Unix, bytes: 1 },
            Event::Request {
                peer: &Peer::Unix,
                packet: &|| "uwsgi packet".to_owned(),
                environ: &environ,
                file: None,
            },
            Event::Start { head: &head },
            Event::Wrote { parts: &[b"HTTP/1.1 200 OK\r\n\r\n", &body, b""], bytes: 51 },
            Event::Wrote { parts: &[], bytes: 9 },
            Event::Finished(&summary),
        ]);
        let long = "x".repeat(80);
        let want = [
            "received        1 byte from unix",
            "request         uwsgi packet",
            "environ         REQUEST_METHOD   GET",
            "                QUERY_STRING     (empty)",
            &format!("                HTTP_X           {long} \u{2026} 20 bytes more"),
            "                wsgi.url_scheme  http",
            "                wsgi.input       0 bytes",
            "call            application(environ, start_response)",
            "start_response  200 OK",
            "                Content-Type: text/plain",
            "write           51 bytes; the socket is full, 14 more wait",
            "                | HTTP/1.1 200 OK\\r\\n",
            "                | \\r\\n",
            "                | \"i\\\\'\\n",
            "                | \"i\\\\'\\n",
            "                | \"i\\\\'\\n",
            "                | \"i\\\\'\\n",
            "                | \"i\\\\'\\n",
            "                | \u{2026} 7 bytes more",
            "write           9 bytes of a file",
            "finished        200, 60 bytes in 2 writes; broken off: not all of it was sent",
        ];
        assert_eq!(lines, want);
    }

    #[test]
    fn a_connection_that_asked_nothing_is_told_and_forgotten() {
        let lines = told(vec![Event::Received { peer: &Peer::Unix, bytes: 3 }, Event::Closed]);
        assert_eq!(lines, ["received        3 bytes from unix", "closed          with no request"]);
    }
}
