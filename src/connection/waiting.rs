//! For how long a peer is waited for, which depends on what is waited for.

use std::time::Duration;

use super::state::{State, Waiting};
use super::{Connection, Context};
use crate::protocol::Phase;

impl<S> Connection<S> {
    /// Sets until when the peer is waited for.
    pub(super) fn wait(&mut self, moved: bool, cx: &Context<'_>) {
        let (limits, phase) = (cx.limits, self.protocol.phase());
        let deadline = match self.stage.state() {
            // Nothing is owed to the peer: it is the application that is waited for, and that has its own time.
            State::Responding(answer) if answer.awaited.is_some() && self.outbox.is_empty() => {
                return self.stage.wait_for_application();
            }
            State::Receiving { waiting } => match (phase, *waiting) {
                (Phase::Body { received }, _) => {
                    let since = match *waiting {
                        Waiting::Body(since) => since,
                        _ => (cx.clock)(),
                    };
                    self.stage.wait_for(Waiting::Body(since));
                    let earned = received / limits.body_bytes_per_second_min.max(1);
                    since + limits.body_time_max + Duration::from_secs(earned)
                }
                (Phase::Head, Waiting::Next) => {
                    self.stage.wait_for(Waiting::Head);
                    (cx.clock)() + limits.head_time_max
                }
                _ if self.stage.deadline().is_some() => return,
                (Phase::Idle, Waiting::Next) => (cx.clock)() + limits.keep_alive_time_max,
                _ => (cx.clock)() + limits.head_time_max,
            },
            State::Responding(_) | State::Finished { .. } if moved || self.stage.deadline().is_none() => {
                (cx.clock)() + limits.write_time_max
            }
            State::Draining if self.stage.deadline().is_none() => (cx.clock)() + limits.drain_time_max,
            _ => return,
        };
        self.stage.wait_until(deadline);
    }
}
