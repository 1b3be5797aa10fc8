//! The scoreboard: what every worker does and has done, in memory that all processes share.
//!
//! Only the worker itself writes into its [`Slot`], so a counter costs a load, an addition and a store, without a lock. Every
//! process may read at any time, also the slot of a worker that is stuck, or that was killed in the middle of a word: each
//! value is right by itself, and two of them may be a moment apart.
//!
//! Zero bytes are a fresh scoreboard; the processes' parent maps them ([`Scoreboard`] says how it is laid out).

mod counters;
mod recorder;
mod text;
mod threads;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use counters::add;
pub(crate) use counters::{COUNTERS, Counter, Counters, Histogram, LATENCY_BOUNDS_MICROS, Totals, Unit};
pub(crate) use recorder::Recorder;
use text::Text;
use threads::ThreadSlots;
pub(crate) use threads::{Running, Thread, ThreadCounts, ThreadDoing};

/// The memory that the master and its workers share. It consists of atomics only, for which zero is a valid value.
#[repr(C)]
pub(crate) struct Scoreboard {
    /// What the master tells of itself.
    pub master: MasterSlot,
    /// What is left of the workers that have ended: so sums never fall.
    pub ended: Counters,
    ended_accepted: [AtomicU64; LISTENERS_COUNT],
    /// Slots behind so many were never a worker's.
    used: AtomicU32,
    slots: [Slot; SLOTS_COUNT],
}

/// Workers that can be on the board at once, a count: those that serve, beside those that start and those that
/// finish. uWSGI's table has as many rows as workers; ours has room for some reloads in a row.
pub(crate) const SLOTS_COUNT: usize = 1024;

/// Listeners whose connections are counted apart, a count: more than protocols and kinds of address together. Those of
/// a listener behind them are counted with all others only.
pub(crate) const LISTENERS_COUNT: usize = 16;

/// What the master tells of itself. Times are microseconds since 1970.
#[repr(C)]
#[derive(Default)]
pub(crate) struct MasterSlot {
    /// Its process.
    pub pid: AtomicU32,
    /// How often the code was loaded, the first time among them; a worker's [`Row::generation`] is one of these.
    pub generation: AtomicU32,
    /// When it started.
    pub started_at: AtomicU64,
    /// Workers that took the place of one that ended.
    pub respawns: AtomicU64,
    /// Reloads that were asked for.
    pub reloads: AtomicU64,
    /// Of these, those that failed, so that the code before serves on.
    pub reload_failures: AtomicU64,
    /// When the last reload was asked for; 0 if none was.
    pub reload_began_at: AtomicU64,
    /// When the last reload was over, well or not; 0 if none is.
    pub reload_ended_at: AtomicU64,
}

/// One worker. Times are microseconds since 1970.
///
/// The lines of memory that two workers write are kept apart: 128 bytes, as processors fetch them in pairs of 64.
#[repr(C, align(128))]
pub(crate) struct Slot {
    life: AtomicU32,
    doing: AtomicU32,
    is_late: AtomicU32,
    abort_sent: AtomicU64,
    number: AtomicU32,
    pid: AtomicU32,
    generation: AtomicU32,
    respawns: AtomicU32,
    started_at: AtomicU64,
    rss_bytes: AtomicU64,
    vsz_bytes: AtomicU64,
    beat: AtomicU64,
    woke_at: AtomicU64,
    since: AtomicU64,
    in_flight: AtomicU64,
    connections: AtomicU64,
    body_memory_bytes: AtomicU64,
    counters: Counters,
    accepted: [AtomicU64; LISTENERS_COUNT],
    open: [AtomicU64; LISTENERS_COUNT],
    request: Text,
    threads: ThreadSlots,
}

/// How far a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It loads the application.
    Starting = 1,
    /// It serves.
    Ready,
    /// It accepts no more, and finishes what runs.
    Leaving,
}

/// What a worker does this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It waits for something to do.
    #[default]
    Waiting,
    /// It receives and sends.
    Serving,
    /// The application answers: `application(environ, start_response)`.
    Calling,
    /// The application makes the next chunk of a body.
    Stepping,
}

impl Doing {
    /// A phrase for the log, as what the worker was in.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Doing::Waiting => "waiting",
            Doing::Serving => "receiving or sending",
            Doing::Calling => "in the application's call",
            Doing::Stepping => "in a step of the application's body",
        }
    }
}

/// A worker's row, read at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its number among the workers, from 1 on; its successor has the same.
    pub number: u32,
    /// Its process.
    pub pid: u32,
    /// Which load of the code it runs.
    pub generation: u32,
    /// How many processes had its number before it.
    pub respawns: u32,
    /// How far it is in its life.
    pub life: Life,
    /// What it does.
    pub doing: Doing,
    /// A thread of its application does not come back.
    pub is_late: bool,
    /// What it said to its client as it was aborted, bytes.
    pub abort_sent: u64,
    /// The threads of its application, as of when it last waited; none where that runs on the thread of the loop.
    pub thread_counts: ThreadCounts,
    /// The first of these threads one by one, now.
    pub threads: Vec<Thread>,
    /// When it was started, microseconds since 1970.
    pub started_at: u64,
    /// When it began what it does, microseconds since 1970; exact for calls, else when it last told.
    pub since: u64,
    /// When it last woke, microseconds since 1970; what it does since then is not in its busy time yet.
    pub woke_at: u64,
    /// A number that is another one whenever the worker has come further.
    pub beat: u64,
    /// Resident memory, bytes, as the master last saw it.
    pub rss_bytes: u64,
    /// Virtual memory, bytes, as the master last saw it.
    pub vsz_bytes: u64,
    /// Requests that are being answered, a count.
    pub in_flight: u64,
    /// Connections that are open, a count.
    pub connections: u64,
    /// What bodies of requests have in memory, bytes, as of when it last waited.
    pub body_memory_bytes: u64,
    /// What it has done so far.
    pub totals: Totals,
    /// How many connections it has accepted from each listener.
    pub accepted: [u64; LISTENERS_COUNT],
    /// How many connections of each listener it keeps open. One whose request is answered at once is not among them.
    pub open: [u64; LISTENERS_COUNT],
    /// Method and target of the request that the application answers, or answered last;
    /// as much of it as the board has room for, any bytes.
    pub request: Vec<u8>,
}

impl Scoreboard {
    /// The slot at `at`.
    pub(crate) fn slot(&self, at: usize) -> Option<&Slot> {
        self.slots.get(at)
    }

    /// Gives a free slot to the worker `number` that is about to start: the master's to call. `None` if there is
    /// none.
    pub(crate) fn take(&self, number: u32, generation: u32, respawns: u32, now: u64) -> Option<usize> {
        let at = self.slots.iter().position(|slot| slot.life.load(Relaxed) == FREE)?;
        let slot = &self.slots[at];
        self.used.fetch_max(u32::try_from(at + 1).unwrap_or(u32::MAX), Relaxed);
        slot.clear();
        slot.number.store(number, Relaxed);
        slot.generation.store(generation, Relaxed);
        slot.respawns.store(respawns, Relaxed);
        slot.started_at.store(now, Relaxed);
        slot.set_life(Life::Starting);
        Some(at)
    }

    /// Frees the slot of a worker that has ended, and keeps what it counted: the master's to call.
    pub(crate) fn free(&self, at: usize) {
        if let Some(slot) = self.slots.get(at) {
            self.ended.absorb(&slot.counters);
            let accepted = self.ended_accepted.iter().zip(&slot.accepted);
            accepted.for_each(|(sum, part)| add(sum, part.load(Relaxed)));
            slot.clear();
        }
    }

    /// The rows of all living workers.
    pub(crate) fn rows(&self) -> Vec<Row> {
        // The memory of those behind is never touched.
        (0..self.used.load(Relaxed) as usize).filter_map(|at| self.row(at)).collect()
    }

    /// The row of the worker at `at`; `None` if there is none.
    pub(crate) fn row(&self, at: usize) -> Option<Row> {
        let slot = self.slots.get(at)?;
        let (life, doing) = (slot.life.load(Relaxed), slot.doing.load(Relaxed));
        let life =
            [Life::Starting, Life::Ready, Life::Leaving].into_iter().find(|one| *one as u32 == life)?;
        let doing =
            [Doing::Serving, Doing::Calling, Doing::Stepping].into_iter().find(|one| *one as u32 == doing);
        Some(Row {
            number: slot.number.load(Relaxed),
            pid: slot.pid.load(Relaxed),
            generation: slot.generation.load(Relaxed),
            respawns: slot.respawns.load(Relaxed),
            life,
            doing: doing.unwrap_or_default(),
            is_late: slot.is_late.load(Relaxed) != 0,
            abort_sent: slot.abort_sent.load(Relaxed),
            thread_counts: slot.threads.counts(),
            threads: slot.threads.read(),
            started_at: slot.started_at.load(Relaxed),
            since: slot.since.load(Relaxed),
            woke_at: slot.woke_at.load(Relaxed),
            beat: slot.beat.load(Relaxed),
            rss_bytes: slot.rss_bytes.load(Relaxed),
            vsz_bytes: slot.vsz_bytes.load(Relaxed),
            in_flight: slot.in_flight.load(Relaxed),
            connections: slot.connections.load(Relaxed),
            body_memory_bytes: slot.body_memory_bytes.load(Relaxed),
            totals: slot.counters.read(),
            accepted: read(&slot.accepted),
            open: read(&slot.open),
            request: slot.request.read(),
        })
    }

    /// Idle threads of all workers that serve but this one, a count.
    fn idle_beside(&self, this: &Slot) -> usize {
        let serve =
            |slot: &&Slot| slot.life.load(Relaxed) == Life::Ready as u32 && !std::ptr::eq(*slot, this);
        let idle = self
            .slots
            .iter()
            .take(self.used.load(Relaxed) as usize)
            .filter(serve)
            .map(|slot| slot.threads.idle())
            .sum::<u64>();
        usize::try_from(idle).unwrap_or(usize::MAX)
    }

    /// How many connections the workers that have ended had accepted from each listener.
    pub(crate) fn ended_accepted(&self) -> [u64; LISTENERS_COUNT] {
        read(&self.ended_accepted)
    }
}

impl Slot {
    /// Notes the worker's process, once it is known.
    pub(crate) fn set_pid(&self, pid: u32) {
        self.pid.store(pid, Relaxed);
    }

    /// Notes how far the worker is in its life.
    pub(crate) fn set_life(&self, life: Life) {
        self.life.store(life as u32, Relaxed);
    }

    /// Notes the worker's memory, bytes.
    pub(crate) fn set_memory(&self, rss_bytes: u64, vsz_bytes: u64) {
        self.rss_bytes.store(rss_bytes, Relaxed);
        self.vsz_bytes.store(vsz_bytes, Relaxed);
    }

    /// Notes the processor's time that the worker has used, microseconds.
    pub(crate) fn set_cpu(&self, micros: u64) {
        self.counters.cpu_micros.store(micros, Relaxed);
    }

    /// Where is counted what it says to its client as it is aborted, bytes.
    pub(crate) fn abort_sent(&self) -> &AtomicU64 {
        &self.abort_sent
    }

    fn set_doing(&self, doing: Doing) {
        self.doing.store(doing as u32, Relaxed);
    }

    fn clear(&self) {
        let words = [&self.doing, &self.is_late, &self.number, &self.pid, &self.generation, &self.respawns];
        words.iter().for_each(|word| word.store(0, Relaxed));
        let numbers =
            [&self.started_at, &self.rss_bytes, &self.vsz_bytes, &self.beat, &self.since, &self.in_flight];
        let listeners = self.accepted.iter().chain(&self.open);
        numbers
            .into_iter()
            .chain([&self.woke_at, &self.connections, &self.body_memory_bytes, &self.abort_sent])
            .chain(listeners)
            .for_each(|number| number.store(0, Relaxed));
        self.counters.clear();
        self.request.write(&[]);
        self.threads.clear();
        self.life.store(FREE, Relaxed);
    }
}

fn read(numbers: &[AtomicU64; LISTENERS_COUNT]) -> [u64; LISTENERS_COUNT] {
    std::array::from_fn(|at| numbers[at].load(Relaxed))
}

/// In the place of a [`Life`]: the slot is no worker's.
const FREE: u32 = 0;
