//! Round trips of arbitrary requests in arbitrary records and pieces, and what garbage comes to.

use crate::wire::fastcgi::record_type::{DATA, PARAMS, STDIN};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tidegate::{Limits, ProtocolName};

use crate::feeding::{End, Outcome, assert_any_split, cut, feed};
use crate::wire::fastcgi::{KEEP_CONN, abort, begin, block, get_values, padded};
use crate::wire::scgi;

type Pair = (Vec<u8>, Vec<u8>);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn fastcgi_requests_round_trip(
        sent in vec((variables(false), vec(any::<u8>(), 0..400), any::<bool>(), any::<u16>()), 1..4),
        shapes in vec((1..300_usize, any::<u8>(), 0..9_u8), 1..40),
        cuts in vec(any::<usize>(), 0..6),
    ) {
        let (mut bytes, mut want, mut answered) = (Vec::new(), Vec::new(), Vec::new());
        let mut shapes = shapes.into_iter().cycle();
        let last = sent.len() - 1;
        for (at, (variables, body, declares, id)) in sent.into_iter().enumerate() {
            let (id, flags) = (id.max(1), if at < last { KEEP_CONN } else { 0 });
            let mut variables = variables;
            if declares {
                variables.push((b"CONTENT_LENGTH".to_vec(), body.len().to_string().into_bytes()));
            }
            bytes.extend(begin(id, flags));
            let pairs: Vec<_> = variables.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            for (record_type, stream) in [(PARAMS, block(&pairs)), (STDIN, body.clone())] {
                let mut rest = stream.as_slice();
                while !rest.is_empty() {
                    let (size, padding, noise) = shapes.next().expect("it has no end");
                    let (piece, behind) = rest.split_at(size.min(rest.len()));
                    rest = behind;
                    interrupt(noise, id, &mut bytes, &mut answered);
                    bytes.extend(padded(record_type, id, piece, padding));
                }
                let (_, padding, noise) = shapes.next().expect("it has no end");
                interrupt(noise, id, &mut bytes, &mut answered);
                bytes.extend(padded(record_type, id, b"", padding));
            }
            if !declares && !body.is_empty() {
                variables.push((b"CONTENT_LENGTH".to_vec(), body.len().to_string().into_bytes()));
            }
            want.push((variables, body));
        }
        let got = feed(ProtocolName::Fastcgi, cut(&bytes, &cuts), &Limits::default());
        prop_assert_eq!(&got.end, &End::Closed);
        prop_assert_eq!(got.taken, bytes.len());
        prop_assert_eq!(&got.out, &answered);
        prop_assert_eq!(requests(&got), want);
        prop_assert_eq!(assert_any_split(ProtocolName::Fastcgi, &bytes, &cuts, &Limits::default()), got);
    }

    #[test]
    fn scgi_requests_round_trip(
        variables in variables(true),
        body in vec(any::<u8>(), 0..400),
        cuts in vec(any::<usize>(), 0..6),
    ) {
        let pairs: Vec<_> = variables.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let bytes = scgi::request(&pairs, &body);
        let mut want = vec![
            (b"CONTENT_LENGTH".to_vec(), body.len().to_string().into_bytes()),
            (b"SCGI".to_vec(), b"1".to_vec()),
        ];
        want.extend(variables);
        let got = assert_any_split(ProtocolName::Scgi, &bytes, &cuts, &Limits::default());
        prop_assert_eq!(&got.end, &End::Closed);
        prop_assert_eq!(got.taken, bytes.len());
        prop_assert_eq!(requests(&got), [(want, body)]);
    }

    #[test]
    fn garbage_means_the_same_however_it_is_cut(
        mut bytes in vec(any::<u8>(), 0..600),
        front in prop::sample::select(vec![&b""[..], b"\x01", b"\x01\x01\0\x01\0\x08\0\0\0\x01\0", b"9:", b"30:CONTENT_LENGTH\0"]),
        cuts in vec(any::<usize>(), 0..6),
    ) {
        bytes.splice(0..0, front.iter().copied());
        for protocol in [ProtocolName::Fastcgi, ProtocolName::Scgi] {
            assert_any_split(protocol, &bytes, &cuts, &tight());
        }
    }

    /// Records whose headers are right, and nothing else needs to be.
    #[test]
    fn any_records_mean_the_same_however_they_are_cut(
        records in vec((0..13_u8, 0..3_u16, vec(any::<u8>(), 0..40), 0..20_u8), 0..30),
        flags in 0..2_u8,
        cuts in vec(any::<usize>(), 0..6),
    ) {
        let mut bytes = begin(1, flags);
        for (record_type, id, content, padding) in records {
            bytes.extend(padded(record_type, id, &content, padding));
        }
        assert_any_split(ProtocolName::Fastcgi, &bytes, &cuts, &tight());
    }

    #[test]
    fn a_mutated_request_means_the_same_however_it_is_cut(
        variables in variables(true),
        body in vec(any::<u8>(), 0..50),
        mutations in vec((any::<Index>(), any::<u8>(), 0..3), 1..6),
        cuts in vec(any::<usize>(), 0..6),
    ) {
        let pairs: Vec<_> = variables.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let fastcgi = crate::wire::fastcgi::request(1, KEEP_CONN, &pairs, &body);
        for (protocol, mut bytes) in
            [(ProtocolName::Fastcgi, fastcgi.repeat(2)), (ProtocolName::Scgi, scgi::request(&pairs, &body))]
        {
            for (at, byte, how) in &mutations {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = *byte,
                    1 => bytes.insert(at, *byte),
                    _ => drop(bytes.remove(at)),
                }
            }
            assert_any_split(protocol, &bytes, &cuts, &tight());
        }
    }
}

/// Bounds that some hundred bytes reach.
fn tight() -> Limits {
    Limits {
        vars_count_max: 20,
        vars_bytes_max: 400,
        body_bytes_max: 300,
        body_memory_bytes_max: 300,
        ..Limits::default()
    }
}

/// What is not of request `id` and may stand before any of its records, with what is answered to it.
fn interrupt(noise: u8, id: u16, bytes: &mut Vec<u8>, answered: &mut Vec<u8>) {
    let other = if id == 9 { 8 } else { 9 };
    match noise {
        0 => {
            let (asked, told) = get_values();
            bytes.extend(asked);
            answered.extend(padded(told.record_type, told.id, &told.content, 0));
        }
        1 => bytes.extend(abort(other)),
        2 => bytes.extend(padded(PARAMS, other, b"\xff\xff\xff\xff", 3)),
        3 => bytes.extend(padded(DATA, id, b"data", 1)),
        4 => {
            bytes.extend(begin(other, 0));
            let refused = crate::wire::fastcgi::end(other, crate::wire::fastcgi::CANT_MPX_CONN);
            answered.extend(padded(refused.record_type, other, &refused.content, 0));
        }
        _ => {}
    }
}

/// Variables of which each stands once and is left as it is, with all that would be made if it was missing.
fn variables(no_nul: bool) -> impl Strategy<Value = Vec<Pair>> {
    let byte = move || if no_nul { 1..=255_u8 } else { 0..=255_u8 };
    vec((vec(byte(), 0..200), vec(byte(), 0..300)), 0..12).prop_map(|pairs| {
        let fixed: [(&[u8], &[u8]); 4] = [
            (b"REQUEST_METHOD", b"PUT"),
            (b"SERVER_NAME", b"x"),
            (b"SERVER_PORT", b"1"),
            (b"PATH_INFO", b""),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
        let numbered = pairs.into_iter().enumerate();
        fixed
            .chain(numbered.map(|(n, (name, value))| ([format!("{n}_").as_bytes(), &name].concat(), value)))
            .collect()
    })
}

fn requests(outcome: &Outcome) -> Vec<(Vec<Pair>, Vec<u8>)> {
    outcome.meanings().into_iter().map(|(environ, body, _)| (environ, body)).collect()
}
