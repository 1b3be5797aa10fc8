//! Room for newcomers: of the connections that are kept alive and silent, or whose peer has its response and does not
//! close, those that have the least time left are closed. nginx does the same (ngx_drain_connections).

use super::event_loop::{EventLoop, Inline};
use crate::connection::Connection;

impl EventLoop {
    /// Closes some of them; returns whether there is room then.
    pub(super) fn make_room(&mut self, inline: &mut Inline<'_>) -> bool {
        if self.spare_count == 0 {
            return false;
        }
        let mut spare: Vec<_> = (self.connections.iter())
            .filter(|(_, entry)| entry.spare)
            .map(|(key, entry)| (entry.connection.deadline(), key))
            .collect();
        let count = (spare.len() / SHARE).clamp(1, CLOSED_AT_ONCE_MAX);
        spare.select_nth_unstable(count - 1);
        for (_, key) in spare.drain(..count) {
            self.turn(key, inline, Connection::make_room);
        }
        self.can_accept()
    }
}

/// One of so many is closed at a time, a count: a peer that asks again soon is most likely not among them.
const SHARE: usize = 8;
/// Connections that are closed at a time, a count. All are looked at for it, so more than one is closed.
const CLOSED_AT_ONCE_MAX: usize = 32;
