//! Every packet in `fixtures/uwsgi` becomes what the file beside it says, however its bytes arrive.
//!
//! `fixtures/uwsgi/README.md` explains the pairs.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

mod feeding;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};

use feeding::{End, Outcome, assert_any_split, feed};
use serde_json::Value;
use tidegate::Limits;
use wire::uwsgi::PacketHeader;

#[test]
fn valid_packets_become_their_environ() {
    for fixture in fixtures("valid") {
        let want = Outcome {
            end: End::Request { environ: fixture.pairs("environ"), body: fixture.text("body") },
            taken: fixture.bytes.len(),
        };
        assert_every_feeding(&fixture, &want);
    }
}

#[test]
fn invalid_packets_are_refused_with_their_status_and_offset() {
    let limits = Limits::default();
    for fixture in fixtures("invalid") {
        let got = feed([fixture.bytes.as_slice()], &limits);
        let End::Refused { status, offset, .. } = &got.end else {
            panic!("{}: {got:?} where a refusal was due", fixture.name);
        };
        let number = |field: &str| fixture.json[field].as_u64();
        assert_eq!(status.map(u64::from), number("status"), "{}: the status of {got:?}", fixture.name);
        assert_eq!(offset.map(|at| at as u64), number("offset"), "{}: the offset of {got:?}", fixture.name);
        assert_every_feeding(&fixture, &got);
    }
}

#[test]
fn a_prefix_of_a_valid_packet_only_asks_for_more() {
    let limits = Limits::default();
    for fixture in fixtures("valid") {
        for len in places(fixture.bytes.len() - 1) {
            let got = feed([&fixture.bytes[..len]], &limits);
            assert_eq!(got, Outcome { end: End::More, taken: len }, "{}: {len} bytes", fixture.name);
        }
    }
}

#[test]
fn headers_are_what_the_fixtures_say() {
    for fixture in fixtures("valid") {
        let header = PacketHeader::from_bytes(*fixture.bytes.first_chunk().unwrap());
        let number = |field: &str| fixture.json[field].as_u64();
        assert_eq!(Some(u64::from(header.modifier1)), number("modifier1"), "{}", fixture.name);
        assert_eq!(Some(u64::from(header.datasize)), number("datasize"), "{}", fixture.name);
        assert_eq!(Some(u64::from(header.modifier2)), number("modifier2"), "{}", fixture.name);
    }
}

#[test]
fn a_ping_is_answered_as_uwsgi_answers_it() {
    let ping = fs::read(folder("").join("ping.bin")).unwrap();
    let want = Outcome { end: End::Answered { reply: vec![100, 0, 0, 1] }, taken: 4 };
    for feeding in [vec![ping.as_slice()], ping.chunks(1).collect(), vec![&ping, TRAILING]] {
        assert_eq!(feed(feeding, &Limits::default()), want);
    }
}

/// Whole, byte by byte, in two pieces cut at every place, and with bytes behind it: in the same piece, in their
/// own, and behind a cut.
fn assert_every_feeding(fixture: &Fixture, want: &Outcome) {
    let (name, bytes, limits) = (&fixture.name, fixture.bytes.as_slice(), Limits::default());
    assert_eq!(&assert_any_split(bytes, &[bytes.len() / 3, bytes.len() / 2], &limits), want, "{name}: whole");
    for place in places(bytes.len()) {
        let (front, back) = bytes.split_at(place);
        assert_eq!(&feed([front, back], &limits), want, "{name}: cut at {place}");
    }
    let followed = [bytes, TRAILING].concat();
    let (front, back) = followed.split_at(bytes.len() / 2);
    assert_eq!(&feed([followed.as_slice()], &limits), want, "{name}: bytes behind it in the same piece");
    assert_eq!(&feed([bytes, TRAILING], &limits), want, "{name}: bytes behind it in a piece of their own");
    assert_eq!(&feed([front, back], &limits), want, "{name}: bytes behind it in its second piece");
    assert_eq!(&feed(followed.chunks(1), &limits), want, "{name}: bytes behind it, byte by byte");
}

/// Another request, as if it had been pipelined.
const TRAILING: &[u8] = b"\0\x16\0\0\x0e\0REQUEST_METHOD\x04\0POST";

/// Every place in `0..=len`; of a long packet those within `EDGE` of its ends, and some between.
fn places(len: usize) -> impl Iterator<Item = usize> {
    (0..=len).filter(move |at| *at <= EDGE || *at >= len.saturating_sub(EDGE) || at % STRIDE == 0)
}

const EDGE: usize = 300;
const STRIDE: usize = 997;

/// A packet and what it must become.
struct Fixture {
    name: String,
    bytes: Vec<u8>,
    json: Value,
}

impl Fixture {
    /// A string field. The files are latin-1: a code point is a byte.
    fn text(&self, field: &str) -> Vec<u8> {
        latin1(&self.json[field])
    }

    fn pairs(&self, field: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pairs = self.json[field].as_array().expect("a list of pairs");
        pairs.iter().map(|pair| (latin1(&pair[0]), latin1(&pair[1]))).collect()
    }
}

fn latin1(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a string");
    text.chars().map(|c| u8::try_from(c).expect("a code point of latin-1")).collect()
}

/// The pairs in a folder. A packet without its description is an error, and so is an empty folder.
fn fixtures(kind: &str) -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for entry in fs::read_dir(folder(kind)).expect("the folder of fixtures is there") {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let json = fs::read(path.with_extension("json")).unwrap_or_else(|e| panic!("{name}.json: {e}"));
            let json = serde_json::from_slice(&json).unwrap_or_else(|e| panic!("{name}.json: {e}"));
            fixtures.push(Fixture { name, bytes: fs::read(&path).unwrap(), json });
        }
    }
    assert!(!fixtures.is_empty(), "no fixtures in {}", folder(kind).display());
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    fixtures
}

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/uwsgi").join(kind)
}
