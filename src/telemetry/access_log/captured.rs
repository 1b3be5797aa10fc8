//! What a request says of itself, copied before the application has it.

use super::Escape;
use super::fields::Told;
use super::format::Format;
use crate::application::environ::Environ;

/// What a request says, as far as the format has it: one behind the other, as they will stand in the line.
#[derive(Default)]
pub(super) struct Captured {
    text: Vec<u8>,
    /// Where each ends. What is not known has no length.
    ends: Vec<usize>,
}

impl Captured {
    /// Takes what the format has of the request.
    pub(super) fn capture(&mut self, format: &Format, environ: &Environ) {
        self.clear();
        for (told, escape) in &format.told {
            match told {
                Told::Variable(name) => self.push(environ.get(name), escape),
                Told::Client => self.push(environ.get(b"REMOTE_ADDR"), escape),
                Told::ForwardedFor => {
                    let forwarded = environ.get(b"HTTP_X_FORWARDED_FOR").filter(|value| !value.is_empty());
                    self.push(forwarded.or_else(|| environ.get(b"REMOTE_ADDR")), escape);
                }
                Told::Uri => self.push(Some(environ.uri()), escape),
                Told::RequestLine => {
                    let protocol = environ.get(b"SERVER_PROTOCOL").unwrap_or_default();
                    let blank: &[u8] = if protocol.is_empty() { b"" } else { b" " };
                    let parts = [environ.method(), b" ", environ.uri(), blank, protocol];
                    // Escaped as a whole: in JSON it is one string.
                    self.push(Some(&parts.concat()), escape);
                }
                // It is known at the end.
                Told::Noted(_) => self.push(None, escape),
            }
        }
    }

    fn push(&mut self, value: Option<&[u8]>, escape: &Escape) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            escape.write(value, &mut self.text);
        }
        self.ends.push(self.text.len());
    }

    /// Appends one, as it will stand in the line.
    pub(super) fn take(&mut self, part: &[u8]) {
        self.text.extend_from_slice(part);
        self.ends.push(self.text.len());
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|at| self.part(at))
    }

    /// The one of this place; empty if it is not known.
    pub(super) fn part(&self, at: usize) -> &[u8] {
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.ends.get(at).map_or(b"", |end| &self.text[begin..*end])
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// How much memory it keeps, bytes.
    pub(super) fn capacity(&self) -> usize {
        self.text.capacity()
    }
}
