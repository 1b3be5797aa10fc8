//! What holds for every packet, and for bytes that are none: proptest looks for the one for which it does not.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

mod feeding;
mod support;
mod wire;

use feeding::{End, Outcome, assert_any_split, cut, feed};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use support::damage;
use tidegate::{Limits, ProtocolName};
use wire::uwsgi::{Packet, PacketHeader, modifier1};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded(vars in vars(), body in body(), cuts in cuts(), trailing in bytes(40)) {
        let packet = packet(&vars, &body);
        let got = assert_any_split(ProtocolName::Uwsgi, &packet, &cuts, &Limits::default());
        prop_assert_eq!(got.meanings(), [(expected(&vars, &body), body, false)]);
        prop_assert_eq!((&got.end, got.taken), (&End::Closed, packet.len()));
        let followed = [packet, trailing].concat();
        prop_assert_eq!(feed_uwsgi(&cut(&followed, &cuts), &Limits::default()), got);
    }

    #[test]
    fn a_body_in_a_file_is_the_body_in_memory(body in bytes(2_000), kept in 0..2_000usize, cuts in cuts()) {
        let packet = packet(&[], &body);
        let limits = Limits { body_memory_bytes_max: kept, ..Limits::default() };
        prop_assert_eq!(feed_uwsgi(&cut(&packet, &cuts), &limits), feed_uwsgi(&[&packet], &Limits::default()));
    }

    #[test]
    fn any_bytes_mean_the_same_however_they_are_split(bytes in bytes(300), cuts in cuts()) {
        assert_any_split(ProtocolName::Uwsgi, &bytes, &cuts, &small_limits());
    }

    #[test]
    fn any_block_of_vars_means_the_same_however_it_is_split(
        modifier1 in select(&[modifier1::WSGI, modifier1::MANAGE_PATH_INFO][..]),
        block in block_of_short_strings(),
        cuts in cuts(),
    ) {
        let datasize = u16::try_from(block.len()).unwrap();
        let header = PacketHeader { modifier1, datasize, modifier2: 0 }.to_bytes();
        assert_any_split(ProtocolName::Uwsgi, &[header.as_slice(), &block].concat(), &cuts, &small_limits());
    }

    #[test]
    fn a_damaged_packet_means_the_same_however_it_is_split(
        vars in vars(),
        body in body(),
        damage in vec(damage::damage(any::<u8>()), 1..4),
        cuts in cuts(),
    ) {
        let mut packet = packet(&vars, &body);
        for damage in damage {
            damage.inflict(&mut packet);
        }
        assert_any_split(ProtocolName::Uwsgi, &packet, &cuts, &small_limits());
    }

    #[test]
    fn a_packet_cut_short_only_asks_for_more(vars in vars(), body in body(), end in any::<Index>()) {
        let packet = packet(&vars, &body);
        let prefix = &packet[..end.index(packet.len())];
        let got = assert_any_split(ProtocolName::Uwsgi, prefix, &[], &Limits::default());
        prop_assert!(matches!(got.end, End::Open(_)) && got.requests.is_empty(), "{:?}", got);
        prop_assert_eq!(got.taken, prefix.len());
    }
}

#[test]
fn two_lengths_are_told_of_before_the_method_too() {
    let packet = Packet::new()
        .var("CONTENT_LENGTH", "5")
        .var("CONTENT_LENGTH", "6")
        .var("REQUEST_METHOD", "POST")
        .header_and_vars()
        .unwrap();
    let End::Refused { status, offset, message, .. } = feed_uwsgi(&[&packet], &Limits::default()).end else {
        panic!("it must be refused");
    };
    assert_eq!((status, offset), (Some(400), Some(4 + 2 + 14 + 2 + 1)), "{message}");
    assert!(message.starts_with("CONTENT_LENGTH was sent twice"), "{message}");
}

#[test]
fn a_body_of_exactly_the_bound_is_taken_and_one_byte_more_refused() {
    let limits = Limits { body_bytes_max: 10, ..Limits::default() };
    let status = |len: usize| {
        let got = feed_uwsgi(&[&packet(&[], &vec![b'x'; len])], &limits);
        match got.end {
            End::Closed => Ok(got.requests[0].body.len()),
            End::Refused { status, .. } => Err(status),
            End::Open(_) => panic!("{got:?}"),
        }
    };
    assert_eq!(status(10), Ok(10));
    assert_eq!(status(11), Err(Some(413)));
}

type Pair = (Vec<u8>, Vec<u8>);

fn feed_uwsgi(pieces: &[&[u8]], limits: &Limits) -> Outcome {
    feed(ProtocolName::Uwsgi, pieces.iter().copied(), limits)
}

/// A POST of these vars and this body. Both ends are the test's own, so that what stands between is arbitrary.
fn packet(vars: &[Pair], body: &[u8]) -> Vec<u8> {
    let mut packet = Packet::new().var("REQUEST_METHOD", "POST");
    for (name, value) in vars {
        packet = packet.var(name, value);
    }
    let head = packet.var("CONTENT_LENGTH", body.len().to_string()).header_and_vars();
    [head.expect("the vars fit in a packet"), body.to_vec()].concat()
}

/// What the environ of [`packet`] must hold: the policy of `fixtures/uwsgi/README.md`, naively.
fn expected(vars: &[Pair], body: &[u8]) -> Vec<Pair> {
    let sent = [
        vec![(b"REQUEST_METHOD".to_vec(), b"POST".to_vec())],
        vars.to_vec(),
        vec![(b"CONTENT_LENGTH".to_vec(), body.len().to_string().into_bytes())],
    ];
    let mut environ: Vec<Pair> = Vec::new();
    for (name, value) in sent.concat() {
        if [b"HTTP_PROXY".as_slice(), b"HTTP_CONTENT_TYPE", b"HTTP_CONTENT_LENGTH"].contains(&name.as_slice())
        {
            continue;
        }
        match environ.iter_mut().find(|(earlier, _)| *earlier == name) {
            None => environ.push((name, value)),
            Some((_, earlier)) if name == b"HTTP_COOKIE" => *earlier = [&earlier[..], b"; ", &value].concat(),
            Some((_, earlier)) if name.starts_with(b"HTTP_") && name != b"HTTP_REFERER" => {
                *earlier = [&earlier[..], b", ", &value].concat();
            }
            Some((_, earlier)) => *earlier = value,
        }
    }
    let get =
        |name: &[u8]| environ.iter().find(|(n, _)| n == name).map_or(vec![], |(_, value)| value.clone());
    let host = String::from_utf8(get(b"HTTP_HOST")).expect("hosts are made of ASCII here");
    let (name, port) = host.split_once(':').unwrap_or((&host, ""));
    let https = get(b"HTTPS") == b"on" || get(b"REQUEST_SCHEME") == b"https";
    let default_port = if https { "443" } else { "80" };
    for (name, value) in [
        ("SERVER_NAME", if name.is_empty() { "localhost" } else { name }),
        ("SERVER_PORT", if port.is_empty() { default_port } else { port }),
    ] {
        match environ.iter_mut().find(|(n, _)| n == name.as_bytes()) {
            None => environ.push((name.into(), value.into())),
            Some((_, sent)) if sent.is_empty() => *sent = value.into(),
            Some(_) => {}
        }
    }
    environ
}

/// Vars as front ends send them, and as none does: names that mean something, names that repeat, any bytes.
fn vars() -> impl Strategy<Value = Vec<Pair>> {
    let host = select(&["", "a.example", "a.example:81"][..]).prop_map(|host| host.as_bytes().to_vec());
    let scheme = select(&["", "http", "https", "on"][..]).prop_map(|scheme| scheme.as_bytes().to_vec());
    let names = |names: &'static [&'static str]| select(names).prop_map(|name| name.as_bytes().to_vec());
    const REPEATED: &[&str] =
        &["HTTP_A", "HTTP_AB", "HTTP_COOKIE", "A", "HTTP_", "HTTP", "B", "HTTP_PROXY", "HTTP_REFERER"];
    const MEANT: &[&str] =
        &["SERVER_NAME", "SERVER_PORT", "PATH_INFO", "HTTP_CONTENT_LENGTH", "CONTENT_TYPE"];
    let pair = prop_oneof![
        4 => (names(REPEATED), bytes(8)),
        3 => (names(MEANT), bytes(4)),
        2 => (vec(any::<u8>(), 1..30), bytes(60)),
        1 => (names(&["HTTPS", "REQUEST_SCHEME"]), scheme),
        1 => (vec(any::<u8>(), 1..3), bytes(3_000)),
    ];
    (vec(pair, 0..20), host, any::<Index>()).prop_map(|(mut pairs, host, at)| {
        pairs.insert(at.index(pairs.len() + 1), (b"HTTP_HOST".to_vec(), host));
        pairs
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(Vec::new()), bytes(20), bytes(3_000)]
}

fn bytes(len_max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=len_max)
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(0..100_000usize, 0..6)
}

/// Lengths that are mostly small, so that the grammar is met far into the block and not broken at once.
fn block_of_short_strings() -> impl Strategy<Value = Vec<u8>> {
    let string = (0..6u16, bytes(6)).prop_map(|(len, bytes)| [len.to_le_bytes().as_slice(), &bytes].concat());
    let right = bytes(6).prop_map(|bytes| [(bytes.len() as u16).to_le_bytes().as_slice(), &bytes].concat());
    vec(prop_oneof![1 => string, 20 => right], 0..30).prop_map(|strings| strings.concat())
}

/// Bounds that small packets reach.
fn small_limits() -> Limits {
    Limits { vars_count_max: 10, body_bytes_max: 500, body_memory_bytes_max: 100, ..Limits::default() }
}
