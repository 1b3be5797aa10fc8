//! JSON: the keys of uWSGI's stats server, in its units, so that its tools read them; and under "tidegate" what
//! those have no place for, in seconds and bytes.

use serde_json::{Value, json};

use super::{AttachedProgram, Listener, Process, Snapshot, Worker, seconds};
use crate::telemetry::scoreboard::{
    COUNTERS, Doing, LATENCY_BOUNDS_MICROS, Life, Running, Thread, ThreadCounts, ThreadDoing, Totals, Unit,
};

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
            "attached": snapshot.attached.iter().map(attached).collect::<Vec<_>>(),
            "workers_wanted": snapshot.wanted,
            "workers_max": snapshot.workers_max,
            "generation": snapshot.generation,
            "reloads": snapshot.reloads.0,
            "reload_failures": snapshot.reloads.1,
            "last_reload_began": snapshot.reload_times.0.map(seconds),
            "last_reload_ended": snapshot.reload_times.1.map(seconds),
            "respawns": all(|worker| u64::from(worker.respawns)),
            "timeouts": all(|worker| worker.timeouts),
            "in_flight": all(Worker::in_flight),
            "connections": all(Worker::connections),
            "body_memory_bytes": all(Worker::body_memory_bytes),
            "threads": threads(snapshot.workers.iter().filter_map(Worker::threads).reduce(|sum, one| sum + one)),
            "waiting": all(|worker| worker.waiting() as u64),
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
    let answered: u64 = totals.latency.counts.iter().sum();
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
        "running_time": totals.latency.micros,
        "last_spawn": row.map_or(0, |row| row.started_at / 1_000_000),
        "respawn_count": worker.respawns + 1,
        "tx": totals.bytes_out,
        "avg_rt": totals.latency.micros.checked_div(answered).unwrap_or(0),
        "apps": [{
            "id": 0,
            "modifier1": 0,
            "mountpoint": "",
            "startup_time": 0,
            "requests": totals.requests,
            "exceptions": totals.exceptions,
            "chdir": "",
        }],
        "cores": cores(worker),
        "tidegate": {
            "busy": worker.busy(),
            "in_flight": worker.in_flight(),
            "connections": worker.connections(),
            "body_memory_bytes": worker.body_memory_bytes(),
            "threads": threads(worker.threads()),
            "waiting": worker.waiting(),
            "totals": self::totals(totals),
            "processes": worker.processes.iter().map(self::process).collect::<Vec<_>>(),
        },
    })
}

/// uWSGI's core is a thread of a worker. A worker has at least one; what is counted of the worker alone stands in the first.
fn cores(worker: &Worker) -> Vec<Value> {
    let row = worker.processes.first().map(|process| &process.row);
    let threads = row.map_or(&[][..], |row| &row.threads);
    if threads.len() > 1 {
        let core = |(at, thread): (usize, &Thread)| {
            let is_busy = thread.doing != ThreadDoing::Idle;
            let request = is_busy.then(|| (text(&thread.request), thread.since));
            core(at, thread.requests, (at == 0).then_some(&worker.totals), request)
        };
        return threads.iter().enumerate().map(core).collect();
    }
    let running = row.and_then(|row| row.running().first().map(|one| (text(one.request), one.since)));
    vec![core(0, worker.totals.requests, Some(&worker.totals), running)]
}

/// `of_worker` is what is counted of the worker alone, in its first.
fn core(id: usize, requests: u64, of_worker: Option<&Totals>, request: Option<(String, u64)>) -> Value {
    let count = |of: fn(&Totals) -> u64| of_worker.map_or(0, of);
    json!({
        "id": id,
        "requests": requests,
        "static_requests": count(|totals| totals.files),
        "routed_requests": 0,
        "offloaded_requests": 0,
        "write_errors": count(|totals| totals.broken_off),
        "read_errors": 0,
        "in_request": u8::from(request.is_some()),
        "vars": [],
        "req_info": match request {
            Some((request, since)) => json!({ "request": request, "request_start": since / 1_000_000 }),
            None => json!({}),
        },
    })
}

/// `null` where the application has no threads of its own.
fn threads(counts: Option<ThreadCounts>) -> Value {
    let told =
        |counts: ThreadCounts| json!({ "busy": counts.busy(), "idle": counts.idle, "late": counts.late });
    counts.map_or(Value::Null, told)
}

fn process(process: &Process) -> Value {
    let row = &process.row;
    let running = row.running();
    let first = running.first();
    json!({
        "pid": row.pid,
        "generation": row.generation,
        "status": status(process),
        "started": seconds(row.started_at),
        "busy": process.busy,
        "in_flight": row.in_flight,
        "connections": row.connections,
        "body_memory_bytes": row.body_memory_bytes,
        "threads": threads(Some(row.thread_counts).filter(|counts| counts.all > 0)),
        "waiting": row.thread_counts.waiting,
        "requests": row.totals.requests,
        "rss_bytes": row.rss_bytes,
        "vsz_bytes": row.vsz_bytes,
        "doing": first.map_or(row.doing.words(), |one| one.doing),
        "stuck_seconds": process.stuck.as_secs_f64(),
        "request": first.map(|one| text(one.request)),
        "running": running.iter().map(|one| self::running(one)).collect::<Vec<_>>(),
    })
}

/// A request that the application has in hand.
fn running(one: &Running<'_>) -> Value {
    json!({
        "request": text(one.request),
        "doing": one.doing,
        "since": seconds(one.since),
        "is_late": one.is_late,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// uWSGI says idle, busy and cheap (no process) too.
fn attached(program: &AttachedProgram) -> Value {
    json!({ "command": program.command, "pid": program.pid, "restarts": program.restarts })
}

fn status(process: &Process) -> &'static str {
    let row = &process.row;
    match row.life {
        Life::Starting => "starting",
        Life::Leaving => "leaving",
        Life::Ready if row.doing == Doing::Waiting && row.running().is_empty() => "idle",
        Life::Ready => "busy",
    }
}

fn totals(totals: &Totals) -> Value {
    let mut all = json!({
        "latency_seconds": seconds(totals.latency.micros),
        "latency_counts": totals.latency.counts,
        "waiting_seconds": seconds(totals.waiting.micros),
        "waiting_counts": totals.waiting.counts,
        "responses": {
            "1xx": totals.classes[0],
            "2xx": totals.classes[1],
            "3xx": totals.classes[2],
            "4xx": totals.classes[3],
            "5xx": totals.classes[4],
        },
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
