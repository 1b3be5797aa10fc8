//! What is told of what happens: to the operator's log, to the access log and the trace, to whoever reads the statistics.

pub(crate) mod access_log;
pub(crate) mod log_throttle;
pub(crate) mod losses;
pub mod observer;
pub(crate) mod scoreboard;
#[cfg(feature = "command")]
pub(crate) mod stats;
pub(crate) mod trace;
