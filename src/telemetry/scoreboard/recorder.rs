//! What a worker writes into its slot, and when.
//!
//! The worker asks no more clocks for this than one for each request: a request begins when the one before it was
//! over, or when the worker woke, and what lies between is its time too. Whether it comes further at all is told
//! by a number that changes, and read with the master's clock.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::counters::add;
use super::{Doing, Scoreboard, Slot};
use crate::telemetry::observer::{Event, Note, Observer, Summary};

/// Writes one worker's slot.
pub(crate) struct Recorder {
    slot: &'static Slot,
    board: &'static Scoreboard,
    /// A moment on the worker's clock, and the same in microseconds since 1970.
    zero: (Instant, u64),
    /// When the worker last looked at the clock.
    last: Instant,
    /// When it last woke.
    woke: Instant,
    /// The application has threads of its own.
    has_threads: bool,
    /// It waits while a thread of the application runs, so that it is busy all the same.
    waits_busily: bool,
    /// The request that was begun last, if it is not over: its connection, and when it began. Mostly there is no other.
    running: Option<(u64, Instant)>,
    /// Those that were begun before it and are not over.
    others: HashMap<u64, Instant>,
}

impl Recorder {
    /// The recorder of `slot`; `now` is this moment, and `unix_micros` the same since 1970.
    pub(crate) fn new(
        board: &'static Scoreboard,
        slot: &'static Slot,
        now: Instant,
        unix_micros: u64,
    ) -> Self {
        Recorder {
            slot,
            board,
            zero: (now, unix_micros),
            last: now,
            woke: now,
            has_threads: false,
            waits_busily: false,
            running: None,
            others: HashMap::new(),
        }
    }

    /// Threads of other workers that have nothing to do, a count.
    pub(crate) fn idle_elsewhere(&self) -> usize {
        self.board.idle_beside(self.slot)
    }

    /// Writes down what the worker notes of itself.
    #[inline(always)]
    pub(crate) fn note(&mut self, note: Note<'_>) {
        let (counters, accepted, open) = (&self.slot.counters, &self.slot.accepted, &self.slot.open);
        match note {
            Note::Wakes(now) => {
                if !self.waits_busily {
                    self.woke_at(now);
                }
                self.last = now;
                self.turn_to(Doing::Serving);
            }
            Note::Waits { now, connections, threads, bodies } => {
                if self.has_threads {
                    self.slot.threads.count(threads);
                }
                add(&counters.busy_micros, micros(now.saturating_duration_since(self.woke)));
                self.slot.connections.store(connections as u64, Relaxed);
                self.slot.body_memory_bytes.store(bodies.memory_bytes as u64, Relaxed);
                counters.body_files.store(bodies.files, Relaxed);
                self.waits_busily = threads.running > 0;
                if self.waits_busily {
                    self.woke_at(now);
                }
                self.last = now;
                self.turn_to(Doing::Waiting);
            }
            Note::Threads(count) => {
                self.has_threads = true;
                self.slot.threads.begin(count);
            }
            Note::ThreadRuns { thread, doing, now, environ } => {
                let since = self.unix_micros(now);
                let request = environ.map(|environ| [environ.method(), b" ", environ.uri()]);
                self.slot.threads.runs(thread, doing, since, request.as_ref().map(|parts| &parts[..]));
            }
            Note::ThreadRests { thread, is_open } => self.slot.threads.rests(thread, is_open),
            Note::ThreadLate(thread) => self.slot.threads.is_late(thread),
            Note::Waited(time) => counters.waiting.took(micros(time)),
            Note::Dropped => add(&counters.dropped, 1),
            Note::Shed => add(&counters.shed, 1),
            Note::PassedOn => add(&counters.passed_on, 1),
            Note::TakenOver => add(&counters.taken_over, 1),
            Note::Late => self.slot.is_late.store(1, Relaxed),
            Note::Accepted(listener) => {
                add(&counters.accepted, 1);
                if let Some(accepted) = accepted.get(listener) {
                    add(accepted, 1);
                }
            }
            Note::Keeps(listener) => {
                if let Some(open) = open.get(listener) {
                    add(open, 1);
                }
            }
            Note::LetsGo(listener) => {
                if let Some(open) = open.get(listener) {
                    open.store(open.load(Relaxed).saturating_sub(1), Relaxed);
                }
            }
        }
    }

    fn finished(&mut self, connection: u64, summary: &Summary<'_>) {
        let counters = &self.slot.counters;
        add(&counters.requests, 1);
        add(&counters.bytes_out, summary.bytes);
        counters.answered(summary.code);
        add(&counters.errors, u64::from(summary.code >= 500 || !summary.complete));
        add(&counters.broken_off, u64::from(!summary.complete));
        let now = Instant::now();
        if let Some(began) = self.end(connection) {
            counters.latency.took(micros(now.saturating_duration_since(began)));
        }
        self.last = now;
    }

    /// Takes a request off those that are in flight; returns when it began.
    fn end(&mut self, connection: u64) -> Option<Instant> {
        let running = self.running.take_if(|(one, _)| *one == connection).map(|(_, began)| began);
        let began = running.or_else(|| self.others.remove(&connection))?;
        let in_flight = self.slot.in_flight.load(Relaxed);
        self.slot.in_flight.store(in_flight.saturating_sub(1), Relaxed);
        Some(began)
    }

    fn unix_micros(&self, time: Instant) -> u64 {
        self.zero.1 + micros(time.saturating_duration_since(self.zero.0))
    }

    /// Begins to count busy time.
    fn woke_at(&mut self, now: Instant) {
        self.woke = now;
        self.slot.woke_at.store(self.unix_micros(now), Relaxed);
    }

    /// The loop's thread is in the application, where that has no threads of its own.
    fn call(&mut self, doing: Doing) {
        if !self.has_threads {
            self.turn_to(doing);
        }
    }

    fn turn_to(&mut self, doing: Doing) {
        self.slot.set_doing(doing);
        add(&self.slot.beat, 1);
    }
}

impl Observer for Recorder {
    #[inline(always)]
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        match event {
            Event::Received { bytes, .. } => add(&self.slot.counters.bytes_in, bytes as u64),
            Event::Request { environ, file, .. } => {
                // With threads of its own, what was asked of the application need not be run yet.
                if !self.has_threads {
                    self.slot.request.write(&[environ.method(), b" ", environ.uri()]);
                }
                self.slot.since.store(self.unix_micros(self.last), Relaxed);
                add(&self.slot.in_flight, 1);
                if let Some((other, began)) = self.running.replace((connection, self.last)) {
                    self.others.insert(other, began);
                }
                match file {
                    Some(_) => add(&self.slot.counters.files, 1),
                    None => self.call(Doing::Calling),
                }
            }
            Event::Step => self.call(Doing::Stepping),
            Event::Returned => self.turn_to(Doing::Serving),
            Event::Failed => add(&self.slot.counters.exceptions, 1),
            Event::Finished(summary) => self.finished(connection, summary),
            // One that is passed on was begun and is not over.
            Event::Closed => drop(self.end(connection)),
            Event::Refused { .. } | Event::Thread { .. } | Event::Start { .. } | Event::Wrote { .. } => {}
        }
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
