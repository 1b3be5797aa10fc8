//! Sockets: those that listen, and the streams that they accept.

pub mod listener;
pub mod stream;
