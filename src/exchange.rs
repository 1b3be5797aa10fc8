//! One request's answer: the body's steps, the head that start_response gave, and the count of what may be sent.
//!
//! It turns what the application does into pieces that are right to send, whatever the protocol.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use log::{error, warn};

use crate::application::{AppError, Application, Body, Content, Started};
use crate::environ::Environ;
use crate::limits::Limits;
use crate::outbox::Data;
use crate::response::ResponseHead;
use crate::variables::Ascii;

/// A request that the application is answering.
pub struct Exchange {
    /// The method and the target, for log lines.
    pub request_line: Vec<u8>,
    /// Whether the method is HEAD: the head is sent, and no body.
    pub head_only: bool,
    started: Started,
    /// What is left of the body; `None` once it is closed.
    body: Option<Body>,
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
pub struct Piece {
    /// The head, with the first piece.
    pub head: Option<ResponseHead>,
    /// Bytes of the body.
    pub data: Data,
    /// Whether this ends the response.
    pub last: bool,
}

impl Exchange {
    /// Calls the application. On an error nothing has been sent.
    pub fn call<A: Application>(
        application: &mut A,
        environ: Environ,
        limits: &Limits,
    ) -> (Exchange, Result<(), AppError>) {
        let (start_response, started) = Started::pair(limits.response_head_bytes_max);
        let mut exchange = Exchange {
            request_line: [environ.method(), b" ", environ.uri()].concat(),
            head_only: environ.method() == b"HEAD",
            started,
            body: None,
            sent: Sent::Nothing,
        };
        let called = guard(|| application.call(environ, start_response));
        let result = called.map(|body| exchange.body = Some(body));
        (exchange, result)
    }

    /// Whether the head is on its way, so that nothing else can be said instead.
    pub fn is_head_sent(&self) -> bool {
        matches!(self.sent, Sent::Head { .. })
    }

    /// Whether the next step runs the application's code, and not only takes what it has given.
    pub fn asks_application(&self) -> bool {
        matches!(self.body, Some(Body { content: Content::Chunks(_) }))
    }

    /// Asks the body for its next step. An error ends the response; the body is closed by then.
    pub fn next_piece(&mut self) -> Result<Piece, AppError> {
        let known_length = self.body.as_ref().and_then(Body::len);
        let data = match self.step() {
            Ok(Some(data)) if data.is_empty() && known_length.is_none() => return Ok(Piece::default()),
            Ok(data) => data,
            Err(error) => {
                self.close();
                return Err(error);
            }
        };
        // A body of one piece is over with it; one of chunks is over when it says so.
        let over = data.is_none() || known_length.is_some();
        let piece = self.piece(data.unwrap_or_default(), known_length, over);
        if !matches!(piece, Ok(Piece { last: false, .. })) {
            self.close();
        }
        piece
    }

    /// Drops the body, which is WSGI's close(). A panic in it is the application's affair.
    pub fn close(&mut self) {
        if let Some(body) = self.body.take()
            && let Err(panic) = guard(|| {
                drop(body);
                Ok(())
            })
        {
            error!("{}: closing the body: {panic}", Ascii(&self.request_line));
        }
    }

    fn step(&mut self) -> Result<Option<Data>, AppError> {
        let Some(Body { content }) = &mut self.body else { return Ok(None) };
        Ok(match content {
            Content::Chunk(chunk) => Some(Data::Chunk(std::mem::take(chunk))),
            Content::Chunks(chunks) => guard(|| chunks.next().transpose())?.map(Data::Chunk),
            Content::File(_) => match std::mem::replace(content, Content::Chunk(Bytes::new())) {
                Content::File(part) => Some(Data::File(part)),
                Content::Chunk(_) | Content::Chunks(_) => None,
            },
        })
    }

    /// Makes a piece of `data`: with the head if it is still to be sent, and never beyond the declared length.
    fn piece(&mut self, mut data: Data, known_length: Option<u64>, over: bool) -> Result<Piece, AppError> {
        let (head, left) = match self.sent {
            Sent::Head { left } => (None, left),
            Sent::Nothing => {
                let mut head = self.started.send().ok_or_else(|| {
                    AppError::new("the application sent a body, or ended, without calling start_response")
                })?;
                self.complete_length(&mut head, known_length.or(over.then_some(0)));
                if self.head_only || !head.allows_body() {
                    self.sent = Sent::Head { left: None };
                    return Ok(Piece { head: Some(head), data: Data::None, last: true });
                }
                let left = head.content_length();
                (Some(head), left)
            }
        };
        let mut last = over;
        let mut remaining = None;
        if let Some(left) = left {
            if data.len() > left {
                warn!(
                    "{}: the body is longer than its Content-Length: cut off after {left} bytes of this chunk of {}",
                    Ascii(&self.request_line),
                    data.len()
                );
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

    /// Declares a length that is known though the application did not say it. A HEAD request's empty body says
    /// nothing of what GET would get.
    fn complete_length(&self, head: &mut ResponseHead, length: Option<u64>) {
        if let Some(length) = length.filter(|length| *length > 0 || !self.head_only) {
            head.set_content_length(length);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.close();
    }
}

/// Runs the application's code: a panic in it is an error like any other.
fn guard<T>(run: impl FnOnce() -> Result<T, AppError>) -> Result<T, AppError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message =
            panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Err(AppError::new(format!("panicked: {}", message.unwrap_or("with a value that is no text"))))
    })
}
