//! Which thread drives the loop: one at a time.
//!
//! The driver lays the loop down while it runs the application, and takes it back afterwards. Where that lasts, the watcher
//! takes the loop meanwhile: so a call that is quick costs two uncontended locks, and no thread is woken (leader and
//! followers, with a promotion that is late on purpose, as Go's scheduler has it).
//!
//! Where calls run in parallel that would have one call run at a time, for as long as each is quick. There it is eager: one of
//! the application's threads that has done what it had takes the loop if it lies there; and one that has nothing to do is woken
//! for it as soon as requests come faster than they are answered.

mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The loop `L` and its threads: what they are given (tasks `T`), and what they made of it (reports `R`).
pub(super) struct Lead<L, T, R> {
    state: Mutex<State<L, T, R>>,
    /// An application's thread waits here for something to do, each on its own.
    threads: Vec<Condvar>,
    /// The watcher waits here.
    watcher: Condvar,
    /// Something is reported. It is set under the lock, and asked without.
    has_reports: AtomicBool,
    /// The loop is taken by whichever of the threads has nothing to do.
    is_eager: bool,
}

struct State<L, T, R> {
    laid_down: Option<L>,
    /// The loop lies there for this thread alone.
    offered: Option<usize>,
    /// Threads that wait for something to do.
    sleeping: Vec<bool>,
    /// The one of them that was woken to take the loop, and has not come yet.
    woken: Option<usize>,
    /// How often it was laid down, so that the watcher knows whether it is still the same time.
    times: u64,
    /// One for each thread at most.
    tasks: Vec<Option<T>>,
    reports: Vec<R>,
    watcher_sleeps: bool,
    is_over: bool,
}

/// What a thread has to do.
pub(super) enum Duty<L, T> {
    /// Drive the loop.
    Drive(L),
    /// Run the application.
    Run(T),
    /// Look around: nothing else was to be done for a while.
    Look,
    /// Nothing, ever again.
    Leave,
}

impl<L, T, R> Lead<L, T, R> {
    /// For so many of the application's threads; `is_eager` where their calls run in parallel.
    pub(super) fn new(threads: usize, is_eager: bool) -> Self {
        Lead {
            state: Mutex::new(State {
                laid_down: None,
                offered: None,
                sleeping: vec![false; threads],
                woken: None,
                times: 0,
                tasks: (0..threads).map(|_| None).collect(),
                reports: Vec::new(),
                watcher_sleeps: false,
                is_over: false,
            }),
            threads: (0..threads).map(|_| Condvar::new()).collect(),
            watcher: Condvar::new(),
            has_reports: AtomicBool::new(false),
            is_eager,
        }
    }

    /// Lays the loop down: the caller is about to run the application. `more` is to be done meanwhile.
    pub(super) fn lay_down(&self, event_loop: L, more: bool) {
        let state = &mut *self.lock();
        state.laid_down = Some(event_loop);
        state.times += 1;
        if std::mem::take(&mut state.watcher_sleeps) {
            self.watcher.notify_one();
        }
        if self.is_eager
            && more
            && state.woken.is_none()
            && let Some(thread) = state.sleeping.iter().position(|sleeps| *sleeps)
        {
            state.woken = Some(thread);
            self.threads[thread].notify_one();
        }
    }

    /// Takes the loop back that the caller laid down, unless another thread has it by now.
    pub(super) fn take_back(&self) -> Option<L> {
        let state = &mut *self.lock();
        if state.offered.is_some() { None } else { state.laid_down.take() }
    }

    /// Has `thread`, which waits for something to do, drive the loop from here on.
    pub(super) fn offer(&self, thread: usize, event_loop: L) {
        let state = &mut *self.lock();
        state.laid_down = Some(event_loop);
        state.offered = Some(thread);
        self.threads[thread].notify_one();
    }

    /// Has `thread`, which runs nothing, run a task.
    pub(super) fn post(&self, thread: usize, task: T) {
        let state = &mut *self.lock();
        debug_assert!(state.tasks[thread].is_none(), "a thread has one task at a time");
        state.tasks[thread] = Some(task);
        self.threads[thread].notify_one();
    }

    /// Leaves what came of a task for the driver; returns whether one drives, which the caller has to wake. Who takes the
    /// loop up where it lies asks for reports first.
    pub(super) fn report(&self, report: R) -> bool {
        let state = &mut *self.lock();
        state.reports.push(report);
        self.has_reports.store(true, Ordering::SeqCst);
        state.laid_down.is_none()
    }

    /// Whether there are reports.
    pub(super) fn has_reports(&self) -> bool {
        self.has_reports.load(Ordering::SeqCst)
    }

    /// Takes what came of the tasks of threads that do not drive.
    pub(super) fn reports(&self) -> Vec<R> {
        let state = &mut *self.lock();
        self.has_reports.store(false, Ordering::SeqCst);
        std::mem::take(&mut state.reports)
    }

    /// Whether the loop is taken by whichever of the threads has nothing to do.
    pub(super) fn is_eager(&self) -> bool {
        self.is_eager
    }

    /// Waits for what `thread` has to do; no longer than for `patience` if there is one.
    pub(super) fn next(&self, thread: usize, patience: Option<Duration>) -> Duty<L, T> {
        let mut state = self.lock();
        let mut is_late = false;
        loop {
            if let Some(task) = state.tasks[thread].take() {
                return Duty::Run(task);
            }
            if (state.offered == Some(thread) || (self.is_eager && state.offered.is_none()))
                && let Some(event_loop) = state.laid_down.take()
            {
                state.offered = None;
                return Duty::Drive(event_loop);
            }
            if state.is_over {
                return Duty::Leave;
            }
            if is_late {
                return Duty::Look;
            }
            state.sleeping[thread] = true;
            let condition = &self.threads[thread];
            (state, is_late) = match patience {
                None => (condition.wait(state).unwrap_or_else(PoisonError::into_inner), false),
                Some(patience) => {
                    let waited = condition.wait_timeout(state, patience);
                    let (state, result) = waited.unwrap_or_else(PoisonError::into_inner);
                    (state, result.timed_out())
                }
            };
            state.sleeping[thread] = false;
            state.woken = state.woken.filter(|woken| *woken != thread);
        }
    }

    /// The loop is over: every thread leaves.
    pub(super) fn end(&self) {
        let state = &mut *self.lock();
        state.is_over = true;
        self.threads.iter().chain([&self.watcher]).for_each(Condvar::notify_all);
    }

    // Nothing that can panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State<L, T, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(1);

    #[test]
    fn who_laid_it_down_takes_it_back() {
        let lead: Lead<u8, (), ()> = Lead::new(1, false);
        lead.lay_down(7, true);
        assert_eq!(lead.take_back(), Some(7));
        assert_eq!(lead.take_back(), None);
    }

    #[test]
    fn what_is_offered_is_for_one_thread() {
        let lead: Lead<u8, u8, ()> = Lead::new(2, false);
        lead.offer(1, 7);
        assert_eq!(lead.take_back(), None);
        lead.post(0, 5);
        assert!(matches!(lead.next(0, None), Duty::Run(5)));
        assert!(matches!(lead.next(1, None), Duty::Drive(7)));
        lead.end();
        assert!(matches!(lead.next(0, None), Duty::Leave));
        assert_eq!(lead.watch(PATIENCE, || (), || false), None);
    }

    #[test]
    fn an_eager_thread_takes_what_lies_there() {
        let lead: Arc<Lead<u8, u8, ()>> = Arc::new(Lead::new(2, true));
        let follower = thread::spawn({
            let lead = Arc::clone(&lead);
            move || match lead.next(1, None) {
                Duty::Drive(event_loop) => event_loop,
                Duty::Run(_) | Duty::Look | Duty::Leave => panic!("nobody gave that"),
            }
        });
        while !lead.lock().sleeping[1] {
            thread::yield_now();
        }
        lead.lay_down(7, true);
        assert_eq!(follower.join().unwrap(), 7);
        assert_eq!(lead.take_back(), None);
        // One that comes later finds it too, unless it is another's.
        lead.lay_down(8, true);
        assert!(matches!(lead.next(0, None), Duty::Drive(8)));
        lead.offer(1, 9);
        lead.post(0, 5);
        assert!(matches!(lead.next(0, None), Duty::Run(5)));
        assert!(matches!(lead.next(1, None), Duty::Drive(9)));
    }

    #[test]
    fn who_waits_for_long_looks_around() {
        let lead: Lead<u8, u8, ()> = Lead::new(1, true);
        assert!(matches!(lead.next(0, Some(PATIENCE)), Duty::Look));
        lead.post(0, 5);
        assert!(matches!(lead.next(0, Some(PATIENCE)), Duty::Run(5)));
    }

    #[test]
    fn who_takes_the_loop_up_finds_the_reports_of_which_nobody_was_told() {
        let lead: Lead<u8, (), u8> = Lead::new(2, true);
        assert!(lead.report(1), "somebody drives");
        lead.lay_down(7, true);
        assert!(!lead.report(2), "nobody drives");
        assert_eq!(lead.take_back(), Some(7));
        assert!(lead.has_reports());
        assert_eq!(lead.reports(), [1, 2]);
        assert!(!lead.has_reports());
    }

    #[test]
    fn one_thread_at_a_time_drives_though_all_are_eager() {
        const ROUNDS: usize = 2_000;
        const THREADS: usize = 4;
        let lead: Arc<Lead<Vec<usize>, (), ()>> = Arc::new(Lead::new(THREADS, true));
        let followers = [0, 1, 2, 3].map(|number| {
            let lead = Arc::clone(&lead);
            thread::spawn(move || {
                while let Duty::Drive(mut driven) = lead.next(number, None) {
                    let round = driven.len();
                    if round == ROUNDS {
                        lead.lay_down(driven, true);
                        return lead.end();
                    }
                    driven.push(number);
                    lead.lay_down(driven, true);
                    if round.is_multiple_of(50) {
                        thread::sleep(Duration::from_micros(100));
                    }
                }
            })
        });
        lead.lay_down(Vec::new(), true);
        followers.into_iter().for_each(|follower| follower.join().unwrap());
        let driven = lead.take_back().unwrap();
        assert_eq!(driven.len(), ROUNDS);
        assert!((0..THREADS).filter(|number| driven.contains(number)).count() > 1, "one has driven alone");
    }

    #[test]
    fn one_thread_at_a_time_drives() {
        const ROUNDS: u32 = 2_000;
        let lead: Arc<Lead<Vec<u32>, (), ()>> = Arc::new(Lead::new(1, false));
        let watcher = thread::spawn({
            let lead = Arc::clone(&lead);
            move || {
                while let Some(mut driven) = lead.watch(Duration::from_micros(10), || (), || false) {
                    driven.push(0);
                    lead.offer(0, driven);
                }
            }
        });
        let mut driven = Vec::new();
        for round in 1..=ROUNDS {
            driven.push(round);
            lead.lay_down(driven, true);
            if round % 50 == 0 {
                thread::sleep(Duration::from_micros(100));
            }
            driven = match lead.take_back() {
                Some(driven) => driven,
                None => match lead.next(0, None) {
                    Duty::Drive(driven) => driven,
                    Duty::Run(()) | Duty::Look | Duty::Leave => panic!("nobody gave that"),
                },
            };
        }
        lead.end();
        watcher.join().unwrap();
        let mine: Vec<u32> = driven.iter().copied().filter(|round| *round > 0).collect();
        assert_eq!(mine, (1..=ROUNDS).collect::<Vec<_>>());
        assert!(driven.contains(&0), "the watcher never drove");
    }
}
