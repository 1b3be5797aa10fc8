//! Which thread drives the loop: one at a time.
//!
//! The driver lays the loop down while it runs the application, and takes it back afterwards. Where that lasts, the watcher
//! takes the loop meanwhile: so a call that is quick costs two uncontended locks, and no thread is woken (leader and
//! followers, with a promotion that is late on purpose, as Go's scheduler has it).
//!
//! While the driver sleeps, as there is nothing to do, the loop lies there for the threads that the application comes back on:
//! each takes in itself what has come of its call, and takes its next one. So a slow call wakes no thread but its own.
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
    /// The driver waits here for the loop that it has set free while it slept.
    driver: Condvar,
    /// Something is reported. It is set under the lock, and asked without.
    has_reports: AtomicBool,
    /// The loop is taken by whichever of the threads has nothing to do.
    is_eager: bool,
}

struct State<L, T, R> {
    laid_down: Option<L>,
    /// The loop is free for who has something to report: its driver sleeps.
    free: Option<L>,
    /// The driver has slept, and waits for the loop.
    driver_waits: bool,
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
                free: None,
                driver_waits: false,
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
            driver: Condvar::new(),
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

    /// Has `thread`, which runs nothing, run a task. The driver, if it is that one and sleeps, finds it when it wakes.
    pub(super) fn post(&self, thread: usize, task: T) {
        let state = &mut *self.lock();
        debug_assert!(state.tasks[thread].is_none(), "a thread has one task at a time");
        state.tasks[thread] = Some(task);
        self.threads[thread].notify_one();
    }

    /// Leaves what came of a task for the driver; whoever takes the loop up asks for reports first. Where the driver sleeps,
    /// the caller is given the loop, takes the reports in, and sets it free again.
    pub(super) fn report(&self, report: R) -> Option<L> {
        let state = &mut *self.lock();
        state.reports.push(report);
        self.has_reports.store(true, Ordering::SeqCst);
        // A driver that has slept is not overtaken.
        if state.driver_waits { None } else { state.free.take() }
    }

    /// Sets the loop free for whoever has something to report, while the driver sleeps. It comes back where something is
    /// reported already.
    pub(super) fn set_free(&self, event_loop: L) -> Option<L> {
        let state = &mut *self.lock();
        if state.driver_waits {
            self.driver.notify_one();
        } else if !state.reports.is_empty() {
            return Some(event_loop);
        }
        state.free = Some(event_loop);
        None
    }

    /// The driver, which is `thread` or the watcher, has slept: it takes the loop that it has set free, as soon as no other
    /// thread has it, and what it was given to run meanwhile.
    pub(super) fn take_again(&self, thread: Option<usize>) -> (L, Option<T>) {
        let mut state = self.lock();
        loop {
            if let Some(event_loop) = state.free.take() {
                state.driver_waits = false;
                let task = thread.and_then(|thread| state.tasks[thread].take());
                return (event_loop, task);
            }
            state.driver_waits = true;
            state = self.driver.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
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
mod tests;
