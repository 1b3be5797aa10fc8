//! Every request in `fixtures/http` becomes what the file beside it says, however its bytes arrive.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate::Limits;

use super::feeding::{End, Outcome, Request, assert_any_split, feed};
use super::fixture::{Fixture, latin1};

#[test]
fn valid_requests_become_their_environ() {
    let fixtures = Fixture::all("valid");
    for fixture in &fixtures {
        let whole = feed([fixture.bytes.as_slice()], &Limits::default());
        let got: Vec<_> = whole.requests.iter().map(seen).collect();
        let want: Vec<_> = fixture.json["requests"].as_array().expect("a list").iter().map(told).collect();
        assert_eq!(got, want, "{}: {whole:?}", fixture.name);
        let kept = whole.requests.last().is_some_and(|request| request.keep_alive);
        let end = if kept { End::More { idle: true } } else { End::Closed { left: 0 } };
        assert_eq!(whole.end, end, "{}", fixture.name);
        assert_every_feeding(&fixture.name, &fixture.bytes, &whole);

        let mut next = feed([NEXT], &Limits::default());
        let want = match kept {
            true => {
                next.requests.splice(0..0, whole.requests);
                next
            }
            false => Outcome { end: End::Closed { left: NEXT.len() }, ..whole },
        };
        assert_followed(fixture, NEXT, &want);
    }
    println!("{} valid fixtures", fixtures.len());
}

#[test]
fn invalid_requests_are_refused_with_their_status() {
    let fixtures = Fixture::all("invalid");
    for fixture in &fixtures {
        let whole = feed([fixture.bytes.as_slice()], &Limits::default());
        let End::Refused { status, .. } = &whole.end else {
            panic!("{}: {whole:?} where a refusal was due", fixture.name);
        };
        assert_eq!(*status, Some(fixture.status()), "{}: {whole:?}", fixture.name);
        assert!(whole.requests.is_empty(), "{}: {whole:?}", fixture.name);
        assert_every_feeding(&fixture.name, &fixture.bytes, &whole);
        assert_followed(fixture, SMUGGLED, &whole);
    }
    println!("{} invalid fixtures", fixtures.len());
}

#[test]
fn a_prefix_of_a_valid_request_only_asks_for_more() {
    for fixture in Fixture::all("valid") {
        for len in places(fixture.bytes.len() - 1) {
            let got = feed([&fixture.bytes[..len]], &Limits::default());
            assert!(matches!(got.end, End::More { .. }), "{}: {len} bytes: {got:?}", fixture.name);
        }
    }
}

#[test]
fn a_length_that_stands_twice_is_told_so() {
    for lines in ["Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n"] {
        let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\nhello");
        let got = assert_any_split(bytes.as_bytes(), &[bytes.len() / 2], &Limits::default());
        let End::Refused { status, message, .. } = &got.end else { panic!("{lines}: {got:?}") };
        assert_eq!(*status, Some(400));
        assert!(message.contains("Content-Length stands twice: send it once, as one number"), "{message}");
    }
}

/// As many fields as the limit allows are served, whatever it is; one more is a 431.
#[test]
fn the_count_of_fields_has_no_bound_but_the_limit() {
    for count in [24, 25, 100, 256, 257, 2_000] {
        let fields: String = (2..=count).map(|n| format!("X-{n}: {n}\r\n")).collect();
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let limits = |count| Limits { http_headers_count_max: count, ..Limits::default() };
        for allowed in [count, usize::MAX] {
            let got = assert_any_split(bytes.as_bytes(), &[bytes.len() / 2], &limits(allowed));
            assert_eq!((got.requests.len(), &got.end), (1, &End::More { idle: true }), "{count}: {got:?}");
            let last = (format!("HTTP_X_{count}").into_bytes(), count.to_string().into_bytes());
            assert!(got.requests[0].environ.contains(&last), "{count}: {got:?}");
        }
        let got = assert_any_split(bytes.as_bytes(), &[bytes.len() / 2], &limits(count - 1));
        assert!(matches!(got.end, End::Refused { status: Some(431), .. }), "{count}: {got:?}");
    }
}

const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Whole, byte by byte, in three pieces, and in two cut at every place.
fn assert_every_feeding(name: &str, bytes: &[u8], want: &Outcome) {
    let limits = Limits::default();
    assert_eq!(&assert_any_split(bytes, &[bytes.len() / 3, bytes.len() / 2], &limits), want, "{name}: whole");
    for place in places(bytes.len()) {
        let (front, back) = bytes.split_at(place);
        assert_eq!(&feed([front, back], &limits), want, "{name}: cut at {place}");
    }
}

/// With bytes behind it: whole, byte by byte, and in two pieces cut where the one ends and the other begins.
fn assert_followed(fixture: &Fixture, behind: &[u8], want: &Outcome) {
    let (name, len, limits) = (&fixture.name, fixture.bytes.len(), Limits::default());
    let bytes = [fixture.bytes.as_slice(), behind].concat();
    assert_eq!(&assert_any_split(&bytes, &[len / 2, len], &limits), want, "{name}: followed");
    for place in len.saturating_sub(20)..=bytes.len() {
        let (front, back) = bytes.split_at(place);
        assert_eq!(&feed([front, back], &limits), want, "{name}: followed, and cut at {place}");
    }
}

/// Every place in `0..=len`; of long bytes those within `EDGE` of their ends, and some between.
fn places(len: usize) -> impl Iterator<Item = usize> {
    (0..=len).filter(move |at| *at <= EDGE || *at >= len.saturating_sub(EDGE) || at % STRIDE == 0)
}

const EDGE: usize = 300;
const STRIDE: usize = 997;

type Told = (BTreeMap<Vec<u8>, Vec<u8>>, Vec<u8>, bool);

/// A request as the fixtures tell it.
fn told(json: &Value) -> Told {
    let environ = json["environ"].as_object().expect("an object");
    let environ = environ.iter().map(|(name, value)| (name.clone().into_bytes(), latin1(value))).collect();
    (environ, latin1(&json["body"]), json["keep_alive"].as_bool().expect("a bool"))
}

/// A request without what the listener decides.
fn seen(request: &Request) -> Told {
    let decided = |name: &[u8]| name == b"SERVER_NAME" || name == b"SERVER_PORT";
    let environ = request.environ.iter().filter(|(name, _)| !decided(name)).cloned().collect();
    (environ, request.body.clone(), request.keep_alive)
}
