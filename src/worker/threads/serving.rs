//! A worker whose application has threads of its own.
//!
//! # How this works
//!
//! One of the threads drives the loop at a time (`lead`): one of the application's, or else the watcher, which never runs
//! the application. A request that is complete is run by the driver itself if it has nothing in hand; while it runs, the loop
//! lies there for the watcher to take up. So nothing is handed over for a call that is quick, and a call that lasts stops
//! nothing. While the driver sleeps, a thread whose call is over takes the loop as long as it needs to take that in, and goes on
//! with the next request that waits. Where calls run in parallel (not in a Python with the GIL), any thread that has nothing to do takes it up as soon
//! as requests come faster than they are answered; elsewhere the process's main thread, which is the first of the
//! application's, drives whenever it runs nothing: some of what applications do is for it only, and signals come to it.

use std::cell::Cell;
use std::ffi::CString;
use std::io;
use std::os::unix::thread::RawPthread;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use log::error;
use mio::Waker;
use nix::sys::prctl;
use nix::sys::pthread::pthread_self;
use nix::sys::signal::{SigSet, Signal};

use super::host::ThreadHost;
use super::lead::{Duty, Lead};
use super::{Assignment, Report, Threads};
use crate::application::environ::Environ;
use crate::application::{AppError, Application, StartResponse};
use crate::connection::Inline;
use crate::process::fork_watch;
use crate::process::load::ThreadLoad;
use crate::telemetry::observer::Note;
use crate::worker::event_loop::{EventLoop, Pause};
use crate::worker::token;

/// Serves `application`, which is the main thread's, on so many threads, of which that is the first.
pub(in crate::worker) fn serve(
    mut event_loop: EventLoop,
    count: usize,
    application: Box<dyn Application>,
    host: Arc<dyn ThreadHost>,
) -> io::Result<()> {
    let count = count.max(1);
    event_loop.threads = Threads::new(count, event_loop.passing.is_some());
    event_loop.resources.note(Note::Threads(count));
    let patience = event_loop.resources.limits.call_time_before_handover;
    let leaving_time = event_loop.resources.limits.grace_idle_time_max;
    let shared = Arc::new(Shared {
        lead: Lead::new(count, host.runs_in_parallel()),
        waker: Waker::new(&event_loop.registry, token::THREADS)?,
        known: (0..count).map(|_| OnceLock::new()).collect(),
        driver: AtomicUsize::new(0),
        alive: Mutex::new(0),
        left: Condvar::new(),
        ended: Mutex::new(None),
        traces: Mutex::new(Vec::new()),
        host,
    });
    let mut joins = Vec::new();
    for number in 1..count {
        joins.push(shared.begin(number)?);
    }
    let watcher = {
        let shared = Arc::clone(&shared);
        move || {
            block_signals();
            shared.watch(patience);
        }
    };
    joins.push(shared.host.begin_watcher("tidegate-watcher".to_owned(), Box::new(watcher))?);
    if let Some(link) = &mut event_loop.link {
        link.ready();
    }
    shared.enter(0);
    let mut main = Inline::on_thread(application, 0);
    shared.lead.offer(0, Box::new(event_loop));
    shared.follow(0, &mut main);
    // What the application has on this thread goes on this thread.
    drop(main);
    if shared.wait_until_left(leaving_time) {
        joins.into_iter().for_each(|join| join());
    } else {
        shared.host.leave();
    }
    lock(&shared.ended).take().unwrap_or(Ok(()))
}

/// What the threads of one worker share.
struct Shared {
    lead: Lead<Box<EventLoop>, Assignment, Report>,
    /// Wakes the thread that drives the loop.
    waker: Waker,
    /// What the application's threads are to the system, once they are there.
    known: Vec<OnceLock<(RawPthread, ThreadLoad)>>,
    /// Which of the application's threads drove the loop last.
    driver: AtomicUsize,
    /// The application's threads that have not left, a count, without the main thread.
    alive: Mutex<usize>,
    left: Condvar,
    /// How the loop ended.
    ended: Mutex<Option<io::Result<()>>>,
    /// What tells where threads are, each on a thread of its own.
    traces: Mutex<Vec<JoinHandle<()>>>,
    host: Arc<dyn ThreadHost>,
}

/// An application's thread: its number, and the application on it.
type Here<'a> = Option<(usize, &'a mut Inline<Box<dyn Application>>)>;

impl Shared {
    fn begin(self: &Arc<Self>, number: usize) -> io::Result<Box<dyn FnOnce()>> {
        *lock(&self.alive) += 1;
        let shared = Arc::clone(self);
        let run = move || {
            shared.serve_on(number);
            *lock(&shared.alive) -= 1;
            shared.left.notify_all();
        };
        self.host.begin_thread(format!("tidegate-{}", number + 1), Box::new(run))
    }

    /// All that one of the application's threads does, other than the main thread.
    fn serve_on(&self, number: usize) {
        // No signal is blocked here: what the application starts would have it blocked too, and could not be ended by it. The
        // kernel gives the process's signals to the main thread as long as that has none pending.
        self.enter(number);
        // What starts threads for a language may not give them their names where the system shows them.
        let _ = CString::new(format!("tidegate-{}", number + 1)).map(|name| prctl::set_name(&name));
        match self.host.application() {
            Ok(application) => {
                let mut here = Inline::on_thread(application, number);
                self.follow(number, &mut here);
            }
            Err(failure) => {
                error!("thread {}: every request is answered with 500: {failure}", number + 1);
                let failing = |_: Environ, _: StartResponse| {
                    Err(AppError::new("the application could not be had on this thread"))
                };
                let failing: Box<dyn Application> = Box::new(failing);
                self.follow(number, &mut Inline::on_thread(failing, number));
            }
        }
    }

    /// The calling thread is the application's thread of that number.
    fn enter(&self, number: usize) {
        let _ = self.known[number].set((pthread_self() as RawPthread, ThreadLoad::here()));
    }

    /// Does what this thread is given, until the loop is over.
    fn follow(&self, number: usize, here: &mut Inline<Box<dyn Application>>) {
        // Where others drive though the main thread is idle, that has to look by itself for the signals that came to it.
        let patience = (number == 0).then_some(IDLE_LOOK_TIME);
        loop {
            let mut next = match self.lead.next(number, patience) {
                Duty::Drive(event_loop) => self.drive(event_loop, Some((number, &mut *here))),
                Duty::Run(assignment) => Some(assignment),
                Duty::Look => {
                    self.host.look_around();
                    fork_watch::end_child(0);
                    None
                }
                Duty::Leave => return,
            };
            while let Some(assignment) = next {
                next = self.report(number, assignment.run(|task| here.run(task)));
            }
        }
    }

    /// All that the watcher does.
    fn watch(&self, patience: Duration) {
        // The driver's processor time as it was at the last look.
        let used = Cell::new(None);
        let driver = || self.known[self.driver.load(Ordering::Relaxed)].get().map(|(_, load)| *load);
        let begin_look = || used.set(driver().and_then(ThreadLoad::processor_time));
        let is_held_up = || {
            let Some(load) = driver() else { return false };
            let now = load.processor_time();
            let since = now.zip(used.replace(now)).and_then(|(now, before)| now.checked_sub(before));
            since.is_some_and(|since| since < patience / 2) && load.is_runnable()
        };
        while let Some(event_loop) = self.lead.watch(patience, begin_look, is_held_up) {
            self.drive(event_loop, None);
        }
    }

    /// Drives the loop, until another thread has it, or it is over. Returns what the calling thread is to run next.
    fn drive(&self, mut event_loop: Box<EventLoop>, mut here: Here<'_>) -> Option<Assignment> {
        let number = here.as_ref().map(|(number, _)| *number);
        event_loop.threads.driver = number;
        if let Some(number) = number {
            self.driver.store(number, Ordering::Relaxed);
        }
        let mut looked = Instant::now();
        let mut given = None;
        loop {
            self.take_in(&mut event_loop);
            // Before a thread is given a task that could as well drive and run it by itself: it would be given the next one in
            // the same way, and be woken for each. Where calls run in parallel, any of them drives as well as the first.
            if let Some(better) = self.better_driver(&event_loop) {
                self.lead.offer(better, event_loop);
                return given;
            }
            while let Some(assignment) = given.take().or_else(|| event_loop.next_assignment(number)) {
                match &mut here {
                    Some((number, here)) if *number == assignment.thread => {
                        let more = event_loop.is_pressed();
                        self.lead.lay_down(event_loop, more);
                        let report = assignment.run(|task| here.run(task));
                        match self.lead.take_back() {
                            Some(taken) => event_loop = taken,
                            None => return self.report(*number, report),
                        }
                        event_loop.threads.was_quick();
                        event_loop.deliver(report);
                    }
                    _ => self.lead.post(assignment.thread, assignment),
                }
            }
            let late = event_loop.threads.take_late();
            if !late.is_empty() {
                self.tell_where(&late);
                event_loop.ask_for_successor();
            }
            if number == Some(0) && (event_loop.take_interrupted() || looked.elapsed() > LOOK_TIME) {
                looked = Instant::now();
                event_loop.threads.look_around(0);
                self.lead.lay_down(event_loop, false);
                self.host.look_around();
                fork_watch::end_child(0);
                let report = Report::Looked { thread: 0 };
                match self.lead.take_back() {
                    Some(taken) => event_loop = taken,
                    None => return self.report(0, report),
                }
                event_loop.deliver(report);
            }
            let ended = match event_loop.run(&mut None) {
                Ok(Pause::Threads) => continue,
                Ok(Pause::Sleep) => {
                    let slept;
                    (event_loop, slept) = self.sleep(event_loop, number);
                    match slept {
                        Ok(task) => {
                            given = task;
                            continue;
                        }
                        Err(error) => Err(error),
                    }
                }
                Ok(Pause::Over) => Ok(()),
                Err(error) => Err(error),
            };
            self.end(ended, event_loop);
            return None;
        }
    }

    fn better_driver(&self, event_loop: &EventLoop) -> Option<usize> {
        let threads = &event_loop.threads;
        if threads.driver.is_some() && self.lead.is_eager() { None } else { threads.better_driver() }
    }

    /// Takes in what threads have reported.
    fn take_in(&self, event_loop: &mut EventLoop) {
        if self.lead.has_reports() {
            let patience = event_loop.resources.limits.call_time_before_handover;
            for report in self.lead.reports() {
                event_loop.threads.note_pace(&report, patience);
                event_loop.deliver(report);
            }
        }
    }

    /// Sleeps, while other threads may have the loop. Returns what they have given the driver to run.
    fn sleep(
        &self,
        mut event_loop: Box<EventLoop>,
        driver: Option<usize>,
    ) -> (Box<EventLoop>, io::Result<Option<Assignment>>) {
        if event_loop.turn.sleep.is_over() {
            let slept = event_loop.sleep();
            return (event_loop, slept.map(|()| None));
        }
        let (sleep, mut sleeper) = (event_loop.turn.sleep, event_loop.take_sleeper());
        if let Some(mut event_loop) = self.lead.set_free(event_loop) {
            event_loop.sleeper = Some(sleeper);
            event_loop.go_on(Instant::now());
            return (event_loop, Ok(None));
        }
        let slept = sleeper.sleep(sleep);
        let (mut event_loop, given) = self.lead.take_again(driver);
        let woken = event_loop.wake_up(sleeper, slept);
        (event_loop, woken.map(|()| given))
    }

    /// Tells what the thread `number` has done; returns what it is to run next, if that is known. Where the driver sleeps, this
    /// thread does what there is to do: no other is woken.
    fn report(&self, number: usize, report: Report) -> Option<Assignment> {
        let mut taken = self.lead.report(report);
        let mut mine = None;
        while let Some(mut event_loop) = taken {
            let mut wakes = false;
            event_loop.go_on(Instant::now());
            self.take_in(&mut event_loop);
            while let Some(assignment) = event_loop.next_assignment(Some(number)) {
                if assignment.thread == number {
                    mine = Some(assignment);
                } else {
                    wakes |= event_loop.threads.driver == Some(assignment.thread);
                    self.lead.post(assignment.thread, assignment);
                }
            }
            wakes |= event_loop.wants_driver() || self.better_driver(&event_loop).is_some();
            if wakes && let Err(error) = self.waker.wake() {
                error!("the loop cannot be woken: {error}");
            }
            taken = self.lead.set_free(event_loop);
        }
        mine
    }

    fn tell_where(&self, late: &[usize]) {
        let known = late.iter().filter_map(|number| self.known[*number].get());
        let natives: Vec<RawPthread> = known.map(|(native, _)| *native).collect();
        let host = Arc::clone(&self.host);
        // Where a thread is, is waited for, and the loop goes on meanwhile.
        let traced = thread::Builder::new().name("tidegate-trace".to_owned()).spawn(move || {
            block_signals();
            host.trace(&natives);
        });
        match traced {
            Ok(trace) => lock(&self.traces).push(trace),
            Err(error) => error!("where the application's threads are cannot be told: {error}"),
        }
    }

    fn end(&self, result: io::Result<()>, mut event_loop: Box<EventLoop>) {
        // What is waited for from here on is not the application.
        let threads = event_loop.threads.counts();
        let bodies = event_loop.resources.bodies.now();
        event_loop.resources.note(Note::Waits { now: Instant::now(), connections: 0, threads, bodies });
        // The main thread, which would end the process, may still be in the application.
        let is_main_free = event_loop.threads.is_main_free();
        drop(event_loop);
        // What is told of threads that do not come back is told to its end.
        let traces = std::mem::take(&mut *lock(&self.traces));
        traces.into_iter().for_each(|trace| drop(trace.join()));
        *lock(&self.ended) = Some(result);
        self.lead.end();
        if !is_main_free {
            self.host.leave();
        }
    }

    /// Waits until the application's threads have left; returns whether they have.
    fn wait_until_left(&self, time: Duration) -> bool {
        let alive = lock(&self.alive);
        let waited = self.left.wait_timeout_while(alive, time, |alive| *alive > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }
}

/// Signals are the application's threads', but those that are a thread's own.
fn block_signals() {
    let mut signals = SigSet::all();
    OWN_SIGNALS.iter().for_each(|signal| signals.remove(*signal));
    // It can only fail for a set that is none.
    let _ = signals.thread_block();
}

/// A thread's own mistakes, of which a handler tells (Python's faulthandler), and the two by which it is asked where it is.
const OWN_SIGNALS: [Signal; 8] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGABRT,
    Signal::SIGSYS,
    Signal::SIGSTKFLT,
    Signal::SIGPWR,
];

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often the main thread looks around while it is idle and another drives: no signal's handler waits longer.
const IDLE_LOOK_TIME: Duration = Duration::from_millis(100);

/// How often the main thread looks around, where nothing interrupts it.
const LOOK_TIME: Duration = Duration::from_secs(1);
