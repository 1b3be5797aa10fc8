//! For how long a peer is waited for, which depends on what is waited for.

use std::time::{Duration, Instant};

use super::{Connection, Context, State};
use crate::protocol::Phase;

/// What of a request is waited for, which decides for how long.
#[derive(Clone, Copy)]
pub(super) enum Waiting {
    /// The first request of a connection.
    First,
    /// Another request, on a connection that is kept alive.
    Next,
    /// The rest of a head.
    Head,
    /// The body, since then.
    Body(Instant),
}

impl<S> Connection<S> {
    /// Sets until when the peer is waited for.
    pub(super) fn wait<A>(&mut self, moved: bool, cx: &Context<'_, A>) {
        let (limits, phase) = (cx.limits, self.protocol.phase());
        let deadline = match &mut self.state {
            State::Receiving { waiting } => match (phase, *waiting) {
                (Phase::Body { received }, _) => {
                    let since = match *waiting {
                        Waiting::Body(since) => since,
                        _ => (cx.clock)(),
                    };
                    *waiting = Waiting::Body(since);
                    let earned = received / limits.body_bytes_per_second_min.max(1);
                    since + limits.body_time_max + Duration::from_secs(earned)
                }
                (Phase::Head, Waiting::Next) => {
                    *waiting = Waiting::Head;
                    (cx.clock)() + limits.head_time_max
                }
                _ if self.deadline.is_some() => return,
                (Phase::Idle, Waiting::Next) => (cx.clock)() + limits.keep_alive_time_max,
                _ => (cx.clock)() + limits.head_time_max,
            },
            State::Responding { .. } | State::Finished { .. } if moved || self.deadline.is_none() => {
                (cx.clock)() + limits.write_time_max
            }
            State::Draining if self.deadline.is_none() => (cx.clock)() + limits.drain_time_max,
            _ => return,
        };
        self.deadline = Some(deadline);
    }
}
