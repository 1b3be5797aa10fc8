//! How a response is made: the application's call, a piece after the other, and what follows the last.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use log::warn;

use super::answer::Answer;
use super::runner::{Call, Outcome, Place, Ran, Ticket};
use super::state::Next;
use super::{Connection, Context, ReadSide, Step, abort_reply};
use crate::application::environ::Environ;
use crate::application::response_head::ResponseHead;
use crate::application::{AppError, Started};
use crate::ascii::Ascii;
use crate::net::stream::Stream;
use crate::static_files::Reply;
use crate::telemetry::observer::Event;

impl<S: Stream> Connection<S> {
    /// Answers a request: with a file, or by asking the application.
    pub(super) fn respond(&mut self, environ: Environ, cx: &mut Context<'_>) {
        let reply = cx.files.and_then(|files| files.answer(&environ, cx.limits, cx.date));
        let file = reply.as_ref().map(|reply| reply.path.as_path());
        let packet = &|| self.protocol.describe();
        cx.observers.tell(self.id, Event::Request { peer: &self.peer, packet, environ: &environ, file });
        if let Some(reply) = reply {
            return self.reply(reply, &environ, cx);
        }
        let hang_up = self.stream.hang_up_probe();
        let (start_response, started) = Started::pair(&environ, cx.limits, hang_up);
        abort_reply::set(self.stream.abort_descriptor(), self.protocol.abort_reply(started.is_head()));
        self.stage.respond(Answer::new(started.clone()));
        let ran = cx.runner.call(Call { environ, start_response, started });
        self.ran(ran, cx);
    }

    /// Answers with a file, or with what is to be said of it.
    fn reply(&mut self, reply: Reply, environ: &Environ, cx: &Context<'_>) {
        let Reply { path, head, pieces, failure } = reply;
        let (_, started) = Started::pair(environ, cx.limits, None);
        if let Some(error) = failure {
            let (line, code, path) = (Ascii(started.request_line()), head.code(), path.display());
            warn!("{}: {line}: answered with {code}: {path}: {error}", self.peer);
        }
        self.received.end();
        self.stage.respond(Answer::whole(started, head, pieces));
    }

    /// Asks for the body's next piece.
    pub(super) fn ask(&mut self, place: Place, cx: &mut Context<'_>) -> Step {
        let Some(answer) = self.stage.responding() else { return Step::Progress };
        if answer.runs_code {
            let is_head = answer.started.is_head();
            let reply = if answer.is_head_sent { &[] } else { self.protocol.abort_reply(is_head) };
            abort_reply::set(self.stream.abort_descriptor(), reply);
            cx.observers.tell(self.id, Event::Step);
        }
        let ran = cx.runner.step(place);
        self.ran(ran, cx)
    }

    fn ran(&mut self, ran: Ran, cx: &mut Context<'_>) -> Step {
        abort_reply::set(None, &[]);
        match ran {
            Ran::Now(outcome) => self.came(outcome, cx),
            Ran::Later(ticket) => {
                if let Some(answer) = self.stage.responding() {
                    answer.awaited = Some(ticket);
                }
                Step::Progress
            }
        }
    }

    /// Takes in what the application gave. What it gave to a request that is over is not taken, and its body is still
    /// to be closed.
    pub(super) fn take_outcome(
        &mut self,
        ticket: Ticket,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) -> Result<Step, Option<Place>> {
        match self.stage.responding().filter(|answer| answer.awaited == Some(ticket)) {
            Some(answer) => {
                answer.awaited = None;
                self.received.end();
            }
            None => return Err(outcome.open),
        }
        Ok(self.came(outcome, cx))
    }

    fn came(&mut self, outcome: Outcome, cx: &mut Context<'_>) -> Step {
        let Some(answer) = self.stage.responding() else { return Step::Progress };
        if std::mem::replace(&mut answer.runs_code, outcome.runs_code) || answer.open.is_none() {
            cx.observers.tell(self.id, Event::Returned);
        }
        answer.open = outcome.open;
        let piece = match outcome.piece {
            Ok(None) => return Step::Progress,
            Ok(Some(piece)) => piece,
            // What it gave before goes first.
            Err(error) if !self.outbox.is_empty() || answer.has_pieces() => {
                answer.failure = Some(error);
                return Step::Progress;
            }
            Err(error) => return self.app_error(&error, cx),
        };
        if !piece.is_empty() {
            answer.empty_since = None;
            answer.is_head_sent |= piece.head.is_some();
            return match answer.add(piece, cx.limits.ahead_memory_bytes_max) {
                Ok(()) => Step::Progress,
                Err(error) => self.app_error(&error.into(), cx),
            };
        }
        if let Some(time) = cx.limits.empty_chunks_time_max {
            let now = (cx.clock)();
            if now.saturating_duration_since(*answer.empty_since.get_or_insert(now)) >= time {
                return self.app_late(time, cx);
            }
        }
        Step::Progress
    }

    /// Frames the next piece; asks for it if none has come.
    pub(super) fn pull(&mut self, cx: &mut Context<'_>) -> Step {
        if cx.stopping {
            self.protocol.disable_keep_alive(cx.closes_kept);
        }
        let Some(answer) = self.stage.responding() else { return Step::Progress };
        answer.take_up();
        if answer.pending.is_empty() {
            if let Some(error) = answer.failure.take() {
                return self.app_error(&error, cx);
            }
            match answer.open {
                _ if answer.awaited.is_some() => return Step::Blocked,
                Some(place) => match self.ask(place, cx) {
                    Step::Progress => {}
                    step => return step,
                },
                None => return self.app_error(&AppError::new("its body has no end"), cx),
            }
        }
        if let Some(head) = self.stage.responding().and_then(|answer| answer.pending.head.take()) {
            self.put_head(head, cx);
        }
        let Some(Answer { pending, .. }) = self.stage.responding() else { return Step::Progress };
        let available = pending.data.len();
        if available > 0 {
            let take = self.protocol.chunk(available, &mut self.outbox.before, &mut self.outbox.after);
            self.outbox.load(pending.data.split_to(take));
        }
        if pending.last && pending.data.is_empty() {
            let persistence = self.protocol.finish(&mut self.outbox.after);
            self.stage.finish(persistence);
        }
        Step::Progress
    }

    /// Puts the head of a response into the outbox.
    pub(super) fn put_head(&mut self, mut head: ResponseHead, cx: &mut Context<'_>) {
        if !cx.fields.is_empty() {
            head.add_fields(cx.fields);
        }
        self.tally.code = head.code();
        if head.code() == 404 {
            self.tell_of_probe();
        }
        cx.observers.tell(self.id, Event::Start { head: &head });
        let before = self.outbox.before.len();
        self.protocol.head(&head, cx.date, &mut self.outbox.before);
        self.tally.head_bytes = (self.outbox.before.len() - before) as u64;
    }

    /// A probe of the wrong port is a 404 of the application's, of which its sender hears no more than the number.
    fn tell_of_probe(&self) {
        static IS_TOLD: AtomicBool = AtomicBool::new(false);
        let line = self.request_line();
        let is_probe = matches!(line.0, b"GET /ready" | b"GET /live" | b"GET /metrics");
        if is_probe && !IS_TOLD.swap(true, Ordering::Relaxed) {
            warn!(
                "{}: {line} is a 404 of the application's; if it is a probe: probes and metrics are asked at the statistics' \
                 own address",
                self.peer
            );
        }
    }

    /// Ends the application's part in the answer: its body, if it is open, is closed.
    pub(super) fn let_go(&mut self, cx: &mut Context<'_>) {
        if let Some(place) = self.stage.answer_mut().and_then(Answer::let_go) {
            cx.runner.close(place);
        }
    }

    pub(super) fn follow(&mut self, next: Next, cx: &mut Context<'_>) -> Step {
        self.report(cx, true);
        self.take_held(cx);
        match next {
            Next::Close if self.may_close_at_once(cx) => Step::Closed,
            Next::Receive => {
                self.let_go(cx);
                self.stage.receive_next();
                Step::Progress
            }
            Next::Close | Next::Drain => match self.stream.shutdown_write() {
                Ok(()) => {
                    self.let_go(cx);
                    self.unread = Bytes::new();
                    if matches!(next, Next::Drain) && self.read_side == ReadSide::Drained {
                        // A peer that is refused is most likely still sending.
                        self.read_side = ReadSide::Unknown;
                    }
                    self.stage.drain();
                    Step::Progress
                }
                Err(_) => Step::Closed,
            },
        }
    }

    /// Whether a close takes nothing of the response away. All that was sent is on its way, as the first flight of a
    /// connection is, and nothing has arrived, or will, that is not read: a front end has no more to say, and of those
    /// that connect anew for each request the cost is that of their system calls.
    fn may_close_at_once(&mut self, cx: &mut Context<'_>) -> bool {
        !self.protocol.peer_may_go_on()
            && self.sent < cx.limits.staged_close_bytes_min
            && self.unread.is_empty()
            && !self.holds_unread(cx)
    }
}
