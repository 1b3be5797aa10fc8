//! `echo`: the request's body back, with its Content-Type.

use std::io::Read;

use bytes::{Bytes, BytesMut};

use crate::application::environ::Environ;
use crate::application::input::Input;
use crate::application::{AppError, Body, StartResponse};

pub(super) fn call(mut environ: Environ, start_response: &StartResponse) -> Result<Body, AppError> {
    let input = environ.take_input();
    let content_type = match environ.header("Content-Type") {
        // A browser sends a form's text as UTF-8 without saying so, and would not take it for that when it is back.
        Some(b"text/plain") => b"text/plain; charset=utf-8",
        Some(value) if !value.iter().any(u8::is_ascii_control) => value,
        _ => b"application/octet-stream",
    };
    let length = input.len().to_string();
    start_response
        .start("200 OK", [("Content-Type", content_type), ("Content-Length", length.as_bytes())])?;
    Ok(Body::chunks(Pieces { input, buffer: BytesMut::new() }))
}

/// A body in pieces, so that one of a gigabyte takes no more memory than its last piece.
struct Pieces {
    input: Input,
    /// The piece that was handed out last lies here too; once it is sent, its room is used again.
    buffer: BytesMut,
}

impl Iterator for Pieces {
    type Item = Result<Bytes, AppError>;

    fn next(&mut self) -> Option<Self::Item> {
        let room = usize::try_from(self.input.len()).map_or(PIECE_BYTES, |len| len.min(PIECE_BYTES));
        self.buffer.resize(room, 0);
        match self.input.read(&mut self.buffer) {
            Ok(0) => None,
            Ok(read) => {
                self.buffer.truncate(read);
                Some(Ok(self.buffer.split().freeze()))
            }
            Err(error) => Some(Err(error.into())),
        }
    }
}

const PIECE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::body_memory::BodyMemory;

    #[test]
    fn a_long_body_comes_back_in_pieces_of_one_buffer() {
        let body: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        let mut input = Input::default();
        input.append(&body, 0, 1_000, &BodyMemory::new(1_000)).unwrap();
        std::io::Seek::rewind(&mut input).unwrap();
        let (mut seen, mut places) = (Vec::new(), Vec::new());
        for piece in (Pieces { input, buffer: BytesMut::new() }) {
            let piece = piece.unwrap();
            assert!(piece.len() <= PIECE_BYTES);
            seen.extend_from_slice(&piece);
            places.push(piece.as_ptr());
        }
        assert_eq!(seen, body);
        assert!(places.iter().all(|place| *place == places[0]), "a buffer was allocated for each piece");
    }
}
