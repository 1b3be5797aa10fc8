//! Whether the client of a request is still there, for an application that wants to know before it goes on.

use std::os::fd::RawFd;

/// Asks whether the peer of a stream has gone, from any thread, while the connection has the stream itself. It knows the
/// stream by the number of a descriptor, and is to be dropped before that is closed.
#[derive(Clone, Copy, Debug)]
pub struct HangUpProbe {
    descriptor: RawFd,
    has_gone: fn(RawFd) -> bool,
}

impl HangUpProbe {
    /// A probe that gives `descriptor` to `has_gone`, which must neither wait nor take what has arrived.
    pub fn new(descriptor: RawFd, has_gone: fn(RawFd) -> bool) -> Self {
        HangUpProbe { descriptor, has_gone }
    }

    /// Whether the peer has gone.
    pub(crate) fn peer_has_gone(self) -> bool {
        (self.has_gone)(self.descriptor)
    }
}
