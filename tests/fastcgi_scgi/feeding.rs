//! Feeds a protocol as a socket would, and says what came of it in values that can be compared.
//!
//! `fuzz/` shares it.

use std::io::Read;

use tidegate::Environ;
use tidegate::ResponseHead;
use tidegate::protocol::{Endpoints, Persistence, Phase, Protocol, Received};
use tidegate::{Limits, ProtocolName};

/// What a connection came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) requests: Vec<Request>,
    /// What the protocol said by itself, all together.
    pub(crate) out: Vec<u8>,
    pub(crate) end: End,
    /// How many bytes were taken, all pieces together.
    pub(crate) taken: usize,
}

/// A request that reached the application.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// In the protocol's words.
    pub(crate) described: String,
    pub(crate) environ: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// How a response of two bytes looks on the wire.
    pub(crate) answer: Vec<u8>,
}

/// In which state the connection is when all is fed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Open(Phase),
    Closed,
    Refused { status: Option<u16>, offset: Option<usize>, message: String, answer: Vec<u8> },
}

/// Feeds the pieces one after the other, and answers each request, until the connection is to be closed.
pub(crate) fn feed<'a>(
    scheme: ProtocolName,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Outcome {
    let mut protocol = Protocol::new(scheme, Endpoints::default);
    let (mut requests, mut out, mut taken) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        let mut input = piece;
        loop {
            let received = protocol.receive(&mut input, &mut out, limits);
            let end = match received {
                Ok(Received::More) => {
                    assert!(input.is_empty(), "it wants more and leaves {} bytes", input.len());
                    break;
                }
                Ok(Received::Request(environ)) => {
                    let (request, persistence) = answer(&mut protocol, environ);
                    requests.push(request);
                    (persistence == Persistence::Close).then_some(End::Closed)
                }
                Ok(Received::Answered(persistence)) => {
                    (persistence == Persistence::Close).then_some(End::Closed)
                }
                Ok(Received::Aborted(_)) => panic!("taken back while nothing is answered"),
                Err(error) => Some(End::Refused {
                    status: error.status().map(|status| status[..3].parse().expect("a code in front")),
                    offset: error.offset,
                    message: error.to_string(),
                    answer: error.status().map(|status| refuse(&mut protocol, status)).unwrap_or_default(),
                }),
            };
            if let Some(end) = end {
                taken += piece.len() - input.len();
                return Outcome { requests, out, end, taken };
            }
        }
        taken += piece.len();
    }
    Outcome { requests, out, end: End::Open(protocol.phase()), taken }
}

fn answer(protocol: &mut Protocol, mut environ: Environ) -> (Request, Persistence) {
    let mut body = Vec::new();
    environ.input().read_to_end(&mut body).expect("a body can be read");
    assert_eq!(environ.input().len(), body.len() as u64);
    assert_eq!(
        environ.content_length().unwrap_or_default(),
        body.len() as u64,
        "CONTENT_LENGTH is the body's"
    );
    let environ = environ.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    let described = protocol.describe();
    let (answer, persistence) = respond(protocol, "200 OK");
    (Request { described, environ, body, answer }, persistence)
}

fn refuse(protocol: &mut Protocol, status: &str) -> Vec<u8> {
    protocol.give_up();
    let (answer, persistence) = respond(protocol, status);
    assert_eq!(persistence, Persistence::Close, "nothing is served after an error");
    answer
}

fn respond(protocol: &mut Protocol, status: &str) -> (Vec<u8>, Persistence) {
    let (mut wire, mut after) = (Vec::new(), Vec::new());
    let head = ResponseHead::new(status, [("X-A", "1")], 1_000).expect("a good head");
    protocol.head(&head, b"Sun, 06 Nov 1994 08:49:37 GMT", &mut wire);
    assert_eq!(protocol.chunk(2, &mut wire, &mut after), 2);
    wire.extend_from_slice(b"ok");
    let persistence = protocol.finish(&mut after);
    wire.extend_from_slice(&after);
    (wire, persistence)
}

/// Holds any bytes to what is true of all: they never panic, mean the same in one piece, byte by byte and cut at
/// `cuts`, and fill no more memory than the bounds allow. Returns what they mean.
pub(crate) fn assert_any_split(
    scheme: ProtocolName,
    bytes: &[u8],
    cuts: &[usize],
    limits: &Limits,
) -> Outcome {
    let whole = feed(scheme, [bytes], limits);
    assert_eq!(feed(scheme, bytes.chunks(1), limits), whole, "byte by byte");
    assert_eq!(feed(scheme, cut(bytes, cuts), limits), whole, "cut at {cuts:?}");
    if let End::Open(_) = whole.end {
        assert_eq!(whole.taken, bytes.len(), "an open connection has taken all");
    }
    assert!(whole.out.len() <= 4 * whole.taken, "it says more than it was asked");
    for Request { environ, body, .. } in &whole.requests {
        let size: usize = environ.iter().map(|(name, value)| name.len() + value.len()).sum();
        // Joined headers have separators, and some variables are made.
        assert!(size <= 2 * limits.vars_bytes_max + 1_000, "{size} bytes of variables");
        assert!(environ.len() <= limits.vars_count_max + 5, "{} variables", environ.len());
        assert!(body.len() as u64 <= limits.body_bytes_max, "a body of {} bytes", body.len());
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

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.described)?;
        for (name, value) in &self.environ {
            writeln!(f, "  {} = {}", name.escape_ascii(), value.escape_ascii())?;
        }
        let shown = &self.body[..self.body.len().min(500)];
        write!(
            f,
            "{} bytes of body: {}, answered {}",
            self.body.len(),
            shown.escape_ascii(),
            self.answer.escape_ascii()
        )
    }
}
