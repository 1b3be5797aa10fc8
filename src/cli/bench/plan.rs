//! What a run is to do: which requests, how they are paced, for how long.

use std::time::Duration;

use super::endpoint::Target;
use super::reply::Wanted;

/// A request as it goes over the wire.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) bytes: Vec<u8>,
    /// Whether the reply has no body, as with HEAD.
    pub(super) is_head: bool,
    /// For a person: its method and path.
    pub(super) name: String,
}

/// In which order the requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Turns,
    /// At random, the same for the same seed.
    Random(u64),
}

/// When the next request is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// As soon as a connection has its reply.
    Closed,
    /// So many a second, whatever the server does.
    Rate(f64),
}

/// What ends a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    Time(Duration),
    Requests(u64),
}

/// What a run is to do.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) target: Target,
    /// At least one.
    pub(super) requests: Vec<Prepared>,
    pub(super) order: Order,
    pub(super) wanted: Wanted,
    pub(super) pace: Pace,
    pub(super) bound: Bound,
    /// Load that is not counted comes first.
    pub(super) warm_up: Duration,
    pub(super) connections: usize,
    /// Whether they are kept for further requests.
    pub(super) stays: bool,
    /// For the whole of one reply.
    pub(super) timeout: Duration,
    pub(super) threads: usize,
    /// The processors of the threads, in turns; none is chosen where this is empty.
    pub(super) cpus: Vec<usize>,
    /// Whether a thread never sleeps.
    pub(super) spins: bool,
}
