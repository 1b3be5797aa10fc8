//! The decoder and the oracle read every fixture alike, and what becomes of the fixtures when they are damaged.

use tidegate::{Limits, ProtocolName};

use crate::compare::{assert_same_reading, small};
use crate::feeding::feed;
use crate::support::fixture::Fixture;

#[test]
fn every_fixture_is_read_alike() {
    for kind in ["valid", "invalid"] {
        for fixture in Fixture::all(ProtocolName::Http, kind) {
            for behind in [b"".as_slice(), b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"] {
                for limits in [Limits::default(), small()] {
                    assert_alike(&[&fixture.bytes, behind].concat(), &limits);
                }
            }
        }
    }
}

#[test]
fn damaged_fixtures_are_read_alike() {
    let fixtures =
        ["valid", "invalid"].map(|kind| Fixture::all(ProtocolName::Http, kind)).into_iter().flatten();
    let short: Vec<Vec<u8>> = fixtures.map(|f| f.bytes).filter(|bytes| bytes.len() < LONG_BYTES).collect();
    let mut chance = Chance(SEED);
    for round in 0..ROUNDS {
        let mut bytes = match chance.below(3) {
            0 => chance.one_of(&short).clone(),
            1 => [0; 2].map(|_| chance.one_of(&short).as_slice()).concat(),
            _ => composed(&short, &mut chance),
        };
        for _ in 0..chance.below(5) {
            damage(&mut bytes, &short, &mut chance);
        }
        let limits = if round % 3 == 0 { small() } else { Limits::default() };
        assert_alike(&bytes, &limits);
    }
}

fn assert_alike(bytes: &[u8], limits: &Limits) {
    assert_same_reading(bytes, &feed(ProtocolName::Http, [bytes], limits), limits);
}

/// Longer ones are for the bounds, and most of their bytes are alike.
const LONG_BYTES: usize = 1_000;
/// A few seconds without optimization.
const ROUNDS: usize = 100_000;
const SEED: u64 = 0x5ea_51de;

/// A request line of one fixture, fields of others, and the body of another: mostly a request whose parts do not fit.
fn composed(fixtures: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes =
        lines(chance.one_of::<Vec<u8>>(fixtures)).first().map(|line| line.to_vec()).unwrap_or_default();
    bytes.extend(b"Host: a\r\n");
    for _ in 0..chance.below(5) {
        let others = lines(chance.one_of::<Vec<u8>>(fixtures));
        bytes.extend(others.get(2).or(others.last()).copied().unwrap_or_default());
    }
    let other = chance.one_of(fixtures);
    let body = other.windows(4).position(|four| four == b"\r\n\r\n").map_or(other.len(), |at| at + 4);
    [bytes.as_slice(), b"\r\n", &other[body..]].concat()
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Does one thing to the bytes.
fn damage(bytes: &mut Vec<u8>, others: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    let to = (at + chance.below(12)).min(bytes.len());
    match chance.below(9) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..to)),
        2 => bytes.insert(at, chance.byte()),
        3 if at < bytes.len() => bytes[at] = chance.byte(),
        4 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        5 => {
            let again = bytes[at..to].to_vec();
            bytes.splice(at..at, again);
        }
        6 => drop(bytes.splice(at..at, chance.one_of(WORDS).bytes())),
        7 => drop(bytes.splice(at..to, chance.one_of(WORDS).bytes())),
        // A line of another one.
        _ => {
            let lines = lines(chance.one_of::<Vec<u8>>(others));
            let place = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(at, |lf| at + lf + 1);
            bytes.splice(place..place, chance.one_of(&lines).iter().copied());
        }
    }
}

/// What means something in some place of the grammar.
const WORDS: &[&str] = &[
    "\r\n",
    "\r",
    "\n",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "=",
    "\"",
    "\\",
    "#",
    "?",
    "%",
    "%00",
    "%2F",
    "/",
    "*",
    "[::1]",
    "@",
    "0",
    "5",
    "ff",
    "0\r\n\r\n",
    "1\r\nx\r\n",
    "\0",
    "\u{7f}",
    "\u{e9}",
    "_",
    "-",
    "HTTP/1.0",
    "HTTP/1.1",
    "HTTP/1.7",
    "HTTP/2.0",
    "GET ",
    "CONNECT ",
    "OPTIONS ",
    "http://a",
    "Host: b\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 99999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close, x\r\n",
    "Connection: keep-alive\r\n",
    "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    "Cookie: a\r\n",
    "Referer: a\r\n",
    "Content-Type: a\r\n",
    "Proxy: a\r\n",
    "X_A: a\r\n",
    ", chunked",
    "chunked, ",
    ";a=\"b\"",
    "fffffffffffffffff",
];

/// Numbers that look random and are the same in every run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
