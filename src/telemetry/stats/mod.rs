//! What is told of the workers: a snapshot of the scoreboard, and the forms in which it leaves.
//!
//! The master takes the snapshot and has the sockets; here are only values and bytes. One address serves two kinds of
//! reader, and [`Request`] says which this is: uWSGI's tools say nothing and read to the end, and get [`json`]; an HTTP
//! client asks for [`json`], for [`prometheus`], or whether the server is [`ready`] or [`live`].

mod exposition;
mod json;
mod probe;
mod prometheus;
mod request;
#[cfg(test)]
mod tests;

pub(crate) use json::json;
pub(crate) use probe::{live, ready};
pub(crate) use prometheus::prometheus;
pub(crate) use request::{Form, HEAD_BYTES_MAX, Request, Told};

use std::time::Duration;

use crate::telemetry::scoreboard::{Row, ThreadCounts, Totals};

/// A server at one moment. Times are microseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// How far the server is.
    pub state: State,
    /// When it was taken.
    pub at: u64,
    /// The master's process.
    pub pid: u32,
    /// The user and the group that it runs as.
    pub owner: (u32, u32),
    /// The folder that it runs in.
    pub folder: String,
    /// When it started.
    pub started_at: u64,
    /// How many workers are wanted, a count.
    pub wanted: u32,
    /// How many there may be, where they come and go by need; else the same.
    pub workers_max: u32,
    /// Which load of the code serves.
    pub generation: u32,
    /// Reloads that were asked for, and of these those that failed.
    pub reloads: (u64, u64),
    /// When the last reload was asked for, and when one was last over; `None` if none was.
    pub reload_times: (Option<u64>, Option<u64>),
    /// The workers by number, also those that have no process just now.
    pub workers: Vec<Worker>,
    /// Where requests come in.
    pub listeners: Vec<Listener>,
    /// What runs beside the workers.
    pub attached: Vec<AttachedProgram>,
}

/// A program that is kept alive beside the workers (`--attach`).
#[derive(Clone, Debug)]
pub(crate) struct AttachedProgram {
    pub command: String,
    /// Its process, if it runs.
    pub pid: Option<i32>,
    /// How often it was started again, a count.
    pub restarts: u64,
}

/// How far the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not every worker has served yet.
    Starting,
    Serving,
    /// It still takes requests, and is about to stop: who sends them is to go elsewhere.
    Draining,
    /// It takes no new connections.
    Stopping,
}

/// All processes that have had one number among the workers, one after the other. What it counts never falls.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    /// The number, from 1 on.
    pub number: u32,
    /// What they have done together.
    pub totals: Totals,
    /// Processes that took the place of one before, a count.
    pub respawns: u32,
    /// Processes that were aborted because a request ran for too long (`--timeout`), a count.
    pub timeouts: u64,
    /// The processes of today: none, one, or two while one takes the other's place. The one that serves is the first.
    pub processes: Vec<Process>,
}

/// One process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// What it has written down.
    pub row: Row,
    /// The part of the last second or two in which it did not wait: 0 to 1.
    pub busy: f64,
    /// For how long it has been seen busy with one and the same thing.
    pub stuck: Duration,
}

/// A listener.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    /// The protocol's name.
    pub protocol: String,
    /// Where it listens.
    pub address: String,
    /// Connections that wait to be accepted, if the system tells.
    pub backlog: Option<Backlog>,
    /// How often the backlog was seen full, of one look each second.
    pub full: u64,
    /// Connections accepted, and those that are kept open; `None` for a listener that is not counted apart.
    pub connections: Option<(u64, u64)>,
}

/// A listener's backlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Connections that wait, a count.
    pub used: u32,
    /// How many may.
    pub max: u32,
}

impl Backlog {
    /// Whether the next one is turned away, or waits outside.
    pub(crate) fn is_full(self) -> bool {
        self.used >= self.max
    }
}

impl Worker {
    /// Requests that its processes answer just now, a count.
    fn in_flight(&self) -> u64 {
        self.processes.iter().map(|process| process.row.in_flight).sum()
    }

    /// Connections that its processes keep open, a count.
    fn body_memory_bytes(&self) -> u64 {
        self.processes.iter().map(|process| process.row.body_memory_bytes).sum()
    }

    fn connections(&self) -> u64 {
        self.processes.iter().map(|process| process.row.connections).sum()
    }

    /// The busy parts of its processes together; more than 1 while two of them have much to do.
    fn busy(&self) -> f64 {
        sum(self.processes.iter().map(|process| process.busy))
    }

    /// The application's threads in its processes together; `None` where it has none of its own.
    fn threads(&self) -> Option<ThreadCounts> {
        let counts = self.processes.iter().map(|process| process.row.thread_counts);
        counts.filter(|counts| counts.all > 0).reduce(|sum, counts| sum + counts)
    }

    /// Requests that wait in its processes for a thread, a count.
    fn waiting(&self) -> usize {
        self.threads().map_or(0, |threads| threads.waiting)
    }
}

/// The sum of the parts; of none it is 0, where `Iterator::sum` has it -0.
fn sum(parts: impl Iterator<Item = f64>) -> f64 {
    parts.fold(0.0, |sum, part| sum + part)
}

/// Microseconds as seconds.
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
