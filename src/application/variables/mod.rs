//! The variables of one request, in wire order, while a protocol decodes them and after.
//!
//! One block holds every name and value, one index their places, so a request costs two buffers however many
//! variables it has, and both are used again by a later request. What two variables of one name mean, and
//! which are never believed, is decided here, once, for every protocol.

mod index;
mod repeated;
mod table;

use std::cell::RefCell;
use std::fmt;
use std::io::Write;
use std::ops::Range;

pub(crate) use index::Index;
use index::{Place, Variable, cgi_case, hash, mix, places_of};

use crate::application::content_length;
pub(crate) use crate::application::content_length::ContentLengthError;
use crate::ascii::Ascii;

/// Names and values, a name once: what an [`Environ`](super::environ::Environ) is made of.
// A protocol copies its bytes in once (`extend_block`), says where in the block each name and value lies
// (`Index::push`), and ends with `complete`.
#[derive(Default)]
pub struct Variables {
    block: Vec<u8>,
    index: Index,
}

impl Variables {
    /// None yet. The buffers are those that an earlier request left, or new ones.
    pub fn new() -> Self {
        let (block, index) = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        Variables { block, index }
    }

    /// Appends `bytes` to the block and says where they lie.
    pub(crate) fn extend_block(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.block.len();
        self.block.extend_from_slice(bytes);
        assert!(self.block.len() <= u32::MAX as usize, "every bound on a head is far below 4 GiB");
        start..self.block.len()
    }

    /// Takes a variable of which nothing lies in the block yet.
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        let value = self.extend_block(value);
        self.push_value(name, value);
    }

    /// Takes a variable whose value lies in the block.
    pub(crate) fn push_value(&mut self, name: &[u8], value: Range<usize>) {
        let name = self.extend_block(name);
        self.index.push(&self.block, name, value);
    }

    /// Takes a variable whose value is written as text.
    pub(crate) fn push_display(&mut self, name: &[u8], value: impl fmt::Display) {
        let start = self.block.len();
        write!(self.block, "{value}").expect("a Vec takes every write");
        self.push_value(name, start..self.block.len());
    }

    /// Takes an HTTP header field, whose name is a token, under its CGI name: `User-Agent` is HTTP_USER_AGENT.
    ///
    /// A name with an underscore is dropped: `X_User` and `X-User` would be one variable, and a front end that
    /// strips the one would let the other through.
    pub(crate) fn push_header(&mut self, name: &[u8], value: &[u8]) {
        let start = self.extend_block(b"HTTP_").start;
        let (words, rest) = name.as_chunks::<8>();
        let (mut tail, mut has_underscore) = (0, false);
        for word in words {
            tail = u64::from_le_bytes(*word);
            has_underscore |= places_of(tail, b'_') != 0;
            self.block.extend_from_slice(&cgi_case(tail).to_le_bytes());
        }
        for byte in rest {
            has_underscore |= *byte == b'_';
            tail = tail >> 8 | u64::from(*byte) << 56;
            self.block.push(if *byte == b'-' { b'_' } else { byte.to_ascii_uppercase() });
        }
        if has_underscore {
            self.block.truncate(start);
            return;
        }
        let end = self.block.len();
        // Hashed from where it was sent: what was just written byte by byte cannot be read as a word yet.
        let hash =
            if words.is_empty() { hash(&self.block[start..end]) } else { mix(cgi_case(tail), end - start) };
        let value = self.extend_block(value);
        self.index.push_hashed(&self.block, hash, start..end, value);
    }

    /// The block and its index, for a decoder that walks the one and fills the other.
    pub(crate) fn parts(&mut self) -> (&[u8], &mut Index) {
        (&self.block, &mut self.index)
    }

    /// Ends the decoding: a name stands once from here on, and what front ends leave out is made good.
    ///
    /// HTTP_* variables of one name are joined, as RFC 9110 section 5.3 joins field lines (nginx before 1.23
    /// sends one for each). Of a field that may stand once, and of any other name, the last counts, as with a
    /// `uwsgi_param` given twice. Two CONTENT_LENGTH that differ are an error. SERVER_NAME and SERVER_PORT, which PEP 3333
    /// wants non-empty, are taken from the Host header or the scheme.
    ///
    /// Returns CONTENT_LENGTH, since the decoder has a body to expect.
    pub(crate) fn complete(&mut self) -> Result<Option<u64>, ContentLengthError> {
        if !self.index.repeats.is_empty() {
            self.merge()?;
        }
        let length = self.content_length();
        let missing = |name: &[u8]| self.get(name).is_none_or(<[u8]>::is_empty);
        let (name_missing, port_missing) = (missing(b"SERVER_NAME"), missing(b"SERVER_PORT"));
        if name_missing || port_missing {
            let host = self.get(b"HTTP_HOST").unwrap_or_default().to_vec();
            let (name, port) = split_host(&host);
            if name_missing {
                self.set(b"SERVER_NAME", if name.is_empty() { b"localhost" } else { name });
            }
            if port_missing {
                let default: &[u8] = if self.url_scheme() == "https" { b"443" } else { b"80" };
                self.set(b"SERVER_PORT", if port.is_empty() { default } else { port });
            }
        }
        length
    }

    /// The value of the variable `name`.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let at = self.index.find(&self.block, hash(name), name)?;
        Some(&self.block[self.index.places[at].value.range()])
    }

    /// Each value that was sent for `name`, in wire order, as long as they are not made one by
    /// [`Variables::complete`].
    pub(crate) fn sent(&self, name: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
        let same = move |v: &&Variable| &self.block[v.name.range()] == name;
        self.index.places.iter().filter(same).map(|v| &self.block[v.value.range()])
    }

    /// Where in the block the variable `name` has its name, bytes from the block's first.
    pub(crate) fn offset(&self, name: &[u8]) -> Option<usize> {
        let at = self.index.find(&self.block, hash(name), name)?;
        Some(self.index.places[at].name.range().start)
    }

    /// Every variable with its value, in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.index.places.iter().map(|v| (&self.block[v.name.range()], &self.block[v.value.range()]))
    }

    /// Sets the variable `name`, in its place if it is there, else at the end.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        let value = self.extend_block(value);
        match self.index.find(&self.block, hash(name), name) {
            Some(at) => self.index.places[at].value = Place::of(&value),
            None => self.push_value(name, value),
        }
    }

    /// Takes the variable `name` out.
    pub(crate) fn remove(&mut self, name: &[u8]) {
        if let Some(at) = self.index.find(&self.block, hash(name), name) {
            self.index.remove(at);
        }
    }

    /// CONTENT_LENGTH, bytes: digits alone, else the error that tells why not. Empty means absent.
    pub(crate) fn content_length(&self) -> Result<Option<u64>, ContentLengthError> {
        match self.get(b"CONTENT_LENGTH") {
            None | Some(b"") => Ok(None),
            Some(value) => content_length::parse(value).map(Some),
        }
    }

    /// `"https"` or `"http"`, by HTTPS and REQUEST_SCHEME.
    pub(crate) fn url_scheme(&self) -> &'static str {
        let secure = match self.get(b"HTTPS") {
            Some(b"on" | b"ON" | b"1") => true,
            _ => self.get(b"REQUEST_SCHEME") == Some(b"https"),
        };
        if secure { "https" } else { "http" }
    }
}

impl Drop for Variables {
    fn drop(&mut self) {
        if self.block.capacity() > SPARE_BYTES_MAX {
            return;
        }
        let (mut block, mut index) = (std::mem::take(&mut self.block), std::mem::take(&mut self.index));
        // A thread that ends has no spare buffers to keep, which is no reason to panic.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < SPARE_COUNT_MAX
            {
                block.clear();
                index.clear();
                spare.push((block, index));
            }
        });
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(k, v)| (Ascii(k), Ascii(v)))).finish()
    }
}

/// Spare buffers kept by a thread, a count: enough for the requests that are alive at once on a busy worker.
const SPARE_COUNT_MAX: usize = 16;
/// A block larger than this is not kept, bytes: one huge request must not hold memory for ever.
const SPARE_BYTES_MAX: usize = 16 << 10;

thread_local! {
    /// The buffers of requests that are over. An environ ends inside the application, so only its own drop
    /// knows when they are free.
    static SPARE: RefCell<Vec<(Vec<u8>, Index)>> = const { RefCell::new(Vec::new()) };
}

/// `www.example.com:8080` as name and port; an IPv6 address keeps its brackets.
fn split_host(host: &[u8]) -> (&[u8], &[u8]) {
    let after_brackets = host.iter().rposition(|b| *b == b']').map_or(0, |at| at + 1);
    match host[after_brackets..].iter().position(|b| *b == b':') {
        Some(colon) => (&host[..after_brackets + colon], &host[after_brackets + colon + 1..]),
        None => (host, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        let mut variables = Variables::new();
        for (name, value) in pairs {
            let name = variables.extend_block(name.as_bytes());
            let value = variables.extend_block(value.as_bytes());
            variables.index.push(&variables.block, name, value);
        }
        variables
    }

    fn pairs(variables: &Variables) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        variables.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn repeated_headers_are_joined_and_other_names_replaced() {
        let mut seen = variables(&[
            ("HTTP_ACCEPT", "a"),
            ("HTTP_COOKIE", "x=1"),
            ("X", "first"),
            ("HTTP_ACCEPT", "b"),
            ("HTTP_COOKIE", "y=2"),
            ("HTTP_ACCEPT", "c"),
            ("X", "last"),
        ]);
        seen.complete().unwrap();
        seen.remove(b"SERVER_NAME");
        seen.remove(b"SERVER_PORT");
        let want = [("HTTP_ACCEPT", "a, b, c"), ("HTTP_COOKIE", "x=1; y=2"), ("X", "last")];
        assert_eq!(pairs(&seen), want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn joining_many_times_stays_linear() {
        let long = "x".repeat(30_000);
        let mut pairs = vec![("HTTP_A", long.as_str()), ("HTTP_B", long.as_str())];
        pairs.extend([("HTTP_A", "1"), ("HTTP_B", "2")].repeat(400));
        let mut seen = variables(&pairs);
        seen.complete().unwrap();
        assert_eq!(seen.get(b"HTTP_B").map(<[u8]>::len), Some(30_000 + 400 * 3));
        assert!(seen.block.len() < 200_000, "{} bytes", seen.block.len());
    }

    #[test]
    fn what_a_client_must_not_set_is_dropped() {
        let seen = variables(&[
            ("HTTP_PROXY", "http://evil"),
            ("HTTP_CONTENT_LENGTH", "7"),
            ("HTTP_CONTENT_TYPE", "x"),
        ]);
        assert_eq!(pairs(&seen), []);
    }

    #[test]
    fn an_absent_server_name_comes_from_the_host() {
        for (host, name, port) in [
            ("www.example.com", "www.example.com", "80"),
            ("www.example.com:8080", "www.example.com", "8080"),
            ("[::1]:8080", "[::1]", "8080"),
            ("[::1]", "[::1]", "80"),
            ("", "localhost", "80"),
        ] {
            let mut seen = variables(&[("HTTP_HOST", host), ("SERVER_NAME", ""), ("CONTENT_LENGTH", "")]);
            seen.complete().unwrap();
            assert_eq!(seen.get(b"SERVER_NAME"), Some(name.as_bytes()), "{host}");
            assert_eq!(seen.get(b"SERVER_PORT"), Some(port.as_bytes()), "{host}");
            assert_eq!(seen.get(b"CONTENT_LENGTH"), None);
        }
    }

    #[test]
    fn https_is_port_443() {
        let mut seen = variables(&[("HTTPS", "on")]);
        seen.complete().unwrap();
        assert_eq!((seen.get(b"SERVER_PORT"), seen.url_scheme()), (Some(b"443".as_slice()), "https"));
    }

    #[test]
    fn a_content_length_is_digits_alone() {
        for (text, want) in [
            ("0", Ok(Some(0))),
            ("007", Ok(Some(7))),
            ("18446744073709551615", Ok(Some(u64::MAX))),
            ("18446744073709551616", Err(ContentLengthError::TooLarge)),
            ("+5", Err(ContentLengthError::NotDigits)),
            ("5 ", Err(ContentLengthError::NotDigits)),
            ("0x10", Err(ContentLengthError::NotDigits)),
            ("", Ok(None)),
        ] {
            assert_eq!(variables(&[("CONTENT_LENGTH", text)]).content_length(), want, "{text:?}");
        }
    }

    #[test]
    fn two_lengths_must_agree() {
        assert_eq!(variables(&[("CONTENT_LENGTH", "5"), ("CONTENT_LENGTH", "5")]).complete(), Ok(Some(5)));
        let mut differ = variables(&[("X", "1"), ("CONTENT_LENGTH", "5"), ("CONTENT_LENGTH", "6")]);
        assert_eq!(differ.complete(), Err(ContentLengthError::Twice));
        assert_eq!(differ.offset(b"CONTENT_LENGTH"), Some("X1CONTENT_LENGTH5".len()), "the second");
    }

    #[test]
    fn an_empty_length_beside_another_is_as_if_not_sent() {
        for lengths in [["", "5"], ["5", ""]] {
            let mut seen = variables(&lengths.map(|length| ("CONTENT_LENGTH", length)));
            seen.complete().unwrap();
            assert_eq!(seen.content_length(), Ok(Some(5)), "{lengths:?}");
        }
        let mut none = variables(&[("CONTENT_LENGTH", ""), ("X", "1"), ("CONTENT_LENGTH", "")]);
        none.complete().unwrap();
        assert_eq!((none.content_length(), none.get(b"CONTENT_LENGTH")), (Ok(None), None));
        let mut differ =
            variables(&[("CONTENT_LENGTH", "5"), ("CONTENT_LENGTH", ""), ("CONTENT_LENGTH", "6")]);
        assert_eq!(differ.complete(), Err(ContentLengthError::Twice));
    }

    #[test]
    fn a_headers_name_is_its_cgi_name() {
        let every: String = (b'!'..=b'~').map(char::from).filter(|c| *c != '_').collect();
        for len in 0..every.len() {
            for name in [&every[..len], &every[len..]] {
                let mut seen = Variables::new();
                seen.push_header(name.as_bytes(), b"v");
                let want = format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"));
                assert_eq!(seen.get(want.as_bytes()), Some(b"v".as_slice()), "{name}");
                let mut dropped = Variables::new();
                let (front, back) = name.split_at(name.len() / 2);
                dropped.push_header(format!("{front}_{back}").as_bytes(), b"v");
                assert_eq!(dropped.iter().count(), 0, "{name}");
            }
        }
    }
}
