//! What holds for every request, and for bytes that are none: proptest looks for the one for which it does not.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tidegate::protocol::Phase;
use tidegate::{Limits, ProtocolName};

use crate::any_request::AnyRequest;
use crate::feeding::{End, assert_any_split, cut, feed};
use crate::support::damage::{self, Damage};

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_requests_come_through(requests in vec(AnyRequest::arbitrary(), 1..4), cuts in cuts()) {
        let bytes = requests.iter().flat_map(AnyRequest::to_bytes).collect::<Vec<u8>>();
        let served = requests.iter().position(|request| !request.keep_alive());
        let served = served.map_or(requests.len(), |last| last + 1);
        let taken: usize = requests[..served].iter().map(|request| request.to_bytes().len()).sum();
        let kept = requests[served - 1].keep_alive();
        let want: Vec<_> = requests[..served].iter().map(AnyRequest::expected).collect();
        let got = assert_any_split(ProtocolName::Http, &bytes, &cuts, &Limits::default());
        prop_assert_eq!(got.meanings(), want);
        prop_assert_eq!(got.end, if kept { End::Open(Phase::Idle) } else { End::Closed });
        prop_assert_eq!(got.taken, taken);
    }

    #[test]
    fn a_request_cut_short_only_asks_for_more(request in AnyRequest::arbitrary(), end in any::<Index>()) {
        let bytes = request.to_bytes();
        let got = assert_any_split(ProtocolName::Http, &bytes[..end.index(bytes.len())], &[], &Limits::default());
        prop_assert!(got.requests.is_empty() && matches!(got.end, End::Open(_)), "{:?}", got);
    }

    #[test]
    fn a_body_in_a_file_is_the_body_in_memory(request in AnyRequest::arbitrary(), cuts in cuts()) {
        let bytes = request.to_bytes();
        let limits = Limits { body_memory_bytes_max: 7, ..Limits::default() };
        let whole = feed(ProtocolName::Http, [bytes.as_slice()], &Limits::default());
        prop_assert_eq!(feed(ProtocolName::Http, cut(&bytes, &cuts), &limits), whole);
    }

    #[test]
    fn any_bytes_mean_the_same_however_they_are_split(
        bytes in vec(any::<u8>(), 0..300),
        cuts in cuts(),
        limits in limits(),
    ) {
        assert_any_split(ProtocolName::Http, &bytes, &cuts, &limits);
    }

    #[test]
    fn words_of_the_grammar_mean_the_same_however_they_are_split(
        words in words(),
        cuts in cuts(),
        limits in limits(),
    ) {
        assert_any_split(ProtocolName::Http, &words, &cuts, &limits);
    }

    #[test]
    fn a_damaged_request_means_the_same_however_it_is_split(
        requests in vec(AnyRequest::arbitrary(), 1..3),
        damage in damage(),
        cuts in cuts(),
        limits in prop_oneof![limits(), Just(Limits::default())],
    ) {
        let mut bytes = requests.iter().flat_map(AnyRequest::to_bytes).collect::<Vec<u8>>();
        for damage in damage {
            damage.inflict(&mut bytes);
        }
        assert_any_split(ProtocolName::Http, &bytes, &cuts, &limits);
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

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    vec(damage::damage(prop_oneof![any::<u8>(), select(&b"\r\n :;,%#\0\t0f"[..])]), 1..4)
}
