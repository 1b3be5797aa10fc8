//! What holds for every request, and for bytes that are none: proptest looks for the one for which it does not.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tidegate::Limits;

use super::any_request::AnyRequest;
use super::feeding::{End, Outcome, assert_any_split, cut, feed};

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_requests_come_through(requests in vec(AnyRequest::arbitrary(), 1..4), cuts in cuts()) {
        let bytes = requests.iter().flat_map(AnyRequest::to_bytes).collect::<Vec<u8>>();
        let served = requests.iter().position(|request| !request.keep_alive());
        let served = served.map_or(requests.len(), |last| last + 1);
        let left = requests[served..].iter().map(|request| request.to_bytes().len()).sum();
        let kept = requests[served - 1].keep_alive();
        let want = Outcome {
            requests: requests[..served].iter().map(AnyRequest::expected).collect(),
            end: if kept { End::More { idle: true } } else { End::Closed { left } },
        };
        prop_assert_eq!(assert_any_split(&bytes, &cuts, &Limits::default()), want);
    }

    #[test]
    fn a_request_cut_short_only_asks_for_more(request in AnyRequest::arbitrary(), end in any::<Index>()) {
        let bytes = request.to_bytes();
        let got = assert_any_split(&bytes[..end.index(bytes.len())], &[], &Limits::default());
        prop_assert!(got.requests.is_empty() && matches!(got.end, End::More { .. }), "{:?}", got);
    }

    #[test]
    fn a_body_in_a_file_is_the_body_in_memory(request in AnyRequest::arbitrary(), cuts in cuts()) {
        let bytes = request.to_bytes();
        let limits = Limits { body_memory_bytes_max: 7, ..Limits::default() };
        prop_assert_eq!(feed(cut(&bytes, &cuts), &limits), feed([bytes.as_slice()], &Limits::default()));
    }

    #[test]
    fn any_bytes_mean_the_same_however_they_are_split(
        bytes in vec(any::<u8>(), 0..300),
        cuts in cuts(),
        limits in limits(),
    ) {
        assert_any_split(&bytes, &cuts, &limits);
    }

    #[test]
    fn words_of_the_grammar_mean_the_same_however_they_are_split(
        words in words(),
        cuts in cuts(),
        limits in limits(),
    ) {
        assert_any_split(&words, &cuts, &limits);
    }

    #[test]
    fn a_damaged_request_means_the_same_however_it_is_split(
        requests in vec(AnyRequest::arbitrary(), 1..3),
        damage in vec(damage(), 1..4),
        cuts in cuts(),
        limits in prop_oneof![limits(), Just(Limits::default())],
    ) {
        let mut bytes = requests.iter().flat_map(AnyRequest::to_bytes).collect::<Vec<u8>>();
        for damage in damage {
            damage.inflict(&mut bytes);
        }
        assert_any_split(&bytes, &cuts, &limits);
    }
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(0..100_000usize, 0..6)
}

/// What heads and bodies are made of, in any order, so that the grammar is met at all its edges.
fn words() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "GET / HTTP/1.1\r\n",
        "POST /a?b HTTP/1.1\r\n",
        "HTTP/1.0\r\n",
        "Host: a\r\n",
        "Host:",
        "\r\n",
        "\r\n\r\n",
        "\r",
        "\n",
        " ",
        "\t",
        ":",
        "0\r\n",
        "0\r\n\r\n",
        "3\r\nabc\r\n",
        "5;a=\"b\"",
        "ffffffffffffffff",
        "%00",
        "*",
        "Content-Length: 3\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "abc",
        "\0",
        "http://h",
        "GET",
        "PRI * HTTP/2.0\r\n\r\n",
        "X-A: ",
        "X_A: b\r\n",
        "\u{7f}",
        "\u{e9}",
        "PROXY TCP4 ",
    ];
    const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\n";
    let word = prop_oneof![
        8 => select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ];
    let start = select(&["", HEAD, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"][..]);
    (start, vec(word, 0..20)).prop_map(|(start, words)| [start.as_bytes(), &words.concat()].concat())
}

/// Bounds that small requests reach, each before any other.
fn limits() -> impl Strategy<Value = Limits> {
    let lines = (20..150usize, 20..200usize, 0..6usize, 4..20usize);
    (lines, 0..100u64, 0..100usize).prop_map(|((line, head, count, chunk_line), body, memory)| Limits {
        http_request_line_bytes_max: line,
        http_head_bytes_max: head,
        http_headers_count_max: count,
        http_chunk_line_bytes_max: chunk_line,
        body_bytes_max: body,
        body_memory_bytes_max: memory,
        ..Limits::default()
    })
}

/// Something that is done to the bytes of requests.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    Truncate(Index),
    Repeat(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = || prop_oneof![any::<u8>(), select(&b"\r\n :;,%#\0\t0f"[..])];
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        any::<Index>().prop_map(Damage::Remove),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<Index>().prop_map(Damage::Truncate),
        any::<Index>().prop_map(Damage::Repeat),
    ]
}

impl Damage {
    fn inflict(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        match self {
            _ if len == 0 => {}
            Damage::Set(at, byte) => bytes[at.index(len)] = *byte,
            Damage::Remove(at) => drop(bytes.remove(at.index(len))),
            Damage::Insert(at, byte) => bytes.insert(at.index(len), *byte),
            Damage::Truncate(at) => bytes.truncate(at.index(len)),
            Damage::Repeat(at) => bytes.extend_from_within(at.index(len)..),
        }
    }
}
