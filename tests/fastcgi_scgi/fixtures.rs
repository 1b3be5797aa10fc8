//! Every pair in `fixtures/scgi` and `fixtures/fastcgi` becomes what the README beside it says, however its bytes
//! arrive.

use std::fs;
use std::path::{Path, PathBuf};

use crate::wire::fastcgi::record_type;
use serde_json::Value;
use tidegate::protocol::Phase;
use tidegate::{Limits, ProtocolName};

use crate::feeding::{End, Outcome, Request, assert_any_split, feed};
use crate::records::{self, Answer, Record};
use crate::{netstring, records::REQUEST_COMPLETE};

#[test]
fn valid_requests_become_their_environ() {
    for fixture in fixtures("valid") {
        let got = feed(fixture.scheme, [fixture.bytes.as_slice()], &Limits::default());
        fixture.assert_requests(&got);
        assert_eq!(got.out, fixture.text("out"), "{}: what is answered beside", fixture.name);
        assert_eq!(got.taken, fixture.bytes.len(), "{}: bytes taken", fixture.name);
        let kept = fixture.requests().last().is_none_or(|last| last["keep_conn"] == true);
        let closed = fixture.scheme == ProtocolName::Scgi || fixture.json["closed"] == true || !kept;
        let end = if closed { End::Closed } else { End::Open(Phase::Idle) };
        assert_eq!(got.end, end, "{}", fixture.name);
        assert_every_feeding(&fixture, &got);
        assert_trailing(&fixture, &got);
    }
}

#[test]
fn invalid_requests_are_refused_with_their_status_and_offset() {
    for fixture in fixtures("invalid") {
        let (name, json) = (&fixture.name, &fixture.json);
        let got = feed(fixture.scheme, [fixture.bytes.as_slice()], &Limits::default());
        let End::Refused { status, offset, answer, .. } = &got.end else {
            panic!("{name}: {got:?} where a refusal was due");
        };
        assert_eq!(status.map(u64::from), json["status"].as_u64(), "{name}: the status of {got:?}");
        assert_eq!(offset.map(|at| at as u64), json["offset"].as_u64(), "{name}: the offset of {got:?}");
        assert_eq!(got.requests, [], "{name}");
        match json["told"].as_str() {
            None => assert_eq!(answer, b"", "{name}"),
            Some("http") => assert!(answer.starts_with(format!("HTTP/1.1 {} ", json["status"]).as_bytes())),
            Some("cgi") => assert!(answer.starts_with(format!("Status: {} ", json["status"]).as_bytes())),
            Some("stdout") => assert_told_in_records(&fixture, answer),
            Some(other) => panic!("{name}: told {other}"),
        }
        assert_every_feeding(&fixture, &got);
        assert_trailing(&fixture, &got);
    }
}

#[test]
fn a_prefix_of_a_valid_request_only_asks_for_more() {
    for fixture in fixtures("valid") {
        let whole = feed(fixture.scheme, [fixture.bytes.as_slice()], &Limits::default());
        for len in places(fixture.bytes.len() - 1) {
            let got = feed(fixture.scheme, [&fixture.bytes[..len]], &Limits::default());
            assert!(matches!(got.end, End::Open(_)), "{}: {len} bytes: {got:?}", fixture.name);
            assert_eq!(got.taken, len, "{}", fixture.name);
            assert!(whole.requests.starts_with(&got.requests), "{}: {len} bytes: {got:?}", fixture.name);
            assert!(whole.out.starts_with(&got.out), "{}: {len} bytes: {got:?}", fixture.name);
        }
    }
}

/// Whole, byte by byte, and in two pieces cut at every place.
fn assert_every_feeding(fixture: &Fixture, want: &Outcome) {
    let (bytes, limits) = (fixture.bytes.as_slice(), Limits::default());
    let cuts = [bytes.len() / 3, bytes.len() / 2];
    assert_eq!(&assert_any_split(fixture.scheme, bytes, &cuts, &limits), want, "{}: whole", fixture.name);
    for place in places(bytes.len()) {
        let (front, back) = bytes.split_at(place);
        assert_eq!(&feed(fixture.scheme, [front, back], &limits), want, "{}: cut at {place}", fixture.name);
    }
}

/// With another request behind it: in the same piece, in its own, and byte by byte. It is served only on a connection
/// that is kept; else not one byte of it is taken.
fn assert_trailing(fixture: &Fixture, alone: &Outcome) {
    let (bytes, limits) = (fixture.bytes.as_slice(), Limits::default());
    let trailing = match fixture.scheme {
        ProtocolName::Scgi => netstring::get("/trailing"),
        _ => records::get(1, 0, "/trailing"),
    };
    let mut want = alone.clone();
    if let End::Open(_) = alone.end {
        let mut one = feed(fixture.scheme, [trailing.as_slice()], &limits);
        want.requests.append(&mut one.requests);
        want.taken += one.taken;
        want.end = one.end;
    }
    let followed = [bytes, &trailing].concat();
    let (front, back) = followed.split_at(bytes.len() / 2);
    for pieces in
        [vec![followed.as_slice()], vec![bytes, &trailing], vec![front, back], followed.chunks(1).collect()]
    {
        let count = pieces.len();
        let got = feed(fixture.scheme, pieces, &limits);
        assert_eq!(got, want, "{}: followed, in {count} pieces", fixture.name);
    }
}

/// The refusal in STDOUT, then END_REQUEST.
fn assert_told_in_records(fixture: &Fixture, answer: &[u8]) {
    let id = u16::from_be_bytes([fixture.bytes[2], fixture.bytes[3]]);
    let mut records = Record::all(answer);
    assert_eq!(records.pop(), Some(records::end(id, REQUEST_COMPLETE)), "{}", fixture.name);
    let mut told = Answer::default();
    for record in records {
        assert_eq!(record.record_type, record_type::STDOUT, "{}", fixture.name);
        told.push(id, &record);
    }
    let status = format!("Status: {} ", fixture.json["status"]);
    assert!(told.ended && told.stdout.starts_with(status.as_bytes()), "{}: {told:?}", fixture.name);
}

/// Every place in `0..=len`; of long bytes those within `EDGE` of their ends, and some between.
fn places(len: usize) -> impl Iterator<Item = usize> {
    (0..=len).filter(move |at| *at <= EDGE || *at >= len.saturating_sub(EDGE) || at % STRIDE == 0)
}

const EDGE: usize = 300;
const STRIDE: usize = 997;

/// The bytes of a connection, and what they must become.
struct Fixture {
    name: String,
    scheme: ProtocolName,
    bytes: Vec<u8>,
    json: Value,
}

impl Fixture {
    /// A string field; empty where it is missing.
    fn text(&self, field: &str) -> Vec<u8> {
        self.json.get(field).map(latin1).unwrap_or_default()
    }

    /// The requests of a valid one: mostly the file is of one.
    fn requests(&self) -> Vec<&Value> {
        match self.json.get("requests") {
            Some(requests) => requests.as_array().expect("a list").iter().collect(),
            None => vec![&self.json],
        }
    }

    fn assert_requests(&self, got: &Outcome) {
        let wanted = self.requests();
        assert_eq!(got.requests.len(), wanted.len(), "{}: requests in {got:?}", self.name);
        for (Request { described, environ, body, .. }, want) in got.requests.iter().zip(wanted) {
            let pairs = want["environ"].as_array().expect("a list of pairs");
            let pairs: Vec<_> = pairs.iter().map(|pair| (latin1(&pair[0]), latin1(&pair[1]))).collect();
            assert_eq!(environ, &pairs, "{}", self.name);
            assert_eq!(body, &latin1(&want["body"]), "{}", self.name);
            if self.scheme == ProtocolName::Fastcgi {
                let keep = if want["keep_conn"] == true { "keep_conn" } else { "then close" };
                let id = &want["request_id"];
                assert_eq!(
                    described,
                    &format!("FastCGI request {id}, role responder, {keep}"),
                    "{}",
                    self.name
                );
            }
        }
    }
}

/// The files are latin-1: a code point is a byte.
fn latin1(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a string");
    text.chars().map(|c| u8::try_from(c).expect("a code point of latin-1")).collect()
}

/// The pairs of both listeners, sorted by name. A file without its description is an error, and so is an empty folder.
fn fixtures(kind: &str) -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for (scheme, remote) in [(ProtocolName::Scgi, "scgi"), (ProtocolName::Fastcgi, "fastcgi")] {
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(remote).join(kind);
        let before = fixtures.len();
        for entry in fs::read_dir(&folder).expect("the folder of fixtures is there") {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "bin") {
                let name = format!("{remote}/{}", path.file_stem().unwrap().to_string_lossy());
                let json =
                    fs::read(path.with_extension("json")).unwrap_or_else(|e| panic!("{name}.json: {e}"));
                let json = serde_json::from_slice(&json).unwrap_or_else(|e| panic!("{name}.json: {e}"));
                fixtures.push(Fixture { name, scheme, bytes: fs::read(&path).unwrap(), json });
            }
        }
        assert!(fixtures.len() > before, "no fixtures in {}", folder.display());
    }
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    fixtures
}
