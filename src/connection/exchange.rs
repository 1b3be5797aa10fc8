//! One request's answer, on the application's thread: the body's steps, the head that start_response gave, and the count
//! of what may be sent.
//!
//! It turns what the application does into pieces that are right to send, whatever the protocol.

use std::panic::{AssertUnwindSafe, catch_unwind};

use log::{error, warn};

use super::runner::Call;
use crate::application::response_head::ResponseHead;
use crate::application::{AppError, Application, Body, Content, Data, Started};
use crate::ascii::Ascii;
use crate::process::fork_watch;

/// A request that the application is answering.
pub(super) struct Exchange {
    started: Started,
    /// What is left of the body; `None` once it is closed.
    body: Option<Body>,
    /// A piece of the body that waits behind what was written while it was made.
    held: Option<Piece>,
    /// The body was asked for a chunk.
    is_begun: bool,
    /// Something was written, so that the body's length is not the response's.
    has_written: bool,
    /// The chunk at hand is the only one, its iterator says.
    is_only: bool,
    sent: Sent,
}

/// How far the response has come.
enum Sent {
    Nothing,
    /// The head is on its way. `left` bytes of the declared length are to come, if one was declared.
    Head {
        left: Option<u64>,
    },
}

/// What is to be sent next.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// The head, with the first piece.
    pub head: Option<ResponseHead>,
    /// Bytes of the body.
    pub data: Data,
    /// Whether this ends the response.
    pub last: bool,
}

impl Piece {
    /// Whether it moves the response on by nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none() && self.data.is_empty() && !self.last
    }
}

impl Exchange {
    /// Calls the application. On an error nothing has been sent.
    pub(super) fn call<A: Application>(application: &mut A, call: Call) -> (Exchange, Result<(), AppError>) {
        let Call { environ, start_response, started } = call;
        let mut exchange = Exchange {
            started,
            body: None,
            held: None,
            is_begun: false,
            has_written: false,
            is_only: false,
            sent: Sent::Nothing,
        };
        let called = guard(|| application.call(environ, start_response));
        let result = called.map(|body| exchange.body = Some(body));
        (exchange, result)
    }

    /// Whether the next step runs the application's code, and not only takes what it has given.
    pub(super) fn runs_code(&self) -> bool {
        matches!(self.body, Some(Body { content: Content::Chunks(_), .. }))
    }

    /// Whether the close runs none of the application's code.
    pub(super) fn has_no_close(&self) -> bool {
        !self.runs_code() && self.body.as_ref().is_none_or(Body::has_no_close)
    }

    /// Asks for what is to be sent next: what was written, else the body's next step. On an error the body is closed;
    /// else it stays open until the exchange is dropped, so that the last piece is its own until it is written.
    pub(super) fn next_piece(&mut self) -> Result<Piece, AppError> {
        let piece =
            self.next_step().and_then(|step| if step.is_empty() { Ok(step) } else { self.complete(step) });
        if piece.is_err() {
            self.close();
        }
        piece
    }

    /// Asks the body for a chunk if it never was: what begins in the call and ends in a generator's `finally` ends only if
    /// that has begun. OpenTelemetry's middleware keeps its span open for ever else.
    pub(super) fn begin_body(&mut self) {
        if self.runs_code() && !self.is_begun {
            let _ = self.step();
        }
    }

    /// Closes the body. A failure or a panic in it is the application's affair.
    fn close(&mut self) {
        if let Some(body) = self.body.take()
            && let Err(error) = guard(|| body.close())
        {
            error!("{}: closing the body: {error}", Ascii(self.started.request_line()));
        }
    }

    /// What comes next, without the head.
    fn next_step(&mut self) -> Result<Piece, AppError> {
        let step = match self.held.take() {
            Some(step) => step,
            None => match self.take_written() {
                Some(written) => return Ok(written),
                None => self.step()?,
            },
        };
        // A step that writes has its chunk sent behind that.
        let Some(written) = self.take_written() else { return Ok(step) };
        self.held = Some(step);
        Ok(written)
    }

    fn take_written(&mut self) -> Option<Piece> {
        let data = self.started.take_written()?;
        self.has_written = true;
        Some(Piece { head: None, data, last: false })
    }

    fn step(&mut self) -> Result<Piece, AppError> {
        let chunk = match &mut self.body {
            None => None,
            Some(Body { content: Content::Whole(data), .. }) => {
                return Ok(Piece { head: None, data: std::mem::take(data), last: true });
            }
            Some(Body { content: Content::Chunks(chunks), .. }) => {
                self.is_begun = true;
                self.is_only = matches!(self.sent, Sent::Nothing) && chunks.size_hint() == (1, Some(1));
                guard(|| chunks.next().transpose())?
            }
        };
        Ok(Piece { head: None, last: chunk.is_none(), data: chunk.map(Data::Chunk).unwrap_or_default() })
    }

    /// Completes a step: with the head if it is still to be sent, and never beyond the declared length.
    fn complete(&mut self, step: Piece) -> Result<Piece, AppError> {
        let Piece { mut data, mut last, .. } = step;
        let (head, left) = match self.sent {
            Sent::Head { left } => (None, left),
            Sent::Nothing => {
                let mut head = self.started.send().ok_or_else(|| {
                    AppError::new("the application sent a body, or ended, without calling start_response")
                })?;
                // A HEAD request's empty body says nothing of what GET would get.
                let is_all = (last || self.is_only) && !self.has_written;
                if is_all && !(self.started.is_head() && data.is_empty()) {
                    head.set_content_length(data.len());
                }
                if self.started.is_head() || !head.allows_body() {
                    self.sent = Sent::Head { left: None };
                    return Ok(Piece { head: Some(head), data: Data::default(), last: true });
                }
                let left = head.content_length();
                (Some(head), left)
            }
        };
        let mut remaining = None;
        if let Some(left) = left {
            if data.len() > left {
                if !self.body.as_ref().is_some_and(|body| body.ends_at_length) {
                    warn!(
                        "{}: the body is longer than its Content-Length: cut off after {left} bytes of this chunk of {}",
                        Ascii(self.started.request_line()),
                        data.len()
                    );
                }
                data.truncate(left);
                last = true;
            }
            remaining = Some(left - data.len());
            // PEP 3333: "should stop iterating over the response when enough data has been sent".
            last |= remaining == Some(0);
        }
        if last && let Some(missing) = remaining.filter(|left| *left > 0) {
            return Err(AppError::new(format!("the body ended {missing} bytes short of its Content-Length")));
        }
        self.sent = Sent::Head { left: remaining };
        Ok(Piece { head, data, last })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.started.end();
        self.close();
    }
}

/// Runs the application's code: a panic in it is an error like any other. A child that it has forked ends here.
fn guard<T>(run: impl FnOnce() -> Result<T, AppError>) -> Result<T, AppError> {
    let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message =
            panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Err(AppError::new(format!("panicked: {}", message.unwrap_or("with a value that is no text"))))
    });
    fork_watch::end_child(i32::from(result.is_err()));
    result
}
