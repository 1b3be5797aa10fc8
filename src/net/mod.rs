//! Sockets: those that listen, and the streams that they accept.

#[cfg(feature = "command")]
pub(crate) mod datagram;
pub(crate) mod listener;
pub(crate) mod relay;
pub(crate) mod stream;
