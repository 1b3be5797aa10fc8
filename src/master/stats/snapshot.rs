//! The snapshot: what the scoreboard, the kernel and the master itself know at one moment.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::super::fleet::{Fleet, SLOW_TICK, Worker as Supervised};
use super::super::worker_setup::unix_micros;
use super::backlog::backlog;
use super::rates::Rates;
use crate::net::listener::Listener as Bound;
use crate::telemetry::scoreboard::{Doing, Life, Row, Scoreboard, Totals};
use crate::telemetry::stats::{AttachedProgram, Backlog, Listener, Process, Snapshot, State, Worker};

/// How it is at this moment.
pub(super) fn take(
    state: State,
    fleet: &mut Fleet,
    listeners: &[Bound],
    attached: Vec<AttachedProgram>,
    rates: &mut Rates,
    now: Instant,
) -> Snapshot {
    let workers = workers(fleet, rates, now);
    let (scoreboard, wanted, workers_max) = (fleet.scoreboard(), fleet.wanted(), fleet.wanted_max());
    let master = &scoreboard.master;
    let time = |time: u64| (time > 0).then_some(time);
    let folder = std::env::current_dir().unwrap_or_default();
    Snapshot {
        state,
        at: unix_micros(),
        pid: std::process::id(),
        owner: (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()),
        folder: folder.to_string_lossy().into_owned(),
        started_at: master.started_at.load(Relaxed),
        wanted,
        workers_max,
        generation: master.generation.load(Relaxed),
        reloads: (master.reloads.load(Relaxed), master.reload_failures.load(Relaxed)),
        reload_times: (
            time(master.reload_began_at.load(Relaxed)),
            time(master.reload_ended_at.load(Relaxed)),
        ),
        listeners: told_of(listeners, scoreboard, rates),
        attached,
        workers,
    }
}

/// Notes how it is now, for readers that come later.
pub(super) fn sample(fleet: &mut Fleet, listeners: &[Bound], rates: &mut Rates, now: Instant) {
    for (worker, row) in fleet.rows() {
        let busy = busy_micros(worker, &row, now);
        rates.sample(row.pid, worker.started, busy, now);
    }
    rates.full.resize(listeners.len(), 0);
    for (listener, full) in listeners.iter().zip(&mut rates.full) {
        *full += u64::from(backlog(listener).is_some_and(Backlog::is_full));
    }
}

fn workers(fleet: &mut Fleet, rates: &mut Rates, now: Instant) -> Vec<Worker> {
    let mut processes: Vec<Process> = Vec::new();
    for (worker, mut row) in fleet.rows() {
        let stuck = stuck_for(worker, &row, now);
        row.totals.busy_micros = busy_micros(worker, &row, now);
        rates.sample(row.pid, worker.started, row.totals.busy_micros, now);
        let busy = rates.busy(row.pid, row.totals.busy_micros, now);
        processes.push(Process { row, busy, stuck });
    }
    processes.sort_by_key(|process| (rank(process.row.life), std::cmp::Reverse(process.row.generation)));
    let mut numbers: BTreeSet<u32> = rates.numbers().chain(fleet.wanted_numbers()).collect();
    numbers.extend(processes.iter().map(|process| process.row.number));
    let of = |number| {
        let is_of = |process: &&Process| process.row.number == number;
        let processes: Vec<Process> = processes.iter().filter(is_of).cloned().collect();
        let living =
            processes.iter().fold(Totals::default(), |sum, process| sum + process.row.totals.clone());
        let past = rates.of(number);
        Worker {
            number,
            totals: past.with(living),
            respawns: fleet.respawns(number),
            timeouts: past.timeouts,
            processes,
        }
    };
    numbers.into_iter().map(of).collect()
}

fn told_of(listeners: &[Bound], scoreboard: &Scoreboard, rates: &Rates) -> Vec<Listener> {
    let (ended, rows) = (scoreboard.ended_accepted(), scoreboard.rows());
    let connections = |at: usize| {
        let accepted: u64 = ended.get(at)? + rows.iter().map(|row| row.accepted[at]).sum::<u64>();
        Some((accepted, rows.iter().map(|row| row.open[at]).sum()))
    };
    let all = listeners.iter().enumerate().map(|(at, listener)| Listener {
        protocol: listener.protocol().to_string(),
        address: listener.address(),
        backlog: backlog(listener),
        full: rates.full.get(at).copied().unwrap_or(0),
        connections: connections(at),
    });
    all.collect()
}

/// Time not spent waiting, that which is still running among it.
fn busy_micros(worker: &mut Supervised, row: &Row, now: Instant) -> u64 {
    let running = time_since(row.woke_at, worker, row, now);
    let running = if row.is_busy() { running.as_micros() } else { 0 };
    row.totals.busy_micros + u64::try_from(running).unwrap_or(u64::MAX)
}

/// For how long it has been busy with one and the same thing.
fn stuck_for(worker: &mut Supervised, row: &Row, now: Instant) -> Duration {
    if row.thread_counts.all == 0 {
        return match row.doing {
            Doing::Calling => time_since(row.since, worker, row, now),
            _ => worker.stuck_for(row, now),
        };
    }
    let stuck = worker.stuck_for(row, now);
    match row.running().first().filter(|one| one.runs) {
        None => stuck,
        // By the worker's clock it has run for so long at least when the loop last told, which was not long ago.
        Some(one) => {
            let told = Duration::from_micros(row.woke_at.saturating_sub(one.since));
            let silent = worker.silent_for(row, now);
            let time = Duration::from_micros(unix_micros().saturating_sub(one.since));
            time.clamp(told, told + silent + SLOW_TICK).max(stuck)
        }
    }
}

/// The time since `then`, microseconds since 1970 on the worker's clock, which may have been set meanwhile: so it is held
/// to what the master has seen with its own, which looks each second.
fn time_since(then: u64, worker: &mut Supervised, row: &Row, now: Instant) -> Duration {
    let seen = worker.stuck_for(row, now);
    Duration::from_micros(unix_micros().saturating_sub(then)).clamp(seen, seen + SLOW_TICK)
}

/// Which process of a number is told of first.
fn rank(life: Life) -> u8 {
    match life {
        Life::Ready => 0,
        Life::Starting => 1,
        Life::Leaving => 2,
    }
}
