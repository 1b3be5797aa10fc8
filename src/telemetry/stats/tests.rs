//! A fixed snapshot, as it is told byte for byte: dashboards and alerts depend on each name.

use std::time::Duration;

use super::{AttachedProgram, Backlog, Listener, Process, Snapshot, State, Worker, json, prometheus};
use crate::telemetry::scoreboard::{
    Doing, Histogram, LISTENERS_COUNT, Life, Row, Thread, ThreadCounts, ThreadDoing, Totals,
};

#[test]
fn a_snapshot_is_told_as_ever() {
    let snapshot = snapshot();
    for (told, want) in [
        (json(&snapshot), include_str!("snapshot.json")),
        (prometheus(&snapshot), include_str!("snapshot.metrics")),
    ] {
        assert_eq!(told, want.replace("VERSION", env!("CARGO_PKG_VERSION")));
    }
}

/// No two of its figures are the same.
fn snapshot() -> Snapshot {
    let address = "127.0.0.1:3031".to_owned();
    let backlog = Some(Backlog { used: 3, max: 4_096 });
    let uwsgi =
        Listener { protocol: "uwsgi".to_owned(), address, backlog, full: 5, connections: Some((1_016, 7)) };
    let address = "unix:/run/a \"b\".sock".to_owned();
    let http = Listener { protocol: "http".to_owned(), address, backlog: None, full: 0, connections: None };
    Snapshot {
        state: State::Serving,
        at: 1_700_000_100_250_000,
        pid: 4_000,
        owner: (33, 34),
        folder: "/srv/app".to_owned(),
        started_at: 1_700_000_000_125_000,
        wanted: 2,
        workers_max: 4,
        generation: 6,
        reloads: (8, 9),
        reload_times: (Some(1_700_000_050_000_000), None),
        attached: vec![
            AttachedProgram { command: "redis-server \"a\"".to_owned(), pid: Some(4_100), restarts: 3 },
            AttachedProgram { command: "celery".to_owned(), pid: None, restarts: 0 },
        ],
        workers: vec![
            Worker {
                number: 1,
                totals: totals(1_000),
                respawns: 11,
                timeouts: 12,
                processes: vec![with_threads(process(4_001, Life::Ready)), process(4_002, Life::Leaving)],
            },
            Worker {
                number: 2,
                totals: totals(2_000),
                respawns: 13,
                timeouts: 14,
                processes: vec![process(4_003, Life::Starting)],
            },
        ],
        listeners: vec![uwsgi, http],
    }
}

fn process(pid: u32, life: Life) -> Process {
    let row = Row {
        is_late: false,
        abort_sent: 0,
        thread_counts: ThreadCounts::default(),
        threads: Vec::new(),
        number: 1,
        pid,
        generation: pid - 3_990,
        respawns: 0,
        life,
        doing: Doing::Calling,
        started_at: 1_700_000_020_500_000,
        since: 1_700_000_099_000_000,
        woke_at: 1_700_000_098_000_000,
        beat: 15,
        rss_bytes: u64::from(pid) << 12,
        vsz_bytes: u64::from(pid) << 16,
        in_flight: 16,
        connections: 17,
        body_memory_bytes: 131_072,
        totals: totals(u64::from(pid)),
        accepted: [0; LISTENERS_COUNT],
        open: [0; LISTENERS_COUNT],
        request: b"GET /caf\xe9".to_vec(),
    };
    Process { row, busy: 0.25, stuck: Duration::from_millis(1_250) }
}

/// Four threads: one is idle, one late, one in a call, and one holds a body that is open.
fn with_threads(mut process: Process) -> Process {
    let thread = |doing, is_late, from: u64, request: &[u8]| Thread {
        doing,
        is_late,
        since: 1_700_000_090_000_000 + from * 1_000_000,
        requests: 100 + from,
        request: request.to_vec(),
    };
    process.row.doing = Doing::Waiting;
    process.row.thread_counts = ThreadCounts { all: 4, idle: 1, late: 1, running: 2, waiting: 19 };
    process.row.threads = vec![
        thread(ThreadDoing::Calling, false, 4, b"GET /call"),
        thread(ThreadDoing::Idle, false, 3, b"GET /before"),
        thread(ThreadDoing::Holding, false, 1, b"GET /export"),
        thread(ThreadDoing::Stepping, true, 2, b"GET /late"),
    ];
    process
}

fn histogram(micros: u64, from: u64) -> Histogram<u64> {
    Histogram { micros, counts: std::array::from_fn(|at| from + at as u64) }
}

fn totals(from: u64) -> Totals {
    Totals {
        accepted: from + 16,
        requests: from + 18,
        errors: from + 20,
        files: from + 21,
        exceptions: from + 22,
        broken_off: from + 24,
        bytes_in: from + 26,
        bytes_out: from + 28,
        passed_on: from + 32,
        taken_over: from + 34,
        dropped: from + 36,
        shed: from + 38,
        body_files: from + 39,
        busy_micros: from * 1_000_003,
        cpu_micros: from * 1_000_019,
        classes: [0, 2, 4, 6, 8].map(|more| from + 40 + more),
        latency: histogram(from * 1_000_033, from + 30),
        waiting: histogram(from * 1_000_037, from + 60),
    }
}
