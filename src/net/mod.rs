//! Sockets: those that listen, and the streams that they accept.

pub(crate) mod listener;
pub(crate) mod relay;
pub(crate) mod stream;
