//! Which pieces of a file are asked for (RFC 9110 section 14).

use std::ops::Range;

/// What a Range field comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    /// All of the file: the field is not understood, or asks for more than there is by asking for bytes twice.
    All,
    /// These pieces, at least one, in the order in which they were asked for.
    Pieces(Vec<Range<u64>>),
    /// None of what is asked for is there.
    Unsatisfiable,
}

/// The pieces of a file of `len` bytes that `value` asks for, of which there may be `count_max`.
pub(super) fn select(value: &[u8], len: u64, count_max: usize) -> Ranges {
    let Some(specs) = parse(value, count_max) else { return Ranges::All };
    // Of nothing no piece can be named.
    if len == 0 {
        return Ranges::All;
    }
    let pieces: Vec<_> = specs.into_iter().filter_map(|spec| spec.of(len)).collect();
    let sum = pieces.iter().fold(0_u64, |sum, piece| sum.saturating_add(piece.end - piece.start));
    match pieces.len() {
        0 => Ranges::Unsatisfiable,
        count if count > 1 && sum > len => Ranges::All,
        _ => Ranges::Pieces(pieces),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    /// From a byte on, to another one or to the end.
    From { first: u64, last: Option<u64> },
    /// The last so many bytes.
    Suffix(u64),
}

impl Spec {
    /// The piece of a file of `len` bytes, if it has one.
    fn of(self, len: u64) -> Option<Range<u64>> {
        let piece = match self {
            Spec::From { first, last } => first..last.map_or(len, |last| last.saturating_add(1)).min(len),
            Spec::Suffix(count) => len.saturating_sub(count)..len,
        };
        (piece.start < piece.end).then_some(piece)
    }
}

/// `bytes=0-9, 20-, -5`; `None` for another unit, for what is no range, and for too many.
fn parse(value: &[u8], count_max: usize) -> Option<Vec<Spec>> {
    let at = value.iter().position(|byte| *byte == b'=')?;
    if !value[..at].trim_ascii().eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for element in value[at + 1..].split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        // RFC 9110 section 5.6.1: a recipient ignores a reasonable number of empty elements.
        if element.is_empty() {
            continue;
        }
        if specs.len() == count_max {
            return None;
        }
        let dash = element.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (element[..dash].trim_ascii(), element[dash + 1..].trim_ascii());
        specs.push(match (first, last) {
            ([], last) => Spec::Suffix(number(last)?),
            (first, []) => Spec::From { first: number(first)?, last: None },
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last {
                    return None;
                }
                Spec::From { first, last: Some(last) }
            }
        });
    }
    (!specs.is_empty()).then_some(specs)
}

/// Digits; of a number that is too large for 64 bits it matters only that it is larger than any file.
fn number(digits: &[u8]) -> Option<u64> {
    let are_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    are_digits.then(|| {
        digits
            .iter()
            .fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(value: &str) -> Vec<Range<u64>> {
        pieces_of(value, 100)
    }

    fn pieces_of(value: &str, len: u64) -> Vec<Range<u64>> {
        match select(value.as_bytes(), len, 8) {
            Ranges::Pieces(pieces) => pieces,
            other => panic!("{value}: {other:?}"),
        }
    }

    #[test]
    fn ranges_are_cut_to_the_file() {
        for (value, want) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-99", 0..100),
            ("bytes=0-100", 0..100),
            ("bytes=99-", 99..100),
            ("bytes=10-", 10..100),
            ("bytes=-1", 99..100),
            ("bytes=-1000", 0..100),
            ("BYTES=5-6", 5..7),
            ("bytes= 5-6 ", 5..7),
            ("bytes=5-99999999999999999999999999", 5..100),
            ("bytes=,5-6,,", 5..7),
            ("bytes=5-6,100-", 5..7),
        ] {
            assert_eq!(pieces(value), [want], "{value}");
        }
        assert_eq!(pieces("bytes=20-29, 0-9,-1"), [20..30, 0..10, 99..100]);
    }

    #[test]
    fn what_is_not_there_is_unsatisfiable() {
        for value in ["bytes=100-", "bytes=100-200,300-", "bytes=-0", "bytes=99999999999999999999999999-"] {
            assert_eq!(select(value.as_bytes(), 100, 8), Ranges::Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=5-4",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=0x1-2",
            "lines=0-1",
            "bytes=0-1;2-3",
            "bytes=0-99,0-0",
            "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8",
        ] {
            assert_eq!(select(value.as_bytes(), 100, 8), Ranges::All, "{value}");
        }
        assert_eq!(select(b"bytes=0-0", 0, 8), Ranges::All);
    }

    proptest! {
        #[test]
        fn every_piece_lies_in_the_file(value in "bytes=[-0-9, ]{0,30}", len in 0..1_000_u64) {
            if let Ranges::Pieces(pieces) = select(value.as_bytes(), len, 8) {
                prop_assert!(!pieces.is_empty() && pieces.len() <= 8);
                prop_assert!(pieces.iter().all(|piece| piece.start < piece.end && piece.end <= len));
                prop_assert!(pieces.len() == 1 || pieces.iter().map(|p| p.end - p.start).sum::<u64>() <= len);
            }
        }

        #[test]
        fn a_range_that_is_there_is_what_is_sent(first in 0..100_u64, more in 0..100_u64) {
            let (last, want) = (first + more, first..first + more + 1);
            prop_assert_eq!(pieces_of(&format!("bytes={first}-{last}"), 200), [want]);
        }
    }
}
