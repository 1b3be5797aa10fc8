//! A reply as it comes: is it whole, and is it the right one?

use memchr::memmem::{Finder, find};

use super::super::request::{Chunks, Framing, Head, Protocol, Records};
use super::tally::Kind;

/// What every reply must be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Statuses from the first to the last.
    pub(super) statuses: std::ops::RangeInclusive<u16>,
    /// What the body must hold.
    pub(super) text: Option<Finder<'static>>,
}

/// What is wrong with a reply: its kind, and a line that tells of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) kind: Kind,
    pub(super) why: String,
}

/// A reply of which something may have come.
#[derive(Clone)]
pub(super) struct Incoming {
    records: Option<Records>,
    part: Part,
    protocol: Protocol,
    is_head: bool,
    head: Vec<u8>,
    code: u16,
    closes: bool,
    /// Replies of 1xx that came before.
    interims: u32,
    /// The body's bytes so far.
    body_bytes: u64,
    text: Text,
}

#[derive(Clone)]
enum Part {
    Head,
    /// The rest of the body, bytes; `None` if its end is that of what it comes in.
    Body(Option<u64>),
    Chunks(Chunks),
    Over,
}

/// The search for a text that may stand across two pieces.
#[derive(Clone, Default)]
struct Text {
    is_found: bool,
    /// The end of what has come: what might be the text's beginning.
    tail: Vec<u8>,
}

impl Incoming {
    /// Nothing has come yet of the reply to a request, a HEAD perhaps.
    pub(super) fn new(protocol: Protocol, is_head: bool) -> Self {
        let records = (protocol == Protocol::Fastcgi).then(|| Records::new(|_| {}));
        let (head, text) = (Vec::new(), Text::default());
        Incoming {
            records,
            part: Part::Head,
            protocol,
            is_head,
            head,
            code: 0,
            closes: false,
            interims: 0,
            body_bytes: 0,
            text,
        }
    }

    /// Takes what has come. Returns whether the reply is whole.
    pub(super) fn take(&mut self, mut bytes: &[u8], wanted: &Wanted) -> Result<bool, Wrong> {
        let Some(mut records) = self.records else {
            self.content(bytes, wanted)?;
            return Ok(self.is_over());
        };
        while !bytes.is_empty() && !records.is_over() {
            let piece = records.next(bytes).map_err(|error| garbled(error.to_string()))?;
            if piece.is_content {
                self.content(&bytes[..piece.taken], wanted)?;
            }
            bytes = &bytes[piece.taken..];
        }
        self.records = Some(records);
        if !records.is_over() {
            return Ok(false);
        }
        if !bytes.is_empty() {
            return Err(garbled("bytes behind END_REQUEST".to_owned()));
        }
        self.end().map(|()| true)
    }

    /// The end of what the reply comes in.
    pub(super) fn end(&mut self) -> Result<(), Wrong> {
        let is_cut = self.records.is_some_and(|records| !records.is_over());
        let short = |why: String| Err(Wrong { kind: Kind::Short, why });
        match &self.part {
            Part::Head if self.head.is_empty() => short("closed without a reply".to_owned()),
            Part::Head => short("it ends in its head".to_owned()),
            Part::Body(Some(left @ 1..)) => {
                let (there, all) = (self.body_bytes, self.body_bytes + left);
                short(format!("it ends after {there} of the {all} bytes of its body"))
            }
            Part::Chunks(_) => short("it ends before the last chunk".to_owned()),
            _ if is_cut => short("it ends before END_REQUEST".to_owned()),
            Part::Body(_) | Part::Over => {
                // END_REQUEST leaves the connection open; else its end was the reply's, and nothing can be asked on it.
                self.closes |= self.records.is_none();
                self.part = Part::Over;
                Ok(())
            }
        }
    }

    /// What has come of a reply that is not whole, in words.
    pub(super) fn so_far(&self) -> String {
        match self.part {
            Part::Head if self.head.is_empty() => "nothing".to_owned(),
            Part::Head => format!("{} bytes of its head", self.head.len()),
            _ => format!("its head, and {} bytes of its body", self.body_bytes),
        }
    }

    /// Whether nothing has come.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && matches!(self.part, Part::Head)
    }

    /// The status; 0 before the head is there.
    pub(super) fn code(&self) -> u16 {
        self.code
    }

    /// Whether the connection is over with the reply: the server said so over HTTP, or has closed it.
    pub(super) fn closes(&self) -> bool {
        self.closes
    }

    /// Whether a reply that is whole is the right one.
    pub(super) fn judge(&self, wanted: &Wanted) -> Result<(), Wrong> {
        if !wanted.statuses.contains(&self.code) {
            return Err(Wrong { kind: Kind::Status, why: first_line(&self.head, self.code) });
        }
        if wanted.text.is_some() && !self.text.is_found {
            let why = format!("the text of --expect is not among {} bytes", self.body_bytes);
            return Err(Wrong { kind: Kind::Text, why });
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        matches!(self.part, Part::Over)
    }

    fn content(&mut self, mut bytes: &[u8], wanted: &Wanted) -> Result<(), Wrong> {
        while matches!(self.part, Part::Head) {
            let Some(taken) = self.take_head(bytes)? else { return Ok(()) };
            bytes = &bytes[taken..];
        }
        match &mut self.part {
            Part::Body(left) => {
                let count = left.map_or(bytes.len() as u64, |left| left.min(bytes.len() as u64));
                // No more than `bytes` has.
                let (body, rest) = bytes.split_at(count as usize);
                *left = left.map(|left| left - count);
                // A record's end is FastCGI's business.
                if *left == Some(0) && self.records.is_none() {
                    self.part = Part::Over;
                }
                self.body(body, wanted);
                bytes = rest;
            }
            Part::Chunks(chunks) => {
                let mut chunks = chunks.clone();
                while !bytes.is_empty() && !chunks.is_over() {
                    let piece = chunks.next(bytes).map_err(|error| garbled(error.to_string()))?;
                    if piece.is_content {
                        self.body(&bytes[..piece.taken], wanted);
                    }
                    bytes = &bytes[piece.taken..];
                }
                self.part = if chunks.is_over() { Part::Over } else { Part::Chunks(chunks) };
            }
            Part::Head | Part::Over => {}
        }
        if bytes.is_empty() {
            return Ok(());
        }
        Err(garbled(format!("{} bytes behind its end", bytes.len())))
    }

    /// Takes bytes of the head. Returns how many are done with once it is whole.
    fn take_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Wrong> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let wants_status_line = matches!(self.protocol, Protocol::Uwsgi | Protocol::Http);
        let begin = &self.head[..self.head.len().min(BEGIN.len())];
        if wants_status_line && begin != &BEGIN[..begin.len()] {
            let begin = self.head[..self.head.len().min(40)].escape_ascii();
            return Err(garbled(format!("it begins with \"{begin}\"")));
        }
        let from = before.saturating_sub(3);
        let rest = &self.head[from..];
        let ends = [find(rest, b"\n\r\n").map(|at| at + 3), find(rest, b"\n\n").map(|at| at + 2)];
        let Some(end) = ends.into_iter().flatten().min().map(|at| from + at) else {
            if self.head.len() > HEAD_BYTES_MAX {
                return Err(garbled(format!("a head of more than {HEAD_BYTES_MAX} bytes")));
            }
            return Ok(None);
        };
        self.head.truncate(end);
        let head = Head::parse(std::mem::take(&mut self.head)).map_err(|error| garbled(error.to_string()))?;
        self.code = head.code();
        // An interim reply (RFC 9110, section 15.2): another head follows.
        if self.protocol == Protocol::Http && (100..200).contains(&self.code) {
            self.interims += 1;
            if self.interims > INTERIMS_MAX {
                return Err(garbled(format!("more than {INTERIMS_MAX} interim replies, and none at last")));
            }
            return Ok(Some(end - before));
        }
        self.closes = head.closes();
        self.part = match head.content_length() {
            _ if !head.has_body(self.is_head) => Part::Body(Some(0)),
            _ if head.is_chunked() => Part::Chunks(Chunks::default()),
            length => Part::Body(length),
        };
        if matches!(self.part, Part::Body(Some(0))) && self.records.is_none() {
            self.part = Part::Over;
        }
        // What there is to know of it, should its status be wrong.
        self.head = head.into_bytes();
        Ok(Some(end - before))
    }

    fn body(&mut self, bytes: &[u8], wanted: &Wanted) {
        self.body_bytes += bytes.len() as u64;
        if let Some(finder) = &wanted.text {
            self.text.search(bytes, finder);
        }
    }
}

impl Text {
    fn search(&mut self, bytes: &[u8], finder: &Finder<'_>) {
        if self.is_found {
            return;
        }
        self.tail.extend_from_slice(bytes);
        self.is_found = finder.find(&self.tail).is_some();
        let kept = finder.needle().len().saturating_sub(1);
        self.tail.drain(..self.tail.len().saturating_sub(kept));
    }
}

fn first_line(head: &[u8], code: u16) -> String {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let line = &line[..line.len().min(LINE_BYTES_MAX)];
    if line.starts_with(b"HTTP/") { line.escape_ascii().to_string() } else { code.to_string() }
}

fn garbled(why: String) -> Wrong {
    Wrong { kind: Kind::Garbled, why }
}

const BEGIN: &[u8] = b"HTTP/1.";
/// So much of a status line is told, bytes.
const LINE_BYTES_MAX: usize = 100;
/// A reply's head is no longer than this, bytes; no front end takes so much.
const HEAD_BYTES_MAX: usize = 1 << 20;
/// Interim replies before the last one: a server may say 102 every few seconds, but not for ever.
const INTERIMS_MAX: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Wanted {
        let text = Some(text).filter(|text| !text.is_empty());
        Wanted { statuses: 200..=399, text: text.map(|text| Finder::new(text).into_owned()) }
    }

    /// What becomes of a reply that ends with its connection: the kind of what is wrong, and the body's bytes.
    fn read(protocol: Protocol, pieces: &[&[u8]], wanted: &Wanted) -> Result<u64, Kind> {
        let mut incoming = Incoming::new(protocol, false);
        let mut is_over = false;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            is_over = incoming.take(piece, wanted).map_err(|wrong| wrong.kind)?;
        }
        if !is_over {
            incoming.end().map_err(|wrong| wrong.kind)?;
        }
        incoming.judge(wanted).map_err(|wrong| wrong.kind)?;
        Ok(incoming.body_bytes)
    }

    #[test]
    fn a_reply_is_whole_at_any_split() {
        let record = |kind: u8, text: &[u8]| [&[1, kind, 0, 1, 0, text.len() as u8, 0, 0], text].concat();
        let fastcgi = [
            record(6, b"Status: 200 OK\r\nContent-Length: 5\r\n\r\nhe"),
            record(7, b"a word"),
            record(6, b"llo"),
            record(3, &[0; 8]),
        ];
        for (protocol, reply) in [
            (Protocol::Uwsgi, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec()),
            (Protocol::Uwsgi, b"HTTP/1.1 200 OK\n\nhello".to_vec()),
            (Protocol::Scgi, b"Status: 200\r\n\r\nhello".to_vec()),
            (
                Protocol::Http,
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec(),
            ),
            (
                Protocol::Http,
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
                    .to_vec(),
            ),
            (Protocol::Fastcgi, fastcgi.concat()),
        ] {
            let reply = reply.as_slice();
            for at in 0..reply.len() {
                let (one, two) = reply.split_at(at);
                assert_eq!(read(protocol, &[one, two], &wanted("hello")), Ok(5), "{protocol:?} at {at}");
            }
            let bytes: Vec<&[u8]> = reply.chunks(1).collect();
            assert_eq!(read(protocol, &bytes, &wanted("hello")), Ok(5));
            assert_eq!(read(protocol, &[reply], &wanted("hellO")), Err(Kind::Text));
            let is_to_end = !reply.windows(6).any(|word| word == b"Length" || word == b"hunked");
            for end in 0..reply.len() - 5 {
                let cut = read(protocol, &[&reply[..end]], &wanted(""));
                assert!(cut == Err(Kind::Short) || is_to_end, "{protocol:?} cut at {end}: {cut:?}");
            }
        }
    }

    #[test]
    fn what_is_wrong_has_its_kind() {
        for (reply, kind) in [
            (&b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"[..], Kind::Status),
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", Kind::Status),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nn", Kind::Short),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nnot", Kind::Garbled),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", Kind::Garbled),
            (b"HTTP/1.1 what\r\n\r\n", Kind::Garbled),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nno", Kind::Garbled),
            (b"\0\x01\0\0", Kind::Garbled),
            (b"", Kind::Short),
        ] {
            assert_eq!(read(Protocol::Http, &[reply], &wanted("")), Err(kind), "{}", reply.escape_ascii());
        }
        assert_eq!(read(Protocol::Fastcgi, &[b"HTTP/1.1 400 Bad"], &wanted("")), Err(Kind::Garbled));
    }

    #[test]
    fn a_reply_that_ends_with_its_connection_leaves_none() {
        for (reply, closes) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..], false),
            (b"HTTP/1.1 200 OK\r\n\r\nhello", true),
        ] {
            let mut incoming = Incoming::new(Protocol::Http, false);
            let is_over = incoming.take(reply, &wanted("")).unwrap();
            assert_eq!(is_over, !closes);
            assert!(is_over || incoming.end().is_ok());
            assert_eq!(incoming.closes(), closes);
        }
    }

    #[test]
    fn what_a_server_may_say_before_and_of_a_reply_has_bounds() {
        let interim = b"HTTP/1.1 102 Processing\r\n\r\n".repeat(INTERIMS_MAX as usize);
        let last = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read(Protocol::Http, &[&interim, last], &wanted("")), Ok(0));
        assert_eq!(read(Protocol::Http, &[&interim, &interim, last], &wanted("")), Err(Kind::Garbled));
        let long = [b"HTTP/1.1 500 ".as_slice(), &[b'a'; 1_000], b"\r\n\r\n"].concat();
        let mut incoming = Incoming::new(Protocol::Uwsgi, false);
        assert_eq!(incoming.take(&long, &wanted("")), Ok(false));
        assert_eq!(incoming.judge(&wanted("")).unwrap_err().why.len(), LINE_BYTES_MAX);
    }

    #[test]
    fn a_head_has_no_body() {
        let mut incoming = Incoming::new(Protocol::Http, true);
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(incoming.take(reply, &wanted("")), Ok(true));
    }
}
