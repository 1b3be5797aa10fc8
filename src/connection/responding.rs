//! How a response is made: the application's call, a piece after the other, and what follows the last.

use bytes::Bytes;

use super::exchange::Exchange;
use super::state::{Next, Responding};
use super::{Connection, Context, ReadSide, Step, abort_reply};
use crate::application::Application;
use crate::application::environ::Environ;
use crate::net::stream::Stream;
use crate::telemetry::observer::Event;

impl<S: Stream> Connection<S> {
    pub(super) fn respond<A: Application>(&mut self, environ: Environ, cx: &mut Context<'_, A>) {
        cx.observers
            .tell(self.id, Event::Request { packet: &|| self.protocol.describe(), environ: &environ });
        let abort_reply = self.protocol.abort_reply(environ.method() == b"HEAD");
        abort_reply::set(self.stream.abort_descriptor(), abort_reply);
        let hang_up = self.stream.hang_up_probe();
        let (exchange, called) = Exchange::call(cx.application, environ, hang_up, cx.limits);
        abort_reply::set(None, &[]);
        cx.observers.tell(self.id, Event::Returned);
        self.stage.respond(exchange);
        if let Err(error) = called {
            self.app_error(&error, cx);
        }
    }

    pub(super) fn pull<A: Application>(&mut self, cx: &mut Context<'_, A>) -> Step {
        let Some(Responding { exchange, pending, empty_since }) = self.stage.responding() else {
            return Step::Progress;
        };
        if cx.stopping {
            self.protocol.disable_keep_alive();
        }
        if pending.data.is_empty() {
            let asks = exchange.asks_application();
            if asks {
                let begun = exchange.is_head_sent();
                let abort_reply = if begun { &[] } else { self.protocol.abort_reply(exchange.head_only) };
                abort_reply::set(self.stream.abort_descriptor(), abort_reply);
                cx.observers.tell(self.id, Event::Step);
            }
            let stepped = exchange.next_piece();
            if asks {
                abort_reply::set(None, &[]);
                cx.observers.tell(self.id, Event::Returned);
            }
            *pending = match stepped {
                Ok(piece) => piece,
                Err(error) => return self.app_error(&error, cx),
            };
            if !pending.is_empty() {
                *empty_since = None;
            } else if let Some(time) = cx.limits.empty_chunks_time_max {
                let now = (cx.clock)();
                if now.saturating_duration_since(*empty_since.get_or_insert(now)) >= time {
                    return self.app_late(time, cx);
                }
            }
        }
        if let Some(head) = pending.head.take() {
            self.tally.code = head.code();
            cx.observers.tell(self.id, Event::Start { head: &head });
            self.protocol.head(&head, cx.date, &mut self.outbox.before);
        }
        let available = pending.data.len();
        if available > 0 {
            let take = self.protocol.chunk(available, &mut self.outbox.before, &mut self.outbox.after);
            match pending.data.split_to(take) {
                Ok(data) => self.outbox.load(data),
                Err(error) => return self.app_error(&error.into(), cx),
            }
        }
        if pending.last && pending.data.is_empty() {
            let persistence = self.protocol.finish(&mut self.outbox.after);
            self.stage.finish(persistence);
        }
        Step::Progress
    }

    pub(super) fn follow<A>(&mut self, next: Next, cx: &mut Context<'_, A>) -> Step {
        self.report(cx, true);
        match next {
            Next::Close if self.may_close_at_once(cx) => Step::Closed,
            Next::Receive => {
                self.stage.receive_next();
                Step::Progress
            }
            Next::Close | Next::Drain => match self.stream.shutdown_write() {
                Ok(()) => {
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
    fn may_close_at_once<A>(&mut self, cx: &mut Context<'_, A>) -> bool {
        !self.protocol.peer_may_go_on()
            && self.sent < cx.limits.staged_close_bytes_min
            && self.unread.is_empty()
            && !self.holds_unread(cx)
    }
}
