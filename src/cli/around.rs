//! The server around an application, as that may ask of it: `import uwsgi` does.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

use super::record;
use crate::telemetry::scoreboard::{Doing, Life, Row, Scoreboard};

/// A process that serves, or that is about to.
#[derive(Clone, Debug)]
pub struct WorkerNow {
    /// Its number among the workers, from 1 on.
    pub number: u32,
    /// Its process.
    pub pid: u32,
    /// It accepts connections.
    pub is_ready: bool,
    /// It does something.
    pub is_busy: bool,
    /// Requests that it has answered, since it began.
    pub requests: u64,
    /// Exceptions of the application.
    pub exceptions: u64,
    /// Bytes that it has sent.
    pub bytes_out: u64,
    /// Memory, bytes.
    pub rss_bytes: u64,
    /// Address space, bytes.
    pub vsz_bytes: u64,
    /// The time of all its requests, microseconds.
    pub running_micros: u64,
    /// When it began, seconds since 1970.
    pub started_at: u64,
    /// How many processes had its number before it.
    pub respawns: u32,
}

/// The workers there are now, by their numbers; of two that have the same number, the one that serves.
pub fn workers_now() -> Vec<WorkerNow> {
    let Some(Around { board, .. }) = AROUND.get() else { return Vec::new() };
    let mut rows = board.rows();
    rows.sort_by_key(|row| (row.number, row.life != Life::Ready, row.life == Life::Leaving));
    rows.dedup_by_key(|row| row.number);
    rows.iter().map(WorkerNow::new).collect()
}

/// Requests that all workers have answered, also those that have ended.
pub fn requests_so_far() -> u64 {
    let Some(Around { board, .. }) = AROUND.get() else { return 0 };
    let ended = board.ended.read().requests;
    board.rows().iter().fold(ended, |sum, row| sum + row.totals.requests)
}

/// The number of this process among the workers; 0 in the master. The only process there is counts as the first.
pub fn own_number() -> u32 {
    if AROUND.get().is_some() { record::worker() } else { 1 }
}

/// The master's process; 0 if there is none.
pub fn master_process() -> u32 {
    AROUND.get().map_or(0, |around| around.master)
}

/// When the master began, seconds since 1970; 0 before that.
pub fn started_at() -> u64 {
    AROUND.get().map_or(0, |around| around.board.master.started_at.load(Relaxed) / 1_000_000)
}

/// Whether the code was loaded before, and this process loads it anew.
pub fn is_reload() -> bool {
    let Some(Around { board, takes_over, .. }) = AROUND.get() else { return false };
    let own = std::process::id();
    *takes_over || board.rows().iter().any(|row| row.pid == own && row.generation > 1)
}

/// This process is a master from here on. The workers that it forks find it here.
pub(super) fn begin(board: &'static Scoreboard, takes_over: bool) {
    // A process begins once.
    let _ = AROUND.set(Around { board, master: std::process::id(), takes_over });
}

struct Around {
    board: &'static Scoreboard,
    master: u32,
    /// It takes the place of a master before.
    takes_over: bool,
}

static AROUND: OnceLock<Around> = OnceLock::new();

impl WorkerNow {
    fn new(row: &Row) -> Self {
        WorkerNow {
            number: row.number,
            pid: row.pid,
            is_ready: row.life == Life::Ready,
            is_busy: row.doing != Doing::Waiting || !row.running().is_empty(),
            requests: row.totals.requests,
            exceptions: row.totals.exceptions,
            bytes_out: row.totals.bytes_out,
            rss_bytes: row.rss_bytes,
            vsz_bytes: row.vsz_bytes,
            running_micros: row.totals.latency.micros,
            started_at: row.started_at / 1_000_000,
            respawns: row.respawns,
        }
    }
}
