//! What is told of what happens: to the operator's log, to the access log and the trace, to whoever reads the statistics.

pub mod access_log;
pub(crate) mod log_throttle;
pub(crate) mod losses;
pub mod observer;
pub mod scoreboard;
#[cfg(feature = "command")]
pub mod stats;
pub mod trace;
