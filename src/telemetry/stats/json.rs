//! JSON: the keys of uWSGI's stats server, in its units, so that its tools read them; and under "tidegate" what
//! those have no place for, in seconds and bytes.

use serde_json::{Value, json};

use super::{Listener, Process, Snapshot, Worker, seconds};
use crate::telemetry::scoreboard::{COUNTERS, Doing, LATENCY_BOUNDS_MICROS, Life, Totals, Unit};

/// The snapshot as one line of JSON.
pub(crate) fn json(snapshot: &Snapshot) -> String {
    let backlogs = || snapshot.listeners.iter().filter_map(|one| one.backlog);
    let queued: u64 = backlogs().map(|backlog| u64::from(backlog.used)).sum();
    let sum = snapshot.workers.iter().fold(Totals::default(), |sum, worker| sum + worker.totals.clone());
    let all = |part: fn(&Worker) -> u64| snapshot.workers.iter().map(part).sum::<u64>();
    let value = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "listen_queue": queued,
        "listen_queue_errors": snapshot.listeners.iter().map(|one| one.full).sum::<u64>(),
        "signal_queue": 0,
        "load": queued,
        "pid": snapshot.pid,
        "uid": snapshot.owner.0,
        "gid": snapshot.owner.1,
        "cwd": snapshot.folder,
        "locks": [],
        "sockets": snapshot.listeners.iter().map(socket).collect::<Vec<_>>(),
        "workers": snapshot.workers.iter().map(worker).collect::<Vec<_>>(),
        "tidegate": {
            "now": seconds(snapshot.at),
            "started": seconds(snapshot.started_at),
            "workers_wanted": snapshot.wanted,
            "generation": snapshot.generation,
            "reloads": snapshot.reloads.0,
            "reload_failures": snapshot.reloads.1,
            "last_reload_began": snapshot.reload_times.0.map(seconds),
            "last_reload_ended": snapshot.reload_times.1.map(seconds),
            "respawns": all(|worker| u64::from(worker.respawns)),
            "timeouts": all(|worker| worker.timeouts),
            "in_flight": all(Worker::in_flight),
            "connections": all(Worker::connections),
            "totals": totals(&sum),
            "latency_bounds_seconds": LATENCY_BOUNDS_MICROS.map(seconds),
            "listeners": snapshot.listeners.iter().map(listener).collect::<Vec<_>>(),
        },
    });
    format!("{value}\n")
}

fn socket(listener: &Listener) -> Value {
    json!({
        "name": listener.address,
        "proto": listener.protocol,
        "queue": listener.backlog.map(|backlog| backlog.used),
        "max_queue": listener.backlog.map(|backlog| backlog.max),
        "shared": 0,
        "can_offload": 0,
    })
}

fn listener(listener: &Listener) -> Value {
    json!({
        "protocol": listener.protocol,
        "address": listener.address,
        "backlog": listener.backlog.map(|backlog| backlog.used),
        "backlog_max": listener.backlog.map(|backlog| backlog.max),
        "backlog_full": listener.full,
        "accepted": listener.connections.map(|(accepted, _)| accepted),
        "open": listener.connections.map(|(_, open)| open),
    })
}

/// A number among the workers. What uWSGI tells of a process is told of the one that serves, or will.
fn worker(worker: &Worker) -> Value {
    let (process, totals) = (worker.processes.first(), &worker.totals);
    let row = process.map(|process| &process.row);
    let answered: u64 = totals.latency.iter().sum();
    json!({
        "id": worker.number,
        "pid": row.map_or(0, |row| row.pid),
        "accepting": u8::from(row.is_some_and(|row| row.life == Life::Ready)),
        "requests": totals.requests,
        "delta_requests": row.map_or(0, |row| row.totals.requests),
        "exceptions": totals.exceptions,
        "harakiri_count": worker.timeouts,
        "signals": 0,
        "signal_queue": 0,
        "status": process.map_or("cheap", status),
        "rss": row.map_or(0, |row| row.rss_bytes),
        "vsz": row.map_or(0, |row| row.vsz_bytes),
        "running_time": totals.latency_micros,
        "last_spawn": row.map_or(0, |row| row.started_at / 1_000_000),
        "respawn_count": worker.respawns + 1,
        "tx": totals.bytes_out,
        "avg_rt": totals.latency_micros.checked_div(answered).unwrap_or(0),
        "apps": [{
            "id": 0,
            "modifier1": 0,
            "mountpoint": "",
            "startup_time": 0,
            "requests": totals.requests,
            "exceptions": totals.exceptions,
            "chdir": "",
        }],
        "cores": [core(worker)],
        "tidegate": {
            "busy": worker.busy(),
            "in_flight": worker.in_flight(),
            "connections": worker.connections(),
            "totals": self::totals(totals),
            "processes": worker.processes.iter().map(self::process).collect::<Vec<_>>(),
        },
    })
}

/// uWSGI's core is a thread of a worker; ours have one.
fn core(worker: &Worker) -> Value {
    let process = worker.processes.first();
    let request = process.and_then(request);
    let started = process.filter(|_| request.is_some()).map(|process| process.row.since / 1_000_000);
    json!({
        "id": 0,
        "requests": worker.totals.requests,
        "static_requests": 0,
        "routed_requests": 0,
        "offloaded_requests": 0,
        "write_errors": worker.totals.broken_off,
        "read_errors": 0,
        "in_request": u8::from(request.is_some()),
        "vars": [],
        "req_info": match (request, started) {
            (Some(request), Some(started)) => json!({ "request": request, "request_start": started }),
            _ => json!({}),
        },
    })
}

fn process(process: &Process) -> Value {
    let row = &process.row;
    json!({
        "pid": row.pid,
        "generation": row.generation,
        "status": status(process),
        "started": seconds(row.started_at),
        "busy": process.busy,
        "in_flight": row.in_flight,
        "connections": row.connections,
        "requests": row.totals.requests,
        "rss_bytes": row.rss_bytes,
        "vsz_bytes": row.vsz_bytes,
        "doing": row.doing.words(),
        "stuck_seconds": process.stuck.as_secs_f64(),
        "request": request(process),
    })
}

/// The request that the application answers just now.
fn request(process: &Process) -> Option<String> {
    let is_in_application = matches!(process.row.doing, Doing::Calling | Doing::Stepping);
    is_in_application.then(|| String::from_utf8_lossy(&process.row.request).into_owned())
}

/// uWSGI says idle, busy and cheap (no process) too.
fn status(process: &Process) -> &'static str {
    match (process.row.life, process.row.doing) {
        (Life::Starting, _) => "starting",
        (Life::Leaving, _) => "leaving",
        (Life::Ready, Doing::Waiting) => "idle",
        (Life::Ready, _) => "busy",
    }
}

fn totals(totals: &Totals) -> Value {
    let mut all = json!({
        "latency_seconds": seconds(totals.latency_micros),
        "latency_counts": totals.latency,
    });
    for counter in COUNTERS {
        let value = (counter.of)(totals);
        all[counter.key] = match counter.unit {
            Unit::Count => value.into(),
            Unit::Micros => seconds(value).into(),
        };
    }
    all
}
