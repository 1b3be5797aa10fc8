//! The application's threads as the loop knows them: what each has in hand, and which requests wait for one. What it gives
//! them to do, and takes in of what they have done, is in `dispatch`.
//!
//! A thread that has called the application for a request is that request's until the body is closed: frameworks keep the
//! state of a request in their thread. Nothing else is called there meanwhile.

mod dispatch;
mod host;
mod lead;
mod library;
mod passing;
mod serving;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mio::Token;

use super::event_loop::Inline;
use crate::connection::{Call, Outcome, Place, Ran, Runner, Task, Ticket};
use crate::limits::Limits;
use crate::telemetry::threads::ThreadCounts;
#[cfg(feature = "command")]
pub(crate) use host::ThreadHost;
pub(super) use library::LibraryHost;
pub(super) use passing::Passing;
pub(super) use serving::serve;

/// The application's own threads; there are none where it runs on the thread that drives the loop.
#[derive(Default)]
pub(super) struct Threads {
    threads: Vec<Thread>,
    /// What connections have asked and no thread was given yet.
    asked: VecDeque<Ask>,
    /// What is given to threads only in the next turn of the loop, as others are to have theirs first.
    postponed: VecDeque<Ask>,
    /// Calls and steps that may still be given in this turn of the loop, a count.
    tasks_left: usize,
    /// Requests that wait for a thread, the oldest first.
    waiting: VecDeque<Waiting>,
    /// Which of them drives the loop; `None` while it is the watcher.
    driver: Option<usize>,
    /// Whose turn it is.
    current: Option<Token>,
    last_ticket: u64,
    /// Threads that have been found late, and of which nothing was said yet.
    late: Vec<usize>,
    /// How many more of the last calls were slow than quick, a count up to [`SLOWNESS_MAX`].
    slowness: u32,
    /// Other workers may take what waits.
    may_pass_on: bool,
}

/// One thread.
#[derive(Default)]
struct Thread {
    running: Option<Running>,
    /// It looks after what its language does in between.
    looks_around: bool,
    /// The connection whose body is open there.
    open: Option<Token>,
    /// It was given up: its client has been told.
    is_late: bool,
    /// It was said that its body has no end in sight.
    is_told: bool,
    /// The reader of its body, since others wait for the thread.
    reader: Reader,
}

/// A body's reader whom a thread waits for although requests wait for that thread: a quick one is cheaper to wait for than
/// to ask the body ahead of.
#[derive(Default)]
struct Reader {
    /// When it is slow, if it has not taken its piece by then.
    piece_until: Option<Instant>,
    /// When it is slow in any case; it is from then on.
    until: Option<Instant>,
}

impl Reader {
    /// Whether the body is to be asked ahead of it.
    fn is_slow(&mut self, now: Instant, limits: &Limits) -> bool {
        let until = *self.until.get_or_insert(now + limits.reader_time_max);
        let piece_until =
            *self.piece_until.get_or_insert_with(|| until.min(now + limits.reader_piece_time_max));
        if now < piece_until {
            return false;
        }
        *self = Reader { piece_until: None, until: Some(now.min(until)) };
        true
    }

    /// It has taken what there was.
    fn took(&mut self) {
        self.piece_until = None;
    }
}

struct Running {
    connection: Token,
    since: Instant,
    what: &'static str,
}

struct Ask {
    connection: Token,
    ticket: Ticket,
    task: Task,
}

struct Waiting {
    connection: Token,
    ticket: Ticket,
    call: Box<Call>,
    since: Instant,
    /// No thread was idle when it came.
    has_waited: bool,
}

/// What a thread is to run.
pub(super) struct Assignment {
    pub(super) thread: usize,
    connection: Token,
    ticket: Ticket,
    pub(super) task: Task,
}

/// What a thread has done.
pub(super) enum Report {
    /// It ran what it was given.
    Ran { thread: usize, connection: Token, ticket: Ticket, outcome: Outcome },
    /// It looked around.
    Looked { thread: usize },
}

impl Assignment {
    /// Runs it, on its thread.
    fn run(self, run: impl FnOnce(Task) -> Outcome) -> Report {
        let Assignment { thread, connection, ticket, task } = self;
        Report::Ran { thread, connection, ticket, outcome: run(task) }
    }
}

impl Thread {
    fn is_idle(&self) -> bool {
        self.is_free() && self.open.is_none()
    }

    /// Whether it could drive the loop.
    fn is_free(&self) -> bool {
        self.running.is_none() && !self.looks_around
    }
}

impl Threads {
    /// So many threads, of which none has anything to do.
    fn new(count: usize, may_pass_on: bool) -> Self {
        let threads = (0..count).map(|_| Thread::default()).collect();
        Threads { threads, may_pass_on, ..Threads::default() }
    }

    /// What a connection asks: the thread that drives the loop, or these threads.
    pub(super) fn runner<'a>(
        &'a mut self,
        inline: &'a mut Inline<'_>,
        connection: Token,
    ) -> &'a mut dyn Runner {
        match inline {
            Some(inline) => &mut **inline,
            None => self.asking_for(connection),
        }
    }

    fn asking_for(&mut self, connection: Token) -> &mut Self {
        self.current = Some(connection);
        self
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }

    /// Whether there is something to do for the threads that the loop itself cannot.
    pub(super) fn want_something(&self) -> bool {
        !self.asked.is_empty() || !self.late.is_empty()
    }

    /// Whether requests are there beside the one that a thread is about to be given.
    fn have_more(&self) -> bool {
        !self.asked.is_empty() || !self.waiting.is_empty()
    }

    /// Whether something is to be given to a thread in the next turn of the loop.
    pub(super) fn has_postponed(&self) -> bool {
        !self.postponed.is_empty()
    }

    /// A turn of the loop begins.
    pub(super) fn begin_turn(&mut self, limits: &Limits) {
        self.tasks_left = limits.steps_per_turn_max * TURNS_COUNT;
        self.asked.append(&mut self.postponed);
    }

    /// Whether a request that came now would find a thread: one that is idle, or whose body can be asked ahead.
    pub(super) fn can_take(&self) -> bool {
        let can_take = |thread: &Thread| thread.is_free() && !thread.is_told;
        self.is_empty() || (self.waiting.is_empty() && self.threads.iter().any(can_take))
    }

    /// How many there are, and how many do what.
    pub(super) fn counts(&self) -> ThreadCounts {
        let mut counts = ThreadCounts::default();
        for thread in &self.threads {
            counts.all += 1;
            counts.idle += usize::from(thread.is_idle());
            counts.late += usize::from(thread.is_late);
            counts.running += usize::from(thread.running.is_some());
        }
        counts.waiting = self.waiting.len();
        counts
    }

    pub(super) fn is_any_late(&self) -> bool {
        self.threads.iter().any(|thread| thread.is_late)
    }

    /// Whether nothing runs any more, but what was given up.
    pub(super) fn are_done(&self) -> bool {
        self.asked.is_empty()
            && self.postponed.is_empty()
            && self.threads.iter().all(|thread| thread.is_idle() || thread.is_late)
    }

    /// Whether the connection's request waits for a thread.
    pub(super) fn is_waiting(&self, connection: Token) -> bool {
        self.waiting.iter().any(|waiting| waiting.connection == connection)
    }

    /// When the next thread, or the next request that waits for one, or the next reader, has had its time.
    pub(super) fn next_deadline(&self, limits: &Limits) -> Option<Instant> {
        let running = self.threads.iter().filter(|thread| !thread.is_late);
        let running = running.filter_map(|thread| thread.running.as_ref().map(|running| running.since));
        let calls = limits.call_time_max.and_then(|time| running.min().map(|since| since + time));
        let waiting = self.waiting.front().zip(limits.waiting_time_max);
        let waits = waiting.map(|(waiting, time)| waiting.since + time);
        let readers = self.threads.iter().filter(|thread| thread.is_free() && !self.waiting.is_empty());
        let readers = readers.filter_map(|thread| thread.reader.piece_until);
        calls.into_iter().chain(waits).chain(readers).min()
    }

    /// Which thread had better drive the loop than the one that does: the first, which is the process's main thread, whenever it
    /// runs nothing; rather any than none, as it runs a quick call by itself. Slow calls it would only leave the loop for, so
    /// that the watcher had to take it up again for each.
    fn better_driver(&self) -> Option<usize> {
        let driver = self.driver;
        if driver == Some(0) || (driver.is_none() && self.slowness >= SLOWNESS_MAX / 2) {
            return None;
        }
        match self.threads.iter().position(Thread::is_free) {
            Some(0) => Some(0),
            other if driver.is_none() => other,
            _ => None,
        }
    }

    /// A call or a step is over that another thread than the driver ran; `patience` parts the slow from the quick.
    fn note_pace(&mut self, report: &Report, patience: Duration) {
        let Report::Ran { thread, .. } = report else { return };
        let Some(running) = &self.threads[*thread].running else { return };
        if running.since.elapsed() < patience {
            self.was_quick();
        } else {
            self.slowness = (self.slowness + 1).min(SLOWNESS_MAX);
        }
    }

    /// A call or a step was over before the loop was missed.
    fn was_quick(&mut self) {
        self.slowness = self.slowness.saturating_sub(1);
    }

    /// The thread is about to look around.
    fn look_around(&mut self, thread: usize) {
        self.threads[thread].looks_around = true;
    }

    /// The threads that have been found late since this was last asked.
    fn take_late(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.late)
    }

    /// Whether the main thread runs nothing.
    fn is_main_free(&self) -> bool {
        self.threads.first().is_none_or(Thread::is_free)
    }

    fn idle(&self, driver: Option<usize>) -> Option<usize> {
        driver
            .filter(|at| self.threads[*at].is_idle())
            .or_else(|| self.threads.iter().position(Thread::is_idle))
    }

    fn ask(&mut self, task: Task) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket::new(self.last_ticket);
        if let Some(connection) = self.current {
            let is_close = matches!(task, Task::Close(_));
            let queue = if self.tasks_left == 0 && !is_close { &mut self.postponed } else { &mut self.asked };
            self.tasks_left = self.tasks_left.saturating_sub(usize::from(!is_close));
            queue.push_back(Ask { connection, ticket, task });
        }
        ticket
    }
}

impl Runner for Threads {
    fn call(&mut self, call: Call) -> Ran {
        Ran::Later(self.ask(Task::Call(Box::new(call))))
    }

    fn step(&mut self, place: Place) -> Ran {
        Ran::Later(self.ask(Task::Step(place)))
    }

    fn close(&mut self, place: Place) {
        self.ask(Task::Close(place));
    }

    fn holds_thread(&self) -> bool {
        true
    }

    fn may_pass_on(&self) -> bool {
        self.may_pass_on
    }
}

/// See [`Threads::slowness`]: a few calls of the other kind change nothing yet.
const SLOWNESS_MAX: u32 = 8;

/// Turns of a connection, by what is given to threads in one turn of the loop, a count: others have theirs after as many
/// requests that are answered at once, or chunks of one stream.
const TURNS_COUNT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_slow_with_one_piece_or_with_all_and_stays_so() {
        let limits = Limits {
            reader_piece_time_max: Duration::from_millis(1),
            reader_time_max: Duration::from_millis(20),
            ..Limits::default()
        };
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);

        let mut reader = Reader::default();
        assert!(!reader.is_slow(at(0), &limits));
        assert!(reader.is_slow(at(1), &limits), "with one piece");
        assert_eq!(reader.piece_until, None, "nothing is waited for");
        reader.took();
        assert!(reader.is_slow(at(2), &limits), "for good");

        let mut reader = Reader::default();
        for ms in 0..20 {
            assert!(!reader.is_slow(at(ms), &limits), "{ms}");
            reader.took();
        }
        assert!(reader.is_slow(at(20), &limits), "with all");
    }
}
