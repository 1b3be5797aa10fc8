//! What must be remembered beside the scoreboard: what processes did that are no more, and how it was a second ago.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::telemetry::scoreboard::{Row, Totals};

/// The past, kept from the first worker on.
#[derive(Default)]
pub(in crate::master) struct Rates {
    numbers: BTreeMap<u32, Past>,
    /// By process.
    samples: HashMap<u32, [Sample; 2]>,
    /// By listener: in how many looks its backlog was full.
    pub(super) full: Vec<u64>,
}

/// What a number among the workers has done.
#[derive(Default)]
pub(super) struct Past {
    /// Of the processes that have ended.
    totals: Totals,
    pub(super) timeouts: u64,
    /// The busy time that was last told. What is running counts before it is over, and can seem to be less for the
    /// moment in which it ends; a counter must not.
    busy_told: u64,
}

/// The busy time of a process at a moment, microseconds.
#[derive(Clone, Copy)]
struct Sample(Instant, u64);

impl Rates {
    /// What is remembered of a number.
    pub(super) fn of(&mut self, number: u32) -> &mut Past {
        self.numbers.entry(number).or_default()
    }

    /// The numbers that there have been.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.numbers.keys().copied()
    }

    /// A process has ended, and has left this.
    pub(in crate::master) fn ended(&mut self, row: &Row) {
        let past = self.of(row.number);
        past.totals = std::mem::take(&mut past.totals) + row.totals.clone();
        self.samples.remove(&row.pid);
    }

    /// A process was aborted by the timeout.
    pub(in crate::master) fn timed_out(&mut self, number: u32) {
        self.of(number).timeouts += 1;
    }

    /// A process that began at `began` has been busy for so long, at `now`.
    pub(super) fn sample(&mut self, pid: u32, began: Instant, busy: u64, now: Instant) {
        let samples = self.samples.entry(pid).or_insert([Sample(began, 0); 2]);
        if now >= samples[1].0 + WINDOW {
            *samples = [samples[1], Sample(now, busy)];
        }
    }

    /// The part of the time since the last sample but one that a process was busy.
    pub(super) fn busy(&self, pid: u32, busy: u64, now: Instant) -> f64 {
        let Some([Sample(then, before), _]) = self.samples.get(&pid) else { return 0.0 };
        let time = now.saturating_duration_since(*then).as_secs_f64();
        let busy = Duration::from_micros(busy.saturating_sub(*before)).as_secs_f64();
        if time > 0.0 { (busy / time).clamp(0.0, 1.0) } else { 0.0 }
    }
}

impl Past {
    /// The sum of what was and what is.
    pub(super) fn with(&mut self, living: Totals) -> Totals {
        let mut totals = self.totals.clone() + living;
        totals.busy_micros = totals.busy_micros.max(self.busy_told);
        self.busy_told = totals.busy_micros;
        totals
    }
}

/// Samples are this far apart.
const WINDOW: Duration = Duration::from_millis(900);
