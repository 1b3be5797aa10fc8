//! The chunked transfer coding (RFC 9112 section 7.1), decoded; the trailer section is checked and dropped.

use super::HttpFault;
use crate::application::response_head::{is_control, is_token};
use crate::limits::Limits;
use crate::protocol::Fault;
use crate::protocol::pending_request::take;
use crate::protocol::percent::hex_digit;

/// Decodes one chunked body, byte by byte where lines are, in runs where data is.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    state: State,
    /// Bytes of the size line, or of the trailer section, so far.
    line: usize,
    /// Fields of the trailer section so far.
    trailers: usize,
    /// The sum of the sizes so far.
    total: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Hex digits; `digits` of them have been read.
    #[default]
    SizeStart,
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
        part: Extension,
    },
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// The beginning of a line of the trailer section.
    TrailerStart,
    /// In a field's name, then in its value.
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

/// Where in `;name=value` or `;name="value"` the next byte stands.
#[derive(Clone, Copy, Debug)]
enum Extension {
    NameStart,
    Name,
    ValueStart,
    Value,
    Quoted,
    Escaped,
    AfterQuoted,
}

/// What a call to [`Chunked::decode`] came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded<'a> {
    /// Bytes of the body.
    Data(&'a [u8]),
    /// The input is used up.
    More,
    /// The body is complete.
    End,
}

impl Chunked {
    /// Takes bytes off the front of `input`. A body that is too large is refused at the size line that says so.
    pub(super) fn decode<'a>(&mut self, input: &mut &'a [u8], limits: &Limits) -> Result<Decoded<'a>, Fault> {
        loop {
            match self.state {
                State::Done => return Ok(Decoded::End),
                State::Data { left } if !input.is_empty() => {
                    let data = take(input, left);
                    let left = left - data.len() as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data { left } };
                    return Ok(Decoded::Data(data));
                }
                state => {
                    let Some((byte, rest)) = input.split_first() else { return Ok(Decoded::More) };
                    *input = rest;
                    self.state = step(state, *byte)?;
                    self.count(state, limits)?;
                }
            }
        }
    }

    /// Counts a byte that was taken in `state`, and holds the bounds.
    fn count(&mut self, state: State, limits: &Limits) -> Result<(), Fault> {
        self.line += 1;
        let (bytes_max, count_max) = (limits.http_head_bytes_max, limits.http_headers_count_max);
        match state {
            State::SizeStart | State::Size { .. } | State::Extension { .. } | State::SizeLf { .. }
                if self.line > limits.http_chunk_line_bytes_max =>
            {
                let bytes_max = limits.http_chunk_line_bytes_max;
                return Err(HttpFault::ChunkLineTooLong { bytes_max }.into());
            }
            State::SizeLf { size } => {
                self.line = 0;
                self.total = self.total.saturating_add(size);
                if self.total > limits.body_bytes_max {
                    return Err(Fault::BodyTooLarge { bytes_max: limits.body_bytes_max });
                }
            }
            State::DataLf => self.line = 0,
            State::TrailerStart
            | State::TrailerName
            | State::TrailerValue
            | State::TrailerLf
            | State::EndLf
                if self.line > bytes_max =>
            {
                return Err(HttpFault::TrailersTooLong { bytes_max }.into());
            }
            State::TrailerLf => {
                self.trailers += 1;
                if self.trailers > count_max {
                    return Err(HttpFault::TooManyTrailers { count_max }.into());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn step(state: State, byte: u8) -> Result<State, HttpFault> {
    Ok(match (state, byte) {
        (State::SizeStart, byte) => State::Size { size: hex(byte)?, digits: 1 },
        (State::Size { size, .. } | State::Extension { size, part: Extension::AfterQuoted }, b'\r') => {
            State::SizeLf { size }
        }
        (State::Size { size, .. } | State::Extension { size, part: Extension::AfterQuoted }, b';') => {
            State::Extension { size, part: Extension::NameStart }
        }
        // Sixteen digits are all that 64 bits hold.
        (State::Size { size, digits: 1..16 }, byte) => {
            let State::Size { digits, .. } = state else { return Err(HttpFault::ChunkSize) };
            State::Size { size: size << 4 | hex(byte)?, digits: digits + 1 }
        }
        (State::Extension { size, part }, byte) => extension(size, part, byte)?,
        (State::SizeLf { size: 0 }, b'\n') => State::TrailerStart,
        (State::SizeLf { size }, b'\n') => State::Data { left: size },
        (State::DataCr, b'\r') => State::DataLf,
        (State::DataLf, b'\n') => State::SizeStart,
        (State::DataCr | State::DataLf, _) => return Err(HttpFault::ChunkEnd),
        (State::TrailerStart, b'\r') => State::EndLf,
        (State::TrailerStart | State::TrailerName, byte) if is_token(byte) => State::TrailerName,
        (State::TrailerName, b':') => State::TrailerValue,
        (State::TrailerValue, b'\r') => State::TrailerLf,
        (State::TrailerValue, byte) if !is_control(byte) => State::TrailerValue,
        (State::TrailerLf, b'\n') => State::TrailerStart,
        (State::EndLf, b'\n') => State::Done,
        (
            State::TrailerStart | State::TrailerName | State::TrailerValue | State::TrailerLf | State::EndLf,
            _,
        ) => {
            return Err(HttpFault::Trailer);
        }
        _ => return Err(HttpFault::ChunkSize),
    })
}

fn extension(size: u64, part: Extension, byte: u8) -> Result<State, HttpFault> {
    let part = match (part, byte) {
        (Extension::Name | Extension::Value, b'\r') => return Ok(State::SizeLf { size }),
        (Extension::Name | Extension::Value, b';') => Extension::NameStart,
        (Extension::Name, b'=') => Extension::ValueStart,
        (Extension::NameStart | Extension::Name, byte) if is_token(byte) => Extension::Name,
        (Extension::ValueStart, b'"') => Extension::Quoted,
        (Extension::ValueStart | Extension::Value, byte) if is_token(byte) => Extension::Value,
        (Extension::Quoted, b'"') => Extension::AfterQuoted,
        (Extension::Quoted, b'\\') => Extension::Escaped,
        (Extension::Quoted | Extension::Escaped, byte) if !is_control(byte) => Extension::Quoted,
        _ => return Err(HttpFault::ChunkSize),
    };
    Ok(State::Extension { size, part })
}

fn hex(byte: u8) -> Result<u64, HttpFault> {
    hex_digit(byte).map(u64::from).ok_or(HttpFault::ChunkSize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::DecodeError;

    /// The body, and what was left behind it.
    fn decode(input: &str, piece: usize) -> Result<Option<(String, String)>, Fault> {
        let limits = Limits {
            http_chunk_line_bytes_max: 64,
            http_head_bytes_max: 80,
            http_headers_count_max: 3,
            body_bytes_max: 20,
            ..Limits::default()
        };
        let (mut chunked, mut body) = (Chunked::default(), Vec::new());
        for at in (0..input.len()).step_by(piece) {
            let mut bytes = &input.as_bytes()[at..(at + piece).min(input.len())];
            loop {
                match chunked.decode(&mut bytes, &limits)? {
                    Decoded::Data(data) => body.extend_from_slice(data),
                    Decoded::More => break,
                    Decoded::End => {
                        let used = (at + piece).min(input.len()) - bytes.len();
                        return Ok(Some((String::from_utf8(body).unwrap(), input[used..].to_owned())));
                    }
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn chunks_are_joined_and_trailers_dropped() {
        for input in [
            "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nNEXT",
            "05;a\r\nhello\r\n00006;a=b;c=\"d \\\" e\"\r\n world\r\n0;x\r\nX-A: b\r\nY:\r\n\r\nNEXT",
            "B\r\nhello world\r\n0000\r\n\r\nNEXT",
        ] {
            for piece in 1..=input.len() {
                let (body, rest) = decode(input, piece).unwrap().unwrap();
                assert_eq!((body.as_str(), rest.as_str()), ("hello world", "NEXT"), "{input:?} by {piece}");
            }
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for input in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+5\r\n",
            "0x5\r\n",
            " 5\r\n",
            "5 \r\n",
            "5\n",
            "5\r5",
            "5_0\r\n",
            "5;\r\n",
            "5;a \r\n",
            "5;a=\r\n",
            "5;a=\"b\r\n\"\r\n",
            "5;a=\"b\"c\r\n",
            "5;\u{1}\r\n",
            "11111111111111111\r\n",
            "1\r\naX",
            "1\r\na\n",
            "1\r\nab\r\n",
            "0\r\nX\r\n",
            "0\r\n X: y\r\n",
            "0\r\nX : y\r\n",
            "0\r\nX: \0\r\n",
            "0\r\n\n",
            "0\r\n\rx",
        ] {
            for piece in 1..=input.len() {
                assert!(decode(input, piece).is_err(), "{input:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn lines_trailers_and_the_sum_have_bounds() {
        let trailers =
            |count, len| format!("0\r\n{}\r\n", format!("A: {}\r\n", "b".repeat(len)).repeat(count));
        for (input, want) in [
            (format!("5;{}\r\n", "a".repeat(60)), None),
            (format!("5\r\nhello\r\n5;{}\r\n", "a".repeat(60)), None),
            (format!("5;{}\r\n", "a".repeat(61)), Some("a chunk's size line is over 64 bytes")),
            (trailers(3, 1), None),
            (trailers(4, 1), Some("more than 3 trailer fields")),
            (trailers(1, 73), None),
            (trailers(1, 74), Some("the trailer section is over 80 bytes")),
            ("14\r\n".to_owned(), None),
            ("15\r\n".to_owned(), Some("the body is larger than 20 bytes")),
            ("5\r\nhello\r\n10\r\n".to_owned(), Some("the body is larger than 20 bytes")),
            ("5\r\nhello\r\nffffffffffffffff\r\n".to_owned(), Some("the body is larger than 20 bytes")),
        ] {
            for piece in 1..=input.len() {
                let fault = decode(&input, piece).err();
                let got = fault.map(|fault| DecodeError::of(fault).to_string());
                let same = match (&got, want) {
                    (None, None) => true,
                    (Some(got), Some(want)) => got.starts_with(want),
                    _ => false,
                };
                assert!(same, "{input:?} by {piece}: {got:?}");
            }
        }
    }
}
