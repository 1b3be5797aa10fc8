//! What each thread of a worker's application does, where it has threads of its own.

use std::ops::Add;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::counters::add;
use super::text::Text;
use super::{Doing, Row};
pub(crate) use crate::telemetry::threads::{ThreadCounts, ThreadDoing};

/// Threads of a worker that are told of one by one, a count; of those behind them, only how many do what. uWSGI's
/// users have 1 to 64 threads in a process (74 of 214 public configurations have any).
const THREADS_COUNT: usize = 64;

/// A worker's threads, in the memory that all processes share.
#[repr(C)]
pub(super) struct ThreadSlots {
    all: AtomicU64,
    idle: AtomicU64,
    late: AtomicU64,
    running: AtomicU64,
    waiting: AtomicU64,
    slots: [ThreadSlot; THREADS_COUNT],
}

#[repr(C)]
struct ThreadSlot {
    doing: AtomicU32,
    is_late: AtomicU32,
    since: AtomicU64,
    requests: AtomicU64,
    request: Text,
}

impl ThreadCounts {
    /// Threads that have a request in hand, without the late ones.
    pub(crate) fn busy(&self) -> usize {
        self.all.saturating_sub(self.idle + self.late)
    }
}

impl Add for ThreadCounts {
    type Output = ThreadCounts;

    fn add(self, other: ThreadCounts) -> ThreadCounts {
        ThreadCounts {
            all: self.all + other.all,
            idle: self.idle + other.idle,
            late: self.late + other.late,
            running: self.running + other.running,
            waiting: self.waiting + other.waiting,
        }
    }
}

impl ThreadDoing {
    /// A phrase, as [`Doing::words`].
    pub(crate) fn words(self) -> &'static str {
        match self {
            ThreadDoing::Idle => "waiting",
            ThreadDoing::Calling => Doing::Calling.words(),
            ThreadDoing::Stepping => Doing::Stepping.words(),
            ThreadDoing::Closing => "in the close() of the application's body",
            ThreadDoing::Holding => "between two chunks of the application's body",
        }
    }

    fn runs(self) -> bool {
        matches!(self, ThreadDoing::Calling | ThreadDoing::Stepping | ThreadDoing::Closing)
    }
}

/// A thread, read at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thread {
    /// What it does.
    pub doing: ThreadDoing,
    /// It did not come back within `--timeout`.
    pub is_late: bool,
    /// Since when, microseconds since 1970 on the worker's clock.
    pub since: u64,
    /// Requests that it has been done with.
    pub requests: u64,
    /// Method and target of its request, or of the last.
    pub request: Vec<u8>,
}

/// A request that the application has in hand.
pub(crate) struct Running<'a> {
    /// What the application does for it.
    pub doing: &'static str,
    /// Whether its code runs.
    pub runs: bool,
    /// It did not come back within `--timeout`.
    pub is_late: bool,
    /// Since when, microseconds since 1970 on the worker's clock.
    pub since: u64,
    /// Method and target.
    pub request: &'a [u8],
}

impl Row {
    /// The requests that the application has in hand, that which has run for longest first.
    pub(crate) fn running(&self) -> Vec<Running<'_>> {
        if self.thread_counts.all == 0 {
            let is_in_application = matches!(self.doing, Doing::Calling | Doing::Stepping);
            let one = is_in_application.then(|| Running {
                doing: self.doing.words(),
                runs: true,
                is_late: false,
                since: self.since,
                request: &self.request,
            });
            return one.into_iter().collect();
        }
        let busy = self.threads.iter().filter(|thread| thread.doing != ThreadDoing::Idle);
        let mut all: Vec<Running<'_>> = busy
            .map(|thread| Running {
                doing: thread.doing.words(),
                runs: thread.doing.runs(),
                is_late: thread.is_late,
                since: thread.since,
                request: &thread.request,
            })
            .collect();
        all.sort_by_key(|one| (!one.runs, one.since));
        all
    }

    /// Whether it does anything: the loop, or a thread of the application.
    pub(crate) fn is_busy(&self) -> bool {
        self.doing != Doing::Waiting || self.thread_counts.running > 0
    }
}

impl ThreadSlots {
    /// So many threads begin.
    pub(super) fn begin(&self, count: usize) {
        self.all.store(count as u64, Relaxed);
        self.idle.store(count as u64, Relaxed);
    }

    pub(super) fn count(&self, counts: ThreadCounts) {
        let ThreadCounts { all: _, idle, late, running, waiting } = counts;
        for (word, count) in
            [(&self.idle, idle), (&self.late, late), (&self.running, running), (&self.waiting, waiting)]
        {
            word.store(count as u64, Relaxed);
        }
    }

    /// The thread at `at` begins something; for another request than before, if that is given.
    pub(super) fn runs(&self, at: usize, doing: ThreadDoing, since: u64, request: Option<&[&[u8]]>) {
        let Some(slot) = self.slots.get(at) else { return };
        if let Some(request) = request {
            slot.request.write(request);
        }
        slot.since.store(since, Relaxed);
        slot.doing.store(doing as u32, Relaxed);
    }

    /// The thread at `at` has come back; its body is open, or its request is done.
    pub(super) fn rests(&self, at: usize, is_open: bool) {
        let Some(slot) = self.slots.get(at) else { return };
        let doing = if is_open { ThreadDoing::Holding } else { ThreadDoing::Idle };
        if !is_open {
            add(&slot.requests, 1);
        }
        slot.is_late.store(0, Relaxed);
        slot.doing.store(doing as u32, Relaxed);
    }

    pub(super) fn is_late(&self, at: usize) {
        if let Some(slot) = self.slots.get(at) {
            slot.is_late.store(1, Relaxed);
        }
    }

    pub(super) fn idle(&self) -> u64 {
        self.idle.load(Relaxed)
    }

    pub(super) fn counts(&self) -> ThreadCounts {
        let read = |word: &AtomicU64| usize::try_from(word.load(Relaxed)).unwrap_or(usize::MAX);
        ThreadCounts {
            all: read(&self.all),
            idle: read(&self.idle),
            late: read(&self.late),
            running: read(&self.running),
            waiting: read(&self.waiting),
        }
    }

    pub(super) fn read(&self) -> Vec<Thread> {
        self.used().iter().map(ThreadSlot::read).collect()
    }

    pub(super) fn clear(&self) {
        for slot in self.used() {
            slot.doing.store(0, Relaxed);
            slot.is_late.store(0, Relaxed);
            slot.since.store(0, Relaxed);
            slot.requests.store(0, Relaxed);
            slot.request.write(&[]);
        }
        self.begin(0);
        self.count(ThreadCounts::default());
    }

    /// Those that are there; the memory of the others is never touched.
    fn used(&self) -> &[ThreadSlot] {
        &self.slots[..self.counts().all.min(THREADS_COUNT)]
    }
}

impl ThreadSlot {
    fn read(&self) -> Thread {
        let doing = self.doing.load(Relaxed);
        let all = [ThreadDoing::Calling, ThreadDoing::Stepping, ThreadDoing::Closing, ThreadDoing::Holding];
        Thread {
            doing: all.into_iter().find(|one| *one as u32 == doing).unwrap_or_default(),
            is_late: self.is_late.load(Relaxed) != 0,
            since: self.since.load(Relaxed),
            requests: self.requests.load(Relaxed),
            request: self.request.read(),
        }
    }
}
