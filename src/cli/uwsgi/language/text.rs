//! A file's text with its magic variables resolved, and what a reader of it says of its lines.

use std::error::Error;
use std::path::PathBuf;

use crate::cli::Result;
use crate::cli::config::Origin;

/// A key, its value, and the line on which they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) value: String,
}

/// What was read, and what it is called in messages.
#[derive(Debug)]
pub(super) struct Text {
    name: PathBuf,
    bytes: Vec<u8>,
    /// Where a line's end has been taken out.
    joined: Vec<usize>,
}

impl Text {
    /// `bytes` with every `%x` replaced by what `magic` has for x: with nothing where it has nothing.
    pub(super) fn new(name: impl Into<PathBuf>, bytes: &[u8], magic: &dyn Fn(u8) -> Vec<u8>) -> Self {
        let mut text = Text { name: name.into(), bytes: Vec::with_capacity(bytes.len()), joined: Vec::new() };
        let mut rest = bytes.iter();
        while let Some(byte) = rest.next() {
            match rest.as_slice().first() {
                // One at the end of the file stands for nothing.
                None if *byte == b'%' => {}
                Some(variable) if *byte == b'%' => {
                    rest.next();
                    if *variable == b'\n' {
                        text.joined.push(text.bytes.len());
                    }
                    text.bytes.extend(magic(*variable));
                }
                _ => text.bytes.push(*byte),
            }
        }
        text
    }

    /// The text as it stands.
    #[cfg(test)]
    pub(super) fn plain(name: &str, bytes: &[u8]) -> Self {
        Text { name: name.into(), bytes: bytes.to_vec(), joined: Vec::new() }
    }

    /// Its lines, and the number of each in the file, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut at = 0;
        self.bytes.split(|byte| *byte == b'\n').enumerate().map(move |(before, line)| {
            let joined = self.joined.iter().filter(|joined| **joined <= at).count();
            at += line.len() + 1;
            (1 + before + joined, line)
        })
    }

    /// The whole, for a reader that takes no other.
    pub(super) fn whole(&self) -> Result<&str> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let line = 1 + self.bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            self.fault(line, "it is no UTF-8 text")
        })
    }

    /// A part of a line.
    pub(super) fn utf8(&self, line: usize, bytes: &[u8]) -> Result<String> {
        if bytes.contains(&0) {
            return Err(self.fault(line, "a zero byte stands in it: is it a text file?"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| self.fault(line, "it is no UTF-8 text"))?;
        Ok(text.to_owned())
    }

    /// Where a line is.
    pub(super) fn origin(&self, line: usize) -> Origin {
        Origin::File(self.name.clone(), line)
    }

    /// What is wrong with a line.
    pub(super) fn fault(&self, line: usize, why: &str) -> Box<dyn Error> {
        format!("{}: {why}", self.origin(line)).into()
    }

    /// That a section is not there, but these.
    pub(super) fn no_section(&self, section: &str, there: &[String]) -> Box<dyn Error> {
        let there: Vec<String> =
            there.iter().take(SECTIONS_SHOWN_MAX).map(|name| format!("[{}]", shown(name))).collect();
        let only = if there.is_empty() { String::new() } else { format!(", only {}", there.join(", ")) };
        let mark = if self.bytes.starts_with(b"\xef\xbb\xbf") || self.bytes.starts_with(b"\xff\xfe") {
            "; it begins with a byte order mark: save it as UTF-8 without one"
        } else {
            ""
        };
        format!("{}: it has no section [{section}]{only}{mark}", self.name.display()).into()
    }
}

/// A name without what a terminal would obey, and not all of one without end.
fn shown(name: &str) -> String {
    name.chars().take(SECTION_CHARS_SHOWN_MAX).flat_map(char::escape_debug).collect()
}

const SECTION_CHARS_SHOWN_MAX: usize = 40;
const SECTIONS_SHOWN_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_variables_are_resolved_and_lines_keep_their_numbers() {
        let magic = |variable| match variable {
            b'd' => b"/srv/".to_vec(),
            b'%' => b"%".to_vec(),
            b'(' => b"%(".to_vec(),
            _ => Vec::new(),
        };
        let text = Text::new("a.ini", b"a %dx %%d %(d) %q|\nb %\nc\nd %", &magic);
        let lines: Vec<_> =
            text.lines().map(|(line, bytes)| (line, String::from_utf8_lossy(bytes).into_owned())).collect();
        let want = [(1, "a /srv/x %d %(d) |"), (2, "b c"), (4, "d ")];
        assert_eq!(lines, want.map(|(line, text)| (line, text.to_owned())));
    }
}
