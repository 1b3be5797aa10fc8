//! How a request ends otherwise than by the application's last chunk: by whose mistake, what the peer is told, and
//! what the log says.

use std::io::{self, ErrorKind};
use std::time::Duration;

use log::{debug, error, info, warn};

use super::state::{Next, State};
use super::{Connection, Context, ResponseTally, Step, Turn};
use crate::application::response_head::ResponseHead;
use crate::application::{AppError, Data};
use crate::ascii::Ascii;
use crate::net::stream::Stream;
use crate::protocol::{DecodeError, Fault, Persistence};
use crate::telemetry::observer::{Event, Summary};

impl<S: Stream> Connection<S> {
    /// A request that cannot be completed: the peer's mistake, unless the body could not be kept.
    pub(super) fn decode_error(&mut self, mut error: DecodeError, cx: &mut Context<'_>) -> Step {
        if let Some(environ) = error.take_request() {
            cx.observers.tell(self.id, Event::Refused { environ: &environ });
        }
        match error.status() {
            Some(status) if matches!(error.fault, Fault::Spool(_)) => {
                error!("{}: answered with {status}: {error}", self.peer);
                self.turn_away(status, "Internal Server Error", cx);
                Step::Progress
            }
            Some(status) => {
                self.refuse(status, &error.to_string(), cx);
                Step::Progress
            }
            None => {
                warn!("{}: refused: {error}", self.peer);
                Step::Closed
            }
        }
    }

    /// Says no, and reads on until the peer has it.
    pub(super) fn refuse(&mut self, status: &str, what: &str, cx: &mut Context<'_>) {
        warn!("{}: refused with {status}: {what}", self.peer);
        self.turn_away(status, what, cx);
    }

    fn turn_away(&mut self, status: &str, what: &str, cx: &mut Context<'_>) {
        self.protocol.give_up();
        let head_only = self.protocol.is_head();
        self.answer(status, &(cx.in_their_words)(what), head_only, cx);
        self.stage.finish(Next::Drain);
    }

    /// The application's mistake: a 500 if nothing was sent, else a response that is seen to be broken off.
    pub(super) fn app_error(&mut self, error: &AppError, cx: &mut Context<'_>) -> Step {
        self.app_failed(error, "500 Internal Server Error", "Internal Server Error", cx)
    }

    /// The application gave nothing for so long.
    pub(super) fn app_late(&mut self, time: Duration, cx: &mut Context<'_>) -> Step {
        self.tally.timed_out = true;
        let seconds = time.as_secs_f64();
        let error = AppError::new(format!(
            "its body gave nothing but empty chunks for {seconds} s (Limits::empty_chunks_time_max)"
        ));
        self.app_failed(&error, "504 Gateway Timeout", "Gateway Timeout", cx)
    }

    pub(super) fn app_failed(
        &mut self,
        error: &AppError,
        status: &str,
        text: &str,
        cx: &mut Context<'_>,
    ) -> Step {
        self.let_go(cx);
        let Some(answer) = self.stage.responding() else { return Step::Closed };
        cx.observers.tell(self.id, Event::Failed);
        let request_line = Ascii(answer.started.request_line());
        if answer.is_head_sent {
            error!("{}: {request_line}: broken off after {} bytes: {error}", self.peer, self.tally.bytes);
            self.stream.reset_on_close();
            self.report(cx, false);
            return Step::Closed;
        }
        error!("{}: {request_line}: answered with {}: {error}", self.peer, &status[..3]);
        let head_only = answer.started.is_head();
        self.protocol.write_stderr(&(cx.in_their_words)(&error.to_string()), &mut self.outbox.before);
        let persistence = self.answer(status, text, head_only, cx);
        self.stage.finish(persistence);
        Step::Progress
    }

    /// The peer's mistake while its request is answered.
    pub(super) fn break_off(&mut self, what: &str, cx: &mut Context<'_>) {
        warn!("{}: {}: broken off: {what}", self.peer, self.request_line());
        self.stream.reset_on_close();
        self.report(cx, false);
    }

    /// Puts a short answer of the server's own into the outbox.
    pub(super) fn answer(
        &mut self,
        status: &str,
        text: &str,
        head_only: bool,
        cx: &mut Context<'_>,
    ) -> Persistence {
        let text = format!("{text}\n");
        // What is refused for want of a thread may be asked again soon (RFC 9110 section 10.2.3).
        let retry = status.starts_with("503").then_some(("Retry-After", "1"));
        let fields = [("Content-Type", "text/plain; charset=utf-8")].into_iter().chain(retry);
        let mut head =
            ResponseHead::new(status, fields, usize::MAX).expect("the server's own heads are valid");
        head.set_content_length(text.len() as u64);
        self.put_head(head, cx);
        if !head_only {
            self.protocol.chunk(text.len() as u64, &mut self.outbox.before, &mut self.outbox.after);
            self.outbox.load(Data::Chunk(text.into()));
        }
        self.protocol.finish(&mut self.outbox.after)
    }

    /// The transport's end before the response's.
    pub(super) fn gone(&mut self, cx: &mut Context<'_>, error: io::Error) {
        let (request_line, bytes) = (self.request_line(), self.tally.bytes);
        if !is_hang_up(error.kind()) {
            // sendfile tells the file's errors as its own.
            let why = match error.kind() {
                ErrorKind::WriteZero => "the file became shorter".to_owned(),
                _ => error.to_string(),
            };
            error!("{}: {request_line}: broken off after {bytes} bytes: {why}", self.peer);
            self.stream.reset_on_close();
        } else if matches!(self.stage.state(), State::Responding(_)) || self.outbox.has_data() {
            info!("{}: {request_line}: the client hung up after {bytes} bytes", self.peer);
        } else {
            // Front ends close at once when a response has no body, or when they have all of it.
            debug!("{}: {request_line}: {error} behind the response", self.peer);
        }
        self.report(cx, false);
    }

    pub(super) fn report(&mut self, cx: &mut Context<'_>, complete: bool) {
        let ResponseTally { code, bytes, head_bytes, timed_out } = self.tally;
        // A ping is no request.
        if code > 0 || self.stage.answer().is_some() {
            let request_line = self.request_line();
            let peer = &self.peer;
            let started = self.stage.answer().map(|answer| &answer.started);
            let summary =
                Summary { peer, request_line, code, bytes, head_bytes, complete, timed_out, started };
            cx.observers.tell(self.id, Event::Finished(&summary));
        }
        self.tally = ResponseTally::default();
    }

    /// The end, told to the observers that keep something of this connection.
    pub(super) fn closed(&self, cx: &mut Context<'_>) -> Turn {
        // The socket is closed first, and the body behind it.
        if let Some(answer) = self.stage.answer() {
            answer.started.end();
        }
        cx.observers.tell(self.id, Event::Closed);
        Turn::Closed
    }

    pub(crate) fn request_line(&self) -> Ascii<'_> {
        // Without an answer it was refused before it had a line that could be told.
        self.stage.answer().map_or(Ascii(b"-"), |answer| Ascii(answer.started.request_line()))
    }
}

/// Whether a peer that leaves causes this; what else a write can meet is of our own making.
fn is_hang_up(kind: ErrorKind) -> bool {
    use ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut,
    };
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | HostUnreachable | NetworkUnreachable | TimedOut
    )
}
