//! What is told of what happens: to the operator's log, the access log and the trace, and in the statistics.

#[cfg(feature = "command")]
pub(crate) mod access_log;
pub(crate) mod counted;
#[cfg(feature = "command")]
pub(crate) mod local_time;
pub(crate) mod log_throttle;
pub mod observer;
#[cfg(feature = "command")]
pub(crate) mod output;
#[cfg(not(feature = "command"))]
#[path = "no_scoreboard.rs"]
pub(crate) mod scoreboard;
#[cfg(feature = "command")]
pub(crate) mod scoreboard;
#[cfg(feature = "command")]
pub(crate) mod stats;
#[cfg_attr(not(feature = "command"), allow(dead_code, reason = "only the scoreboard reads what they hold"))]
pub(crate) mod threads;
#[cfg(feature = "command")]
pub(crate) mod trace;
