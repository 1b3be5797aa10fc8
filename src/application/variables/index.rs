//! Where in a block of bytes each variable lies, and how one is found among many.

use std::ops::Range;

use super::table::Table;

/// Where in the block each variable lies.
///
/// Most requests have some twenty: they are walked through, with a hash that costs next to nothing. A peer can make
/// names that share it, or send a thousand: past a bound on either a table finds them, by a hash that no peer can
/// steer.
#[derive(Default)]
pub(crate) struct Index {
    pub(super) places: Vec<Variable>,
    /// A bit for each hash that is in the index (its low six bits), so that most names need no search. All of them
    /// once there is a table.
    seen: u64,
    /// The variables whose name stood before them, in wire order.
    pub(super) repeats: Vec<Repeat>,
    /// How often a name was compared with another that has its hash.
    clashes: u32,
    /// Boxed, since an index is moved about, and few have one.
    table: Option<Box<Table>>,
}

impl Index {
    /// Takes the variable whose name and value lie at these places of `block`.
    ///
    /// HTTP_PROXY is dropped (it is how httpoxy sets a CGI program's proxy), and HTTP_CONTENT_LENGTH and
    /// HTTP_CONTENT_TYPE, which only repeat CONTENT_LENGTH and CONTENT_TYPE. An empty CONTENT_LENGTH is as if not sent.
    #[inline(always)]
    pub(crate) fn push(&mut self, block: &[u8], name: Range<usize>, value: Range<usize>) {
        self.push_hashed(block, hash(&block[name.clone()]), name, value);
    }

    #[inline(always)]
    pub(super) fn push_hashed(&mut self, block: &[u8], hash: u32, name: Range<usize>, value: Range<usize>) {
        let bytes = &block[name.clone()];
        if matches!(bytes, b"HTTP_PROXY" | b"HTTP_CONTENT_LENGTH" | b"HTTP_CONTENT_TYPE") {
            return;
        }
        if value.is_empty() && bytes == b"CONTENT_LENGTH" {
            return;
        }
        if self.seen & seen_bit(hash) != 0 {
            self.note_repeat(block, hash, bytes);
        }
        self.seen |= seen_bit(hash);
        self.places.push(Variable { hash, name: Place::of(&name), value: Place::of(&value) });
    }

    pub(super) fn find(&self, block: &[u8], hash: u32, name: &[u8]) -> Option<usize> {
        if self.seen & seen_bit(hash) == 0 {
            return None;
        }
        match &self.table {
            Some(table) => table.find(&self.places, block, name),
            None => self.places.iter().position(|v| v.hash == hash && &block[v.name.range()] == name),
        }
    }

    /// Takes the name out that stands first at this place.
    pub(super) fn remove(&mut self, first: usize) {
        if self.repeats.is_empty() && self.table.is_none() {
            self.places.remove(first);
            return;
        }
        let again: Vec<usize> = self.repeats.iter().filter(|r| r.first == first).map(|r| r.again).collect();
        self.retain(|at| at != first && again.binary_search(&at).is_err());
    }

    /// Keeps the variables at the places for which `is_kept`, which is asked for each in turn.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(usize) -> bool) {
        let mut kept = 0..;
        let now_at: Vec<Option<usize>> =
            (0..self.places.len()).map(|at| if is_kept(at) { kept.next() } else { None }).collect();
        let mut stays = now_at.iter().map(Option::is_some);
        self.places.retain(|_| stays.next() == Some(true));
        self.repeats = (self.repeats.iter())
            .filter_map(|r| Some(Repeat { first: now_at[r.first]?, again: now_at[r.again]? }))
            .collect();
        if let Some(table) = &mut self.table {
            table.renumber(&now_at);
        }
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.seen = 0;
        self.repeats.clear();
        self.clashes = 0;
        self.table = None;
    }

    /// Looks whether the name of the variable that is pushed next has come before.
    #[inline(never)]
    fn note_repeat(&mut self, block: &[u8], hash: u32, name: &[u8]) {
        if self.table.is_some() || self.clashes > CLASHES_MAX || self.places.len() >= WALKED_COUNT_MAX {
            self.note_repeat_by_table(block, name);
            return;
        }
        let (first, clashes) = self.walk(block, hash, name);
        self.clashes += clashes;
        if let Some(first) = first {
            self.repeats.push(Repeat { first, again: self.places.len() });
        }
    }

    #[cold]
    fn note_repeat_by_table(&mut self, block: &[u8], name: &[u8]) {
        self.seen = u64::MAX;
        let again = self.places.len();
        let table = self.table.get_or_insert_with(|| Box::new(Table::new(&self.places, block)));
        if let Some(first) = table.find_or_take(&self.places, block, name, again) {
            self.repeats.push(Repeat { first, again });
        }
    }

    /// The first place of the name, and how many others were compared with it because they have its hash.
    fn walk(&self, block: &[u8], hash: u32, name: &[u8]) -> (Option<usize>, u32) {
        let (mut clashes, mut at) = (0, 0);
        while let Some(next) = next_of_hash(&self.places[at..], hash) {
            at += next;
            if &block[self.places[at].name.range()] == name {
                return (Some(at), clashes);
            }
            clashes += 1;
            at += 1;
        }
        (None, clashes)
    }
}

/// Four at a time: most names are looked for in vain, and this is what that costs.
fn next_of_hash(places: &[Variable], hash: u32) -> Option<usize> {
    let (fours, rest) = places.as_chunks::<4>();
    let has = |variable: &Variable| variable.hash == hash;
    let in_fours = fours.iter().position(|[a, b, c, d]| has(a) || has(b) || has(c) || has(d));
    let (before, some) = match in_fours {
        Some(four) => (4 * four, &fours[four][..]),
        None => (4 * fours.len(), rest),
    };
    count_steps(before + some.len());
    Some(before + some.iter().position(has)?)
}

/// Comparisons with another name of the same hash, a count, before a table is made. The requests of browsers and front
/// ends have none, and those up to here cost less than a table.
const CLASHES_MAX: u32 = 64;
/// Variables that are walked through, a count: beyond it a table is quicker, and usual requests have a quarter of it.
const WALKED_COUNT_MAX: usize = 128;

/// A variable whose name stood before it.
#[derive(Clone, Copy)]
pub(super) struct Repeat {
    /// The place where the name stands first.
    pub(super) first: usize,
    /// Its own.
    pub(super) again: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Variable {
    pub(super) hash: u32,
    pub(super) name: Place,
    pub(super) value: Place,
}

/// A place in the block: half the size of a `Range<usize>`.
#[derive(Clone, Copy)]
pub(super) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// No block comes near 4 GiB: [`Variables::extend_block`] sees to it.
    pub(super) fn of(range: &Range<usize>) -> Self {
        Place { start: range.start as u32, end: range.end as u32 }
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A hash that tells the usual names apart (HTTP_ACCEPT, HTTP_ACCEPT_ENCODING …) at little cost: the length and
/// the last eight bytes. Two names that share it are still compared byte by byte.
pub(super) fn hash(name: &[u8]) -> u32 {
    let tail = match name.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => name.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    mix(tail, name.len())
}

pub(super) fn mix(tail: u64, len: usize) -> u32 {
    let mixed = (tail ^ (len as u64) << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

/// Eight bytes of ASCII at once: letters in upper case, `_` for `-`. No sum below leaves its byte.
pub(super) fn cgi_case(word: u64) -> u64 {
    let lower = word.wrapping_add(0x1F * ONES) & !word.wrapping_add(0x05 * ONES) & HIGH_BITS;
    let dash = places_of(word, b'-');
    word.wrapping_sub(lower >> 2).wrapping_add((dash >> 7) * u64::from(b'_' - b'-'))
}

/// The high bit of each byte of ASCII that is this one.
pub(super) fn places_of(word: u64, byte: u8) -> u64 {
    !(word ^ (u64::from(byte) * ONES)).wrapping_add(0x7F * ONES) & HIGH_BITS
}

/// The bit of [`Index::seen`] that is a hash's.
fn seen_bit(hash: u32) -> u64 {
    1 << (hash & 63)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x80 * ONES;

/// Tells the tests of places that were looked at.
#[cfg(not(test))]
pub(super) fn count_steps(_: usize) {}

#[cfg(test)]
pub(super) fn count_steps(count: usize) {
    tests::STEPS.set(tests::STEPS.get() + count);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use super::super::Variables;

    thread_local! {
        /// Places that were looked at.
        pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    /// A thousand names that are alike in some way, and how often each stands.
    fn patterns() -> Vec<(&'static str, Vec<String>)> {
        let digits = |n: usize| format!("{:08}", n.wrapping_mul(0x9E37_79B9) % 100_000_000);
        let names = |name: &dyn Fn(usize) -> String| (0..1_000).map(name).collect::<Vec<_>>();
        vec![
            ("ordinary", names(&|n| format!("HTTP_X_{}", digits(n)))),
            ("a long prefix", names(&|n| format!("HTTP_{}{}", "P".repeat(40), digits(n)))),
            ("the length and the last eight bytes", names(&|n| format!("HTTP_{}ABCDEFGH", digits(n)))),
            ("the hash, but not the length", names(&|n| same_hash(n % 50, n / 50))),
            ("groups of eight", names(&|n| format!("HTTP_{}{}", digits(n), digits(n / 8)))),
            ("one name", names(&|_| "HTTP_A".to_owned())),
            ("one repeated", names(&|n| format!("HTTP_X_{}", digits(n % 999)))),
            ("pairs", names(&|n| format!("HTTP_X_{}", digits(n / 2)))),
            ("pairs far from each other", names(&|n| format!("HTTP_X_{}", digits(n % 500)))),
            ("pairs that share their end", names(&|n| format!("HTTP_{}ABCDEFGH", digits(n % 500)))),
        ]
    }

    /// Names of several lengths whose hash is one: the length is mixed with the last byte.
    fn same_hash(longer: usize, which: usize) -> String {
        let len = 64 + longer;
        let last = char::from(u8::try_from(len).unwrap() ^ 0x40 ^ b'A');
        format!("HTTP_{which:02}{}BCDEFGH{last}", "P".repeat(len - 15))
    }

    #[test]
    fn no_names_cost_more_than_others() {
        for (what, names) in patterns() {
            let mut seen = Variables::new();
            STEPS.set(0);
            for name in &names {
                seen.push(name.as_bytes(), b"v");
            }
            seen.complete().unwrap();
            let mut want: BTreeMap<&str, usize> = BTreeMap::new();
            names.iter().for_each(|name| *want.entry(name).or_default() += 1);
            for (name, count) in &want {
                let value = vec!["v"; *count].join(", ");
                assert_eq!(seen.get(name.as_bytes()), Some(value.as_bytes()), "{what}: {name}");
            }
            assert_eq!(seen.iter().count(), want.len() + 2, "{what}, with SERVER_NAME and SERVER_PORT");
            // A walk through 128 variables looks at 8,128 places, a table at some two for a name.
            assert!(STEPS.get() < 15_000, "{what}: {} places looked at", STEPS.get());
        }
    }

    #[test]
    fn names_that_share_a_hash_are_not_compared_for_ever() {
        for count in [20, 100] {
            let mut seen = Variables::new();
            for n in 0..count {
                seen.push(format!("HTTP_{n:03}ABCDEFGH").as_bytes(), b"");
            }
            let (_, index) = seen.parts();
            assert!(index.clashes <= super::CLASHES_MAX + count, "{} comparisons", index.clashes);
        }
    }

    #[test]
    fn what_is_taken_out_is_gone_and_all_else_is_found() {
        for (what, names) in patterns() {
            for complete_first in [true, false] {
                let mut seen = Variables::new();
                names.iter().for_each(|name| seen.push(name.as_bytes(), b"v"));
                if complete_first {
                    seen.complete().unwrap();
                }
                let out = [0, 1, 500, 700, 999].map(|at| names[at].as_bytes());
                for name in out {
                    seen.remove(name);
                    assert_eq!(seen.get(name), None, "{what}");
                }
                seen.complete().unwrap();
                for name in &names {
                    let is_out = out.contains(&name.as_bytes());
                    assert_eq!(seen.get(name.as_bytes()).is_none(), is_out, "{what}: {name}");
                }
                seen.set(out[0], b"back");
                assert_eq!(seen.get(out[0]), Some(b"back".as_slice()), "{what}");
            }
        }
    }

    #[test]
    fn an_index_that_is_used_again_walks_again() {
        let mut seen = Variables::new();
        patterns()[2].1.iter().for_each(|name| seen.push(name.as_bytes(), b""));
        let (_, index) = seen.parts();
        assert!(index.table.is_some());
        index.clear();
        assert!(index.table.is_none() && index.clashes == 0 && index.seen == 0);
    }
}
