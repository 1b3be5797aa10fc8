//! Feeds a decoder as a socket would, and says what came of it in values that can be compared.
//!
//! `tests/fixtures.rs`, `tests/decoder.rs` and `fuzz/` share it.

use std::io::Read;

use tidegate::protocol::{Endpoints, Phase, Protocol, Received};
use tidegate::{Limits, ProtocolName};

/// What a decoder made of its bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// How many bytes the decoder took, all pieces together.
    pub(crate) taken: usize,
}

/// How the decoding ended.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum End {
    More,
    Request { environ: Vec<(Vec<u8>, Vec<u8>)>, body: Vec<u8> },
    Answered { reply: Vec<u8> },
    Refused { status: Option<u16>, offset: Option<usize>, message: String },
}

/// Feeds the pieces one after the other until a request is complete or refused. What the decoder does not take
/// of a piece is left, and so are the pieces behind it, which it must not touch.
pub(crate) fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> Outcome {
    let mut decoder = Protocol::new(ProtocolName::Uwsgi, Endpoints::default);
    let (mut end, mut taken) = (End::More, 0);
    for piece in pieces {
        let (mut input, mut reply) = (piece, Vec::new());
        let received = decoder.receive(&mut input, &mut reply, limits);
        taken += piece.len() - input.len();
        if end != End::More {
            assert!(matches!(received, Ok(Received::More)), "a second request on one connection");
            assert_eq!(input.len(), piece.len(), "bytes behind the request were taken");
            continue;
        }
        end = match received {
            Ok(Received::More) => {
                assert!(input.is_empty(), "it wants more and leaves {} bytes", input.len());
                let idle = decoder.phase() == Phase::Idle;
                assert_eq!(idle, taken == 0, "idle is for a connection that has sent nothing");
                End::More
            }
            Ok(Received::Request(mut environ)) => {
                let mut body = Vec::new();
                environ.input().read_to_end(&mut body).expect("a body in memory can be read");
                assert_eq!(environ.input().len(), body.len() as u64);
                let pairs = environ.iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
                End::Request { environ: pairs.collect(), body }
            }
            Ok(Received::Aborted(_)) => panic!("uwsgi has no way to take a request back"),
            Ok(Received::Answered(_)) => End::Answered { reply: std::mem::take(&mut reply) },
            Err(error) => End::Refused {
                status: error
                    .status()
                    .map(|status| status[..3].parse().expect("a status begins with its code")),
                offset: error.offset,
                message: error.to_string(),
            },
        };
        assert!(reply.is_empty(), "bytes to send that belong to no answer");
    }
    Outcome { end, taken }
}

/// Holds any bytes to what is true of all: they never panic, mean the same in one piece, byte by byte and cut at
/// `cuts`, and no byte behind the packet is taken. Returns what they mean.
pub(crate) fn assert_any_split(bytes: &[u8], cuts: &[usize], limits: &Limits) -> Outcome {
    let whole = feed([bytes], limits);
    assert_eq!(feed(bytes.chunks(1), limits), whole, "byte by byte");
    assert_eq!(feed(cut(bytes, cuts), limits), whole, "cut at {cuts:?}");
    let datasize = |[_, low, high, _]: [u8; 4]| usize::from(u16::from_le_bytes([low, high]));
    let head = bytes.first_chunk().map_or(0, |header| HEADER_BYTES + datasize(*header));
    match &whole.end {
        End::More => assert_eq!(whole.taken, bytes.len(), "it wants more, so it takes all"),
        End::Answered { .. } => assert_eq!(whole.taken, HEADER_BYTES),
        End::Request { body, .. } => assert_eq!(whole.taken, head + body.len()),
        End::Refused { offset: Some(0), .. } => assert_eq!(whole.taken, HEADER_BYTES),
        End::Refused { offset, .. } => {
            assert_eq!(whole.taken, head);
            assert!(offset.is_none_or(|offset| (HEADER_BYTES..=head).contains(&offset)), "{offset:?}");
        }
    }
    whole
}

/// A packet's header, bytes.
const HEADER_BYTES: usize = 4;

/// The bytes cut at these places; places beyond them count from the front again.
pub(crate) fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} after {} bytes", self.end, self.taken)
    }
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::More => write!(f, "More"),
            End::Request { environ, body } => {
                let lines = environ
                    .iter()
                    .map(|(name, value)| format!("{} = {}", name.escape_ascii(), value.escape_ascii()));
                f.debug_list().entries(lines).finish()?;
                write!(f, " and the body \"{}\"", body.escape_ascii())
            }
            End::Answered { reply } => write!(f, "Answered {reply:?}"),
            End::Refused { status, offset, message } => {
                write!(f, "Refused with {status:?} at {offset:?}: {message}")
            }
        }
    }
}
