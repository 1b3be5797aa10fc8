//! The requests to make: as the options say, or as a file has them.

use std::os::unix::ffi::OsStrExt;

use super::super::Result;
use super::super::bounded::{BODY_BYTES_MAX, read_file};
use super::super::request::{Protocol, Request};
use super::options::Options;
use super::packets;
use super::plan::Prepared;
use super::words::size;

/// The requests of `options`, for a server that is asked by `protocol`, at least one. With `stays` a connection is to serve several.
pub(super) fn prepare(options: &Options, protocol: Protocol, stays: bool) -> Result<Vec<Prepared>> {
    let draft = Draft { options, protocol, stays, body: body(options)? };
    let Some(file) = &options.requests else {
        let method = options.method.as_ref().map(|method| method.as_bytes());
        return Ok(vec![draft.request(method, options.path.as_bytes())?]);
    };
    let name = file.display();
    let bytes = read_file(file, FILE_BYTES_MAX).map_err(|error| format!("cannot read {name}: {error}"))?;
    if packets::begin(&bytes) {
        if draft.body.is_some() || !options.header.is_empty() {
            return Err(format!(
                "{name} holds captured packets, which are sent as they are: leave out -H, --data and --data-file"
            )
            .into());
        }
        return packets::read(&bytes, protocol, stays).map_err(|error| format!("{name}: {error}").into());
    }
    let mut requests = Requests::default();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        match Line::read(line) {
            Line::Nothing => continue,
            Line::Request(method, target) => {
                let request = draft.request(Some(method), target);
                requests.push(request.map_err(|error| format!("{name}:{number}: {error}"))?);
            }
            // A log has what anybody sent, which may be no request.
            Line::Logged(method, target) => {
                draft.request(Some(method), target).into_iter().for_each(|request| requests.push(request));
            }
            Line::Wrong => {
                let line = String::from_utf8_lossy(line);
                return Err(format!("{name}:{number}: {line:?}: write METHOD PATH").into());
            }
        }
        if let Some(bound) = requests.exceeded() {
            return Err(format!("{name} has more than {bound}: take a part of it (shuf -n)").into());
        }
    }
    if requests.all.is_empty() {
        return Err(format!("{name} has no request").into());
    }
    Ok(requests.all)
}

/// The requests of a file, which are all in memory, each with its body.
#[derive(Default)]
struct Requests {
    all: Vec<Prepared>,
    bytes: usize,
}

impl Requests {
    fn push(&mut self, request: Prepared) {
        self.bytes += request.bytes.len();
        self.all.push(request);
    }

    /// The bound that they are beyond.
    fn exceeded(&self) -> Option<String> {
        if self.all.len() > REQUESTS_MAX {
            return Some(format!("{REQUESTS_MAX} requests"));
        }
        (self.bytes > REQUESTS_BYTES_MAX)
            .then(|| format!("{} of requests and bodies", size(REQUESTS_BYTES_MAX as u64)))
    }
}

/// What a line of a file asks for.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Nothing,
    Request(&'a [u8], &'a [u8]),
    /// The same in an access log.
    Logged(&'a [u8], &'a [u8]),
    Wrong,
}

impl Line<'_> {
    fn read(line: &[u8]) -> Line<'_> {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Line::Nothing;
        }
        // The combined form: address - user [time] "METHOD PATH HTTP/1.1" status bytes "referer" "agent".
        let mut quoted = line.split(|byte| *byte == b'"');
        let (text, is_logged) = match (quoted.next(), quoted.next()) {
            (Some(_), Some(request)) => (request, true),
            _ => (line, false),
        };
        let mut words = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        match (words.next(), words.next(), words.next()) {
            (Some(method), Some(target), Some(_)) if is_logged => Line::Logged(method, target),
            _ if is_logged => Line::Nothing,
            (Some(method), Some(target), None) => Line::Request(method, target),
            _ => Line::Wrong,
        }
    }
}

/// What all requests have in common.
struct Draft<'a> {
    options: &'a Options,
    protocol: Protocol,
    stays: bool,
    body: Option<Vec<u8>>,
}

impl Draft<'_> {
    fn request(&self, method: Option<&[u8]>, target: &[u8]) -> Result<Prepared> {
        let mut request = Request::new(target)?;
        if let Some(body) = &self.body
            && method.is_none_or(|method| [b"POST".as_slice(), b"PUT", b"PATCH"].contains(&method))
        {
            request.set_body(body.clone());
        }
        if let Some(method) = method {
            request.set_method(method)?;
        }
        for header in &self.options.header {
            request.add_field(header.as_bytes())?;
        }
        for (name, value) in BROWSER {
            request.add_unasked(name, value);
        }
        let name = format!("{} {}", request.method.escape_ascii(), String::from_utf8_lossy(target));
        let is_head = request.method == b"HEAD";
        // nginx tells of its own client, which is the browser's address and no concern of this socket.
        let client = Some("127.0.0.1:51514".parse().expect("an address"));
        Ok(Prepared { bytes: self.protocol.encode(&request, client, self.stays)?, is_head, name })
    }
}

fn body(options: &Options) -> Result<Option<Vec<u8>>> {
    if let Some(file) = &options.data_file {
        let read = read_file(file, BODY_BYTES_MAX);
        return Ok(Some(
            read.map_err(|error| format!("--data-file: cannot read {}: {error}", file.display()))?,
        ));
    }
    Ok(options.data.as_ref().map(|data| data.as_bytes().to_vec()))
}

/// What a browser sends beside Host.
const BROWSER: [(&str, &str); 5] = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) tidegate-bench"),
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Cookie", "session=8f14e45fceea167a5a36dedd4bea2543"),
];
/// Requests of a file, a count: each takes a kilobyte or two without a body.
const REQUESTS_MAX: usize = 100_000;
/// Of a file, bytes: captured packets have their bodies in it.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Bytes of them all with their bodies, of which --data-file gives each the same.
const REQUESTS_BYTES_MAX: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_requests_are_bounded_in_number_and_bytes() {
        let request = |len| Prepared { bytes: vec![0; len], is_head: false, name: String::new() };
        let mut requests = Requests { bytes: REQUESTS_BYTES_MAX - 1, ..Requests::default() };
        requests.push(request(1));
        assert_eq!(requests.exceeded(), None);
        requests.push(request(1));
        assert_eq!(requests.exceeded().as_deref(), Some("1.00 GiB of requests and bodies"));
        let mut requests = Requests::default();
        (0..=REQUESTS_MAX).for_each(|_| requests.push(request(0)));
        assert_eq!(requests.exceeded().as_deref(), Some("100000 requests"));
    }

    #[test]
    fn a_line_is_a_request_or_a_log_s() {
        for (line, want) in [
            ("", Line::Nothing),
            ("# a comment", Line::Nothing),
            ("GET /a?b=c", Line::Request(b"GET", b"/a?b=c")),
            ("  POST   /form\r", Line::Request(b"POST", b"/form")),
            (
                r#"1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 2326 "-" "Mozilla""#,
                Line::Logged(b"GET", b"/a"),
            ),
            (r#"1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "" 400 0 "-" "-""#, Line::Nothing),
            (r#"1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "\x16\x03\x01" 400 0 "-" "-""#, Line::Nothing),
            ("GET", Line::Wrong),
            ("GET /a HTTP/1.1", Line::Wrong),
        ] {
            assert_eq!(Line::read(line.as_bytes()), want, "{line}");
        }
    }
}
