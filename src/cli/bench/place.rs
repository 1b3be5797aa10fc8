//! A place for one request at a time, with its connection.

use std::os::fd::OwnedFd;
use std::time::Instant;

use super::reply::Incoming;

/// A place, free or with a request.
pub(super) struct Place {
    pub(super) socket: Option<OwnedFd>,
    pub(super) state: State,
    pub(super) job: Job,
    pub(super) incoming: Incoming,
    /// Whether the connection has had a reply before.
    pub(super) is_reused: bool,
    /// Whether the server may have closed it while it was idle.
    pub(super) may_be_stale: bool,
    /// Since when another request could have been made.
    pub(super) free_since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Free,
    /// Some of the request is not sent: a TCP connection may still be shaking hands.
    Unsent,
    Asked,
}

/// A request in a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// Which of the plan's.
    pub(super) request: usize,
    /// So many of its bytes are out.
    pub(super) sent: usize,
    pub(super) due: Instant,
    pub(super) begun: Instant,
    /// Whether it counts: not while warming up.
    pub(super) counts: bool,
}

impl Place {
    pub(super) fn new(now: Instant, incoming: Incoming) -> Self {
        let job = Job { request: 0, sent: 0, due: now, begun: now, counts: false };
        Place {
            socket: None,
            state: State::Free,
            job,
            incoming,
            is_reused: false,
            may_be_stale: false,
            free_since: now,
        }
    }
}
