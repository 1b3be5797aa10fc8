//! What several variables of one name mean, once all have arrived.

use super::index::{Place, Repeat};
use super::{ContentLengthError, Variables};

impl Variables {
    /// Makes one variable of those that share a name, in the place of the first. Each value is copied once:
    /// joining at every repetition would let a packet of 64 KiB fill megabytes.
    #[cold]
    pub(super) fn merge(&mut self) -> Result<(), ContentLengthError> {
        let mut repeats = std::mem::take(&mut self.index.repeats);
        let again: Vec<usize> = repeats.iter().map(|repeat| repeat.again).collect();
        // The sort is stable, so those of one name stay in wire order.
        repeats.sort_by_key(|repeat| repeat.first);
        let mut merged = Ok(());
        for of_one_name in repeats.chunk_by(|one, next| one.first == next.first) {
            merged = merged.and(self.merge_name(of_one_name));
        }
        let mut again = again.into_iter().peekable();
        self.index.retain(|at| again.next_if_eq(&at).is_none());
        merged
    }

    fn merge_name(&mut self, repeats: &[Repeat]) -> Result<(), ContentLengthError> {
        let [Repeat { first, .. }, ..] = *repeats else { return Ok(()) };
        let all: Vec<usize> = [first].into_iter().chain(repeats.iter().map(|repeat| repeat.again)).collect();
        let name = &self.block[self.index.places[first].name.range()];
        if name == b"CONTENT_LENGTH" {
            return self.merge_lengths(&all);
        }
        let value = if name.starts_with(b"HTTP_") && !SINGLE.contains(&name) {
            let separator: &[u8] = if name == b"HTTP_COOKIE" { b"; " } else { b", " };
            self.join(&all, separator)
        } else {
            self.index.places[all[all.len() - 1]].value
        };
        self.index.places[first].value = value;
        Ok(())
    }

    /// Where two CONTENT_LENGTH differ, the one that differs from the first is kept, to be pointed at.
    fn merge_lengths(&mut self, all: &[usize]) -> Result<(), ContentLengthError> {
        let places = &self.index.places;
        let value = |at: usize| &self.block[places[at].value.range()];
        let Some(other) = all.iter().find(|at| value(**at) != value(all[0])) else { return Ok(()) };
        self.index.places[all[0]] = places[*other];
        Err(ContentLengthError::Twice)
    }

    /// The values of these variables in one piece, at the end of the block.
    fn join(&mut self, all: &[usize], separator: &[u8]) -> Place {
        let start = self.block.len();
        for (count, at) in all.iter().enumerate() {
            if count > 0 {
                self.block.extend_from_slice(separator);
            }
            self.block.extend_from_within(self.index.places[*at].value.range());
        }
        Place::of(&(start..self.block.len()))
    }
}

/// The fields of a request that are defined to stand once: two values joined are no value. Of each the last counts, as
/// of a parameter that a front end's configuration sets again; where a client repeats one, which counts is open.
const SINGLE: &[&[u8]] = &[
    b"HTTP_AUTHORIZATION",       // RFC 9110 section 11.6.2
    b"HTTP_CONTENT_LOCATION",    // 8.7
    b"HTTP_CONTENT_RANGE",       // 14.4
    b"HTTP_DATE",                // 6.6.1
    b"HTTP_FROM",                // 10.1.2
    b"HTTP_HOST",                // 7.2
    b"HTTP_IF_MODIFIED_SINCE",   // 13.1.3
    b"HTTP_IF_RANGE",            // 13.1.5
    b"HTTP_IF_UNMODIFIED_SINCE", // 13.1.4
    b"HTTP_LAST_MODIFIED",       // 8.8.2
    b"HTTP_MAX_FORWARDS",        // 7.6.2
    b"HTTP_ORIGIN",              // RFC 6454 section 7.3
    b"HTTP_PROXY_AUTHORIZATION", // RFC 9110 section 11.7.2
    b"HTTP_RANGE",               // 14.2
    b"HTTP_REFERER",             // 10.1.3
    b"HTTP_USER_AGENT",          // 10.1.5
];
