//! Feeds a conversation as a socket would, answers each request, and says what came of it in values that can be
//! compared. The tests here and `fuzz/` share it.

use std::fmt;
use std::io::Read;

use tidegate::ResponseHead;
use tidegate::protocol::{Endpoints, Persistence, Phase, Protocol, Received};
use tidegate::{Limits, ProtocolName};

/// What a conversation made of its bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) requests: Vec<Request>,
    pub(crate) end: End,
}

/// A request that the application would be given.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// In wire order.
    pub(crate) environ: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Whether the connection was kept after a response of a known length.
    pub(crate) keep_alive: bool,
}

/// How it ended.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It waits: nothing of another request has come if `idle`.
    More { idle: bool },
    /// The response to the last request said that it is the last; so many bytes were left behind it.
    Closed { left: usize },
    /// What came behind the last request is none.
    Refused { status: Option<u16>, offset: Option<usize>, message: String },
}

/// Feeds the pieces one after the other, and answers every request, until the connection would be closed.
pub(crate) fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> Outcome {
    feed_arrival(pieces, limits, Endpoints::default())
}

/// The same for a connection between these ends.
pub(crate) fn feed_arrival<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
    endpoints: Endpoints,
) -> Outcome {
    let mut conversation = Protocol::new(ProtocolName::Http, || endpoints);
    let (mut requests, mut pieces) = (Vec::new(), pieces.into_iter());
    while let Some(piece) = pieces.next() {
        let mut input = piece;
        loop {
            let mut out = Vec::new();
            let before = input.len();
            let received = conversation.receive(&mut input, &mut out, limits);
            assert!(input.len() <= before);
            assert!(out.is_empty() || (out == CONTINUE && input.is_empty()), "{}", out.escape_ascii());
            match received {
                Ok(Received::More) => {
                    assert!(input.is_empty(), "it wants more and leaves {} bytes", input.len());
                    break;
                }
                Ok(Received::Request(mut environ)) => {
                    let mut body = Vec::new();
                    environ.input().read_to_end(&mut body).expect("a body can be read");
                    let pairs = environ.iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
                    let environ = pairs.collect();
                    let keep_alive = answer(&mut conversation) == Persistence::KeepAlive;
                    requests.push(Request { environ, body, keep_alive });
                    if !keep_alive {
                        let left = input.len() + pieces.map(<[u8]>::len).sum::<usize>();
                        return Outcome { requests, end: End::Closed { left } };
                    }
                }
                Ok(other) => panic!("HTTP has no {other:?}"),
                Err(error) => {
                    let status =
                        error.status().map(|text| text[..3].parse().expect("a status begins with its code"));
                    let (offset, message) = (error.offset, error.to_string());
                    return Outcome { requests, end: End::Refused { status, offset, message } };
                }
            }
        }
    }
    let idle = conversation.phase() == Phase::Idle;
    Outcome { requests, end: End::More { idle } }
}

/// Holds any bytes to what is true of all: they never panic, and mean the same in one piece, byte by byte and cut
/// at `cuts`. Returns what they mean.
pub(crate) fn assert_any_split(bytes: &[u8], cuts: &[usize], limits: &Limits) -> Outcome {
    let whole = feed([bytes], limits);
    assert_eq!(feed(bytes.chunks(1), limits), whole, "byte by byte");
    assert_eq!(feed(cut(bytes, cuts), limits), whole, "cut at {cuts:?}");
    for request in &whole.requests {
        let get = |name: &[u8]| request.environ.iter().find(|(n, _)| n == name).map(|(_, value)| value);
        let length = get(b"CONTENT_LENGTH").map(|digits| String::from_utf8_lossy(digits).parse());
        assert_eq!(length.unwrap_or(Ok(0)), Ok(request.body.len()), "{request:?}");
        for name in [b"REQUEST_METHOD".as_slice(), b"PATH_INFO", b"SERVER_NAME", b"SERVER_PORT"] {
            assert!(get(name).is_some_and(|value| !value.is_empty()), "{request:?}");
        }
        assert!(request.environ.iter().all(|(name, _)| name != b"HTTP_PROXY" && !name.contains(&b'-')));
    }
    if let End::Refused { status, offset, .. } = &whole.end {
        let known = [400, 408, 413, 414, 417, 431, 501, 505];
        assert!(status.is_some_and(|status| known.contains(&status)), "{whole:?}");
        assert!(offset.is_none_or(|offset| offset <= bytes.len()), "{whole:?}");
    }
    whole
}

/// The bytes cut at these places; places beyond them count from the front again.
pub(crate) fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// Answers the request that was received last.
pub(crate) fn answer(conversation: &mut Protocol) -> Persistence {
    let fields = [("Content-Type", "text/plain"), ("Content-Length", "2")];
    let head = ResponseHead::new("200 OK", fields, 1_000).expect("it is valid");
    let (mut before, mut after) = (Vec::new(), Vec::new());
    conversation.head(&head, b"Sun, 06 Nov 1994 08:49:37 GMT", &mut before);
    assert_eq!(conversation.chunk(2, &mut before, &mut after), 2);
    let persistence = conversation.finish(&mut after);
    assert!(after.is_empty(), "a body of a known length has no frames");
    let told = before.windows(CLOSE.len()).any(|window| window == CLOSE);
    assert_eq!(told, persistence == Persistence::Close, "the client is told that it is closed");
    persistence
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const CLOSE: &[u8] = b"\r\nConnection: close\r\n";

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.requests).finish()?;
        write!(f, ", then {:?}", self.end)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .environ
            .iter()
            .map(|(name, value)| format!("{} = {}", name.escape_ascii(), value.escape_ascii()));
        f.debug_list().entries(lines).finish()?;
        let (body, then) = (self.body.escape_ascii(), if self.keep_alive { "keep-alive" } else { "close" });
        write!(f, " and the body \"{body}\", then {then}")
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::More { idle } => write!(f, "More, {}", if *idle { "idle" } else { "within a request" }),
            End::Closed { left } => write!(f, "Closed with {left} bytes behind"),
            End::Refused { status, offset, message } => {
                write!(f, "Refused with {status:?} at {offset:?}: {message}")
            }
        }
    }
}
