//! The metrics that Prometheus gathers.

use super::exposition::Text;
use super::{AttachedProgram, Listener, Snapshot, Worker, seconds, sum};
use crate::telemetry::scoreboard::{
    COUNTERS, Counter, Histogram, LATENCY_BOUNDS_MICROS, Life, ThreadCounts, Totals, Unit,
};

/// The snapshot as Prometheus reads it. Names end in their unit, and seconds and bytes are the only ones.
pub(crate) fn prometheus(snapshot: &Snapshot) -> String {
    let mut text = Text::default();
    master(&mut text, snapshot);
    workers(&mut text, &snapshot.workers);
    histogram(
        &mut text,
        &snapshot.workers,
        "request_duration_seconds",
        "From the complete request to the response's last byte.",
        |totals| &totals.latency,
    );
    histogram(
        &mut text,
        &snapshot.workers,
        "thread_wait_seconds",
        "How long requests waited for a thread of the application that did not find one idle.",
        |totals| &totals.waiting,
    );
    threads(&mut text, &snapshot.workers);
    processes(&mut text, &snapshot.workers);
    listeners(&mut text, snapshot);
    attached(&mut text, &snapshot.attached);
    text.into_string()
}

fn master(text: &mut Text, snapshot: &Snapshot) {
    text.family("build_info", "gauge", "The server's version.");
    text.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    for (name, kind, help, value) in [
        ("start_time_seconds", "gauge", "When the master started, since 1970.", seconds(snapshot.started_at)),
        ("workers_wanted", "gauge", "Workers that are wanted.", f64::from(snapshot.wanted)),
        ("workers_max", "gauge", "Workers that there may be.", f64::from(snapshot.workers_max)),
        ("reloads_total", "counter", "Reloads that were asked for.", snapshot.reloads.0 as f64),
        ("reload_failures_total", "counter", "Reloads that failed.", snapshot.reloads.1 as f64),
    ] {
        text.family(name, kind, help);
        text.sample(name, &[], value);
    }
    let (began, ended) = snapshot.reload_times;
    for (name, help, time) in [
        ("last_reload_start_time_seconds", "When the last reload was asked for, since 1970.", began),
        ("last_reload_end_time_seconds", "When a reload was last over, since 1970.", ended),
    ] {
        // A time that there was none of has no sample: 0 would be 1970.
        if let Some(time) = time {
            text.family(name, "gauge", help);
            text.sample(name, &[], seconds(time));
        }
    }
}

/// A family of samples, one of each worker: its name, kind and help, and what it reads; `None` is no sample.
type OfWorkers = (&'static str, &'static str, &'static str, fn(&Worker) -> Option<f64>);

/// What the master knows of each worker's number beside what its processes count.
const OF_WORKERS: [OfWorkers; 6] = [
    ("worker_respawns_total", "counter", "Processes that took the place of one before.", |one| {
        Some(one.respawns.into())
    }),
    ("worker_timeouts_total", "counter", "Processes aborted because of --timeout.", |one| {
        Some(one.timeouts as f64)
    }),
    ("requests_in_flight", "gauge", "Requests being answered.", |one| Some(one.in_flight() as f64)),
    ("requests_waiting", "gauge", "Requests that wait for a thread of the application.", |one| {
        one.threads().map(|threads| threads.waiting as f64)
    }),
    ("request_body_memory_bytes", "gauge", "Memory that bodies of requests have.", |one| {
        Some(one.body_memory_bytes() as f64)
    }),
    ("connections_open", "gauge", "Connections kept open.", |one| Some(one.connections() as f64)),
];

/// What is of the process that has the number now, or of the two while one takes the other's place.
const OF_PROCESSES: [OfWorkers; 4] = [
    ("worker_resident_memory_bytes", "gauge", "Resident memory.", |one| {
        Some(sum(one.processes.iter().map(|process| process.row.rss_bytes as f64)))
    }),
    ("worker_virtual_memory_bytes", "gauge", "Virtual memory.", |one| {
        Some(sum(one.processes.iter().map(|process| process.row.vsz_bytes as f64)))
    }),
    ("worker_start_time_seconds", "gauge", "When the process that serves was started, since 1970.", |one| {
        one.processes.first().map(|process| seconds(process.row.started_at))
    }),
    (
        "worker_stuck_seconds",
        "gauge",
        "How long the worker has been busy with one and the same thing.",
        |one| Some(one.processes.iter().map(|process| process.stuck.as_secs_f64()).fold(0.0, f64::max)),
    ),
];

/// What runs beside the workers, if anything does.
fn attached(text: &mut Text, programs: &[AttachedProgram]) {
    if programs.is_empty() {
        return;
    }
    text.family("attached_up", "gauge", "Whether a program of --attach runs.");
    for program in programs {
        text.sample("attached_up", &[("command", &program.command)], u8::from(program.pid.is_some()));
    }
    text.family("attached_restarts_total", "counter", "How often a program of --attach was started again.");
    for program in programs {
        text.sample("attached_restarts_total", &[("command", &program.command)], program.restarts as f64);
    }
}

fn each(
    text: &mut Text,
    workers: &[Worker],
    (name, kind, help): (&str, &str, &str),
    read: impl Fn(&Worker) -> Option<f64>,
) {
    text.family(name, kind, help);
    for worker in workers {
        if let Some(value) = read(worker) {
            text.sample(name, &[("worker", &worker.number.to_string())], value);
        }
    }
}

/// What is of each worker's number, over all the processes that had it: so no counter begins anew when one ends.
fn workers(text: &mut Text, workers: &[Worker]) {
    for Counter { metric, help, unit, of, .. } in COUNTERS {
        each(text, workers, (metric, "counter", help), |worker| match unit {
            Unit::Count => Some(of(&worker.totals) as f64),
            Unit::Micros => Some(seconds(of(&worker.totals))),
        });
    }
    text.family("responses_total", "counter", "Responses by the class of their status.");
    for worker in workers {
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(worker.totals.classes) {
            let number = worker.number.to_string();
            text.sample("responses_total", &[("worker", &number), ("class", class)], count as f64);
        }
    }
    for (name, kind, help, read) in OF_WORKERS {
        each(text, workers, (name, kind, help), read);
    }
}

/// The application's threads by what they do, where it has any of its own.
fn threads(text: &mut Text, workers: &[Worker]) {
    text.family("threads", "gauge", "Threads of the application by what they do.");
    for worker in workers {
        let Some(threads) = worker.threads() else { continue };
        let ThreadCounts { idle, late, .. } = threads;
        for (state, count) in [("busy", threads.busy()), ("idle", idle), ("late", late)] {
            let number = worker.number.to_string();
            text.sample("threads", &[("worker", &number), ("state", state)], count as f64);
        }
    }
}

fn histogram(
    text: &mut Text,
    workers: &[Worker],
    name: &str,
    help: &str,
    of: fn(&Totals) -> &Histogram<u64>,
) {
    let [bucket, sum, total] = ["bucket", "sum", "count"].map(|part| format!("{name}_{part}"));
    text.family(name, "histogram", help);
    for worker in workers {
        let number = worker.number.to_string();
        let mut count = 0;
        let histogram = of(&worker.totals);
        for (at, part) in histogram.counts.iter().enumerate() {
            count += part;
            let bound = LATENCY_BOUNDS_MICROS.get(at);
            let bound = bound.map_or("+Inf".to_owned(), |micros| seconds(*micros).to_string());
            text.sample(&bucket, &[("worker", &number), ("le", &bound)], count as f64);
        }
        let labels = [("worker", number.as_str())];
        text.sample(&sum, &labels, seconds(histogram.micros));
        text.sample(&total, &labels, count as f64);
    }
}

fn processes(text: &mut Text, workers: &[Worker]) {
    for (name, kind, help, read) in OF_PROCESSES {
        each(text, workers, (name, kind, help), read);
    }
    text.family("processes", "gauge", "Workers' processes by how far they are in their life.");
    for (state, life) in [("starting", Life::Starting), ("ready", Life::Ready), ("leaving", Life::Leaving)] {
        let all = workers.iter().flat_map(|worker| &worker.processes);
        let count = all.filter(|process| process.row.life == life).count();
        text.sample("processes", &[("state", state)], count as f64);
    }
}

fn listeners(text: &mut Text, snapshot: &Snapshot) {
    type Read = fn(&Listener) -> Option<f64>;
    let families: [(&str, &str, &str, Read); 5] = [
        ("listener_backlog", "gauge", "Connections that wait to be accepted.", |one| {
            one.backlog.map(|backlog| f64::from(backlog.used))
        }),
        ("listener_backlog_max", "gauge", "Connections that may wait to be accepted.", |one| {
            one.backlog.map(|backlog| f64::from(backlog.max))
        }),
        ("listener_backlog_full_total", "counter", "Seconds in which the backlog was seen full.", |one| {
            Some(one.full as f64)
        }),
        (
            "listener_connections_accepted_total",
            "counter",
            "Connections accepted from the listener.",
            |one| one.connections.map(|(accepted, _)| accepted as f64),
        ),
        ("listener_connections_open", "gauge", "Connections of the listener kept open.", |one| {
            one.connections.map(|(_, open)| open as f64)
        }),
    ];
    for (name, kind, help, read) in families {
        text.family(name, kind, help);
        for (at, listener) in snapshot.listeners.iter().enumerate() {
            // The place too: sockets that were handed over may have no name, and be several.
            let at = (at + 1).to_string();
            let labels =
                [("listener", at.as_str()), ("protocol", &listener.protocol), ("address", &listener.address)];
            if let Some(value) = read(listener) {
                text.sample(name, &labels, value);
            }
        }
    }
}
