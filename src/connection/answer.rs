//! The application's answer to one request, on the connection's side: what has come of it, and what is still asked.

use std::io;
use std::time::Instant;

use super::exchange::Piece;
use super::runner::{Place, Ticket};
use crate::application::response_head::ResponseHead;
use crate::application::{AppError, Data, Spool, Started};

/// What is known of an answer, and what of it is not framed yet.
pub(super) struct Answer {
    pub started: Started,
    /// Where the body is open, if it is.
    pub open: Option<Place>,
    /// What was asked for and has not come.
    pub awaited: Option<Ticket>,
    /// Whether the next step runs the application's code.
    pub runs_code: bool,
    /// The head has come, so that nothing else can be said instead.
    pub is_head_sent: bool,
    /// The last piece has come.
    pub is_complete: bool,
    /// What of a piece is to be framed next.
    pub pending: Piece,
    /// The pieces behind that, which were asked for before their time.
    ahead: Spool,
    /// Why there will be no more, once what has come is sent.
    pub failure: Option<AppError>,
    /// When the body began to give nothing but empty chunks.
    pub empty_since: Option<Instant>,
}

impl Answer {
    pub(super) fn new(started: Started) -> Self {
        Answer {
            started,
            open: None,
            awaited: None,
            runs_code: false,
            is_head_sent: false,
            is_complete: false,
            pending: Piece::default(),
            ahead: Spool::default(),
            failure: None,
            empty_since: None,
        }
    }

    /// One that is there as a whole, and of which nothing is asked.
    pub(super) fn whole(started: Started, head: ResponseHead, pieces: Vec<Data>) -> Self {
        let mut pieces = pieces.into_iter();
        let data = pieces.next().unwrap_or_default();
        let ahead = Spool::of(pieces);
        let pending = Piece { head: Some(head), data, last: ahead.is_empty() };
        Answer { is_head_sent: true, is_complete: true, pending, ahead, ..Answer::new(started) }
    }

    /// Puts a piece behind those that are there, in a file where they are more than `memory_bytes_max` in memory.
    pub(super) fn add(&mut self, piece: Piece, memory_bytes_max: usize) -> io::Result<()> {
        self.is_complete |= piece.last;
        if self.pending.is_empty() && self.ahead.is_empty() {
            self.pending = piece;
            return Ok(());
        }
        match piece.data {
            Data::Chunk(chunk) if chunk.is_empty() => Ok(()),
            Data::Chunk(chunk) => self.ahead.push(chunk, memory_bytes_max),
            Data::File(part) => {
                self.ahead.push_file(part);
                Ok(())
            }
        }
    }

    /// Takes up the next piece that has come, if there is one.
    pub(super) fn take_up(&mut self) {
        if self.pending.is_empty() {
            if let Some(data) = self.ahead.take() {
                self.pending.data = data;
            }
            self.pending.last = self.is_complete && self.ahead.is_empty();
        }
    }

    /// Whether something has come that is not framed.
    pub(super) fn has_pieces(&self) -> bool {
        !self.pending.is_empty() || !self.ahead.is_empty()
    }

    /// What was asked for before its time and is not framed yet, bytes.
    pub(super) fn bytes_ahead(&self) -> u64 {
        self.ahead.len()
    }

    /// Ends it; returns where a body is to be closed. One that is awaited is closed by who brings the outcome, as nobody
    /// takes it any more.
    pub(super) fn let_go(&mut self) -> Option<Place> {
        self.started.end();
        let open = self.open.take();
        if self.awaited.take().is_some() { None } else { open }
    }

    /// Whether the body is open and nothing runs there, so that more of it can be asked for.
    pub(super) fn can_be_asked(&self) -> bool {
        self.awaited.is_none() && !self.is_complete && self.open.is_some()
    }
}
