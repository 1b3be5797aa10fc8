//! The figures of a moment, as the server's JSON has them.

use serde_json::Value;

/// A server at one moment. Times are seconds since 1970.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) version: String,
    pub(super) pid: u64,
    pub(super) now: f64,
    pub(super) started: f64,
    pub(super) wanted: u64,
    pub(super) workers_max: u64,
    pub(super) reloads: u64,
    pub(super) reload_failures: u64,
    pub(super) last_reload: Option<f64>,
    pub(super) in_flight: u64,
    pub(super) connections: u64,
    pub(super) threads: Option<Threads>,
    pub(super) waiting: u64,
    pub(super) totals: Totals,
    pub(super) bounds: Vec<f64>,
    pub(super) workers: Vec<Worker>,
    pub(super) listeners: Vec<Listener>,
    /// Why there is none that is newer.
    pub(super) fault: Option<String>,
}

/// Counters.
#[derive(Clone, Debug)]
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) exceptions: u64,
    pub(super) sent_bytes: u64,
    pub(super) latency_seconds: f64,
    pub(super) latency_counts: Vec<u64>,
    pub(super) waiting_seconds: f64,
    pub(super) waiting_counts: Vec<u64>,
    pub(super) passed_on: u64,
    pub(super) taken_over: u64,
    pub(super) dropped: u64,
    pub(super) shed: u64,
}

/// The application's threads by what they do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threads {
    pub(super) busy: u64,
    pub(super) idle: u64,
    pub(super) late: u64,
}

/// A number among the workers.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) number: u64,
    pub(super) respawns: u64,
    pub(super) totals: Totals,
    pub(super) processes: Vec<Process>,
}

#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: u64,
    pub(super) status: String,
    pub(super) busy: f64,
    pub(super) in_flight: u64,
    pub(super) threads: Option<Threads>,
    pub(super) waiting: u64,
    pub(super) rss_bytes: u64,
    pub(super) stuck: f64,
    pub(super) request: Option<String>,
    /// Requests that the application has in hand beside that one, a count.
    pub(super) other_requests: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) protocol: String,
    pub(super) address: String,
    /// How many wait, and how many may.
    pub(super) backlog: Option<(u64, u64)>,
    /// How many were accepted, and how many are open.
    pub(super) connections: Option<(u64, u64)>,
}

impl Sample {
    /// `None` if these are not the statistics of a Tidegate.
    pub(super) fn read(value: &Value) -> Option<Sample> {
        let ours = value.get("tidegate")?;
        let last_reload = [ours.get("last_reload_ended"), ours.get("last_reload_began")];
        Some(Sample {
            version: text(value, "version")?,
            pid: count(value, "pid")?,
            now: number(ours, "now")?,
            started: number(ours, "started")?,
            wanted: count(ours, "workers_wanted")?,
            workers_max: count(ours, "workers_max")?,
            reloads: count(ours, "reloads")?,
            reload_failures: count(ours, "reload_failures")?,
            last_reload: last_reload.into_iter().flatten().find_map(Value::as_f64),
            in_flight: count(ours, "in_flight")?,
            connections: count(ours, "connections")?,
            threads: ours.get("threads").and_then(Threads::read),
            waiting: count(ours, "waiting")?,
            totals: Totals::read(ours)?,
            bounds: all(ours, "latency_bounds_seconds", Value::as_f64)?,
            workers: all(value, "workers", Worker::read)?,
            listeners: all(ours, "listeners", Listener::read)?,
            fault: None,
        })
    }
}

impl Totals {
    fn read(around: &Value) -> Option<Self> {
        let totals = around.get("totals")?;
        Some(Totals {
            requests: count(totals, "requests")?,
            errors: count(totals, "errors")?,
            exceptions: count(totals, "exceptions")?,
            sent_bytes: count(totals, "sent_bytes")?,
            latency_seconds: number(totals, "latency_seconds")?,
            latency_counts: all(totals, "latency_counts", Value::as_u64)?,
            waiting_seconds: number(totals, "waiting_seconds")?,
            waiting_counts: all(totals, "waiting_counts", Value::as_u64)?,
            passed_on: count(totals, "passed_on")?,
            taken_over: count(totals, "taken_over")?,
            dropped: count(totals, "dropped")?,
            shed: count(totals, "shed")?,
        })
    }
}

impl Threads {
    fn read(value: &Value) -> Option<Self> {
        Some(Threads {
            busy: count(value, "busy")?,
            idle: count(value, "idle")?,
            late: count(value, "late")?,
        })
    }

    /// Those that have a request in hand, of all: `3/4`.
    pub(super) fn in_use(self) -> String {
        let busy = self.busy + self.late;
        format!("{busy}/{}", busy + self.idle)
    }
}

impl Worker {
    fn read(value: &Value) -> Option<Self> {
        let ours = value.get("tidegate")?;
        Some(Worker {
            number: count(value, "id")?,
            respawns: count(value, "respawn_count")?.saturating_sub(1),
            totals: Totals::read(ours)?,
            processes: all(ours, "processes", Process::read)?,
        })
    }
}

impl Process {
    fn read(value: &Value) -> Option<Self> {
        Some(Process {
            pid: count(value, "pid")?,
            status: text(value, "status")?,
            busy: number(value, "busy")?,
            in_flight: count(value, "in_flight")?,
            threads: value.get("threads").and_then(Threads::read),
            waiting: count(value, "waiting")?,
            rss_bytes: count(value, "rss_bytes")?,
            stuck: number(value, "stuck_seconds")?,
            request: text(value, "request"),
            other_requests: value.get("running")?.as_array()?.len().saturating_sub(1),
        })
    }
}

impl Listener {
    fn read(value: &Value) -> Option<Self> {
        Some(Listener {
            protocol: text(value, "protocol")?,
            address: text(value, "address")?,
            backlog: count(value, "backlog").zip(count(value, "backlog_max")),
            connections: count(value, "accepted").zip(count(value, "open")),
        })
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn count(value: &Value, key: &str) -> Option<u64> {
    value.get(key)?.as_u64()
}

fn number(value: &Value, key: &str) -> Option<f64> {
    value.get(key)?.as_f64()
}

fn all<T>(value: &Value, key: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.get(key)?.as_array()?.iter().map(read).collect()
}
