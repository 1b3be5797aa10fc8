//! The access log: a line for each request.
//!
//! ```text
//! 2026-11-22T16:00:00.123Z 127.0.0.1:50712 GET /hello 200 95 38 52
//! time                     peer            method uri status bytes µs-to-the-first-byte µs-in-all
//! ```
//!
//! Fields are separated by one blank and hold none. A ninth, `broken-off`, stands where not all of the response
//! was sent. Times count from the request's first byte. What is no request in the protocol's grammar has `-`
//! for method and uri; a connection on which nothing was asked, or a ping, has no line.
//!
//! It is the server's output, while its log tells of its own affairs: so it goes to stdout, where it can be
//! sent elsewhere than the log on stderr. Each line is one write, whole at once and never mixed with another. What
//! cannot be written is lost, of which the log tells: a full disk is no reason not to serve, nor a reader that leaves.
//! The worker writes it itself, like all else: a full pipe that is not read stops the worker.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::ascii::Ascii;
use crate::telemetry::observer::{Event, Observer, Summary};
use crate::telemetry::output::Output;

/// Writes the lines.
pub(crate) struct AccessLog {
    out: Output,
    /// From a request's first byte until it is finished, or its connection closed.
    requests: HashMap<u64, Times>,
    line: String,
}

struct Times {
    began: Instant,
    first_byte: Option<Duration>,
}

impl AccessLog {
    /// A log that is written to `out`, a line at a time.
    pub(crate) fn new(out: Box<dyn Write + Send>) -> Self {
        let out = Output::new("the access log", out);
        AccessLog { out, requests: HashMap::new(), line: String::new() }
    }

    fn finished(&mut self, summary: &Summary<'_>, times: &Times) {
        self.line.clear();
        let line = &mut self.line;
        let all = times.began.elapsed();
        let first = times.first_byte.unwrap_or(all);
        let request = summary.request_line.0;
        let blank = request.iter().position(|byte| *byte == b' ').unwrap_or(request.len());
        let (method, uri) = (&request[..blank], request.get(blank + 1..).unwrap_or(b"-"));
        let written = writeln!(
            line,
            "{} {} {} {} {} {} {} {}{}",
            Utc(SystemTime::now()),
            summary.peer,
            Field(method),
            Field(uri),
            summary.code,
            summary.bytes,
            first.as_micros(),
            all.as_micros(),
            if summary.complete { "" } else { " broken-off" }
        );
        written.expect("a String takes all that is written");
        self.out.write(line);
    }
}

impl Observer for AccessLog {
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        match event {
            Event::Received { .. } => {
                let begin = || Times { began: Instant::now(), first_byte: None };
                self.requests.entry(connection).or_insert_with(begin);
            }
            Event::Wrote { .. } => {
                if let Some(times) = self.requests.get_mut(&connection) {
                    times.first_byte.get_or_insert_with(|| times.began.elapsed());
                }
            }
            Event::Finished(summary) => {
                if let Some(times) = self.requests.remove(&connection) {
                    self.finished(summary, &times);
                }
            }
            Event::Closed => {
                self.requests.remove(&connection);
            }
            _ => {}
        }
    }
}

/// Bytes as a field of the line: escaped, without a blank, never empty.
struct Field<'a>(&'a [u8]);

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("-");
        }
        for (at, part) in self.0.split(|byte| *byte == b' ').enumerate() {
            let blank = if at == 0 { "" } else { "\\x20" };
            write!(f, "{blank}{}", Ascii(part))?;
        }
        Ok(())
    }
}

/// A time as RFC 3339 writes it, in UTC, with milliseconds.
struct Utc(SystemTime);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        // Howard Hinnant's civil_from_days: years begin in March, and 400 of them have 146,097 days.
        let days = days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = era * 400 + year + carry;
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let milli = since.subsec_millis();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::net::stream::Peer;
    use crate::telemetry::output::tests::Writes;

    #[test]
    fn a_request_is_one_write_of_eight_fields() {
        let lines = Writes::default();
        let mut log = AccessLog::new(Box::new(lines.clone()));
        let summary = |request_line, complete| Summary {
            peer: &Peer::Unix,
            request_line: Ascii(request_line),
            code: 200,
            bytes: 95,
            complete,
        };
        for (request_line, complete) in [(&b"GET /a b\"\xff\n"[..], true), (b"-", true), (b"GET ", false)] {
            log.observe(7, Event::Received { peer: &Peer::Unix, bytes: 400 });
            log.observe(7, Event::Wrote { parts: &[b"x"], bytes: 95 });
            log.observe(7, Event::Finished(&summary(request_line, complete)));
        }
        let lines = lines.0.lock().unwrap();
        let fields: Vec<Vec<&str>> =
            lines.iter().map(|line| line.strip_suffix('\n').unwrap().split(' ').collect()).collect();
        assert_eq!(fields[0][1..6], ["unix", "GET", "/a\\x20b\\\"\\xff\\n", "200", "95"]);
        assert_eq!(fields[1][2..4], ["-", "-"]);
        assert_eq!((fields[2][3], fields[2][8]), ("-", "broken-off"));
        assert_eq!(fields.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8, 9]);
        for fields in fields {
            let [first, all] = [6, 7].map(|at| fields[at].parse::<u64>().unwrap());
            assert!(first <= all);
        }
        assert!(log.requests.is_empty());
    }

    #[test]
    fn nothing_is_kept_of_a_connection_that_is_closed() {
        let mut log = AccessLog::new(Box::new(io::sink()));
        for connection in 0..100 {
            log.observe(connection, Event::Received { peer: &Peer::Unix, bytes: 1 });
            log.observe(connection, Event::Closed);
        }
        assert!(log.requests.is_empty());
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (second, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_795_363_200, "2026-11-22T16:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Utc(UNIX_EPOCH + Duration::from_secs(second)).to_string(), text);
        }
    }
}
