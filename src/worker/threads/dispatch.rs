//! What the loop gives the application's threads to do, and what it makes of what they have done, or have not in their time.

use std::time::{Duration, Instant};

use log::{error, warn};
use mio::Token;

use super::{Ask, Assignment, Report, Running, Waiting};
use crate::connection::{Connection, Runner, Task};
use crate::limits::Limits;
use crate::telemetry::observer::{Event, Note};
use crate::telemetry::threads::ThreadDoing;
use crate::worker::event_loop::EventLoop;
use crate::worker::token;

impl EventLoop {
    /// What a thread is to run next, where `driver` is the one that drives the loop: it runs what it can itself.
    pub(super) fn next_assignment(&mut self, driver: Option<usize>) -> Option<Assignment> {
        loop {
            let threads = &mut self.threads;
            match threads.asked.pop_front() {
                Some(Ask { connection, ticket, task: Task::Call(call) }) => {
                    threads.waiting.push_back(Waiting {
                        connection,
                        ticket,
                        call,
                        since: Instant::now(),
                        has_waited: false,
                    });
                }
                Some(ask @ Ask { task: Task::Step(place) | Task::Close(place), .. }) => {
                    return Some(self.assign(place.thread, ask, Instant::now()));
                }
                None if threads.waiting.is_empty() => return None,
                None => {}
            }
            if let Some(thread) = threads.idle(driver)
                && let Some(waiting) = threads.waiting.pop_front()
            {
                let now = Instant::now();
                self.note_wait(&waiting, now);
                let Waiting { connection, ticket, call, has_waited, since } = waiting;
                // Its client may have gone meanwhile, though the poller has not told yet.
                if has_waited && call.is_disconnected() {
                    self.give_up(connection);
                    continue;
                }
                let waited = if has_waited { now.saturating_duration_since(since) } else { Duration::ZERO };
                self.tell_thread(connection, thread, waited);
                return Some(self.assign(thread, Ask { connection, ticket, task: Task::Call(call) }, now));
            }
            if let Some(last) = threads.waiting.back_mut() {
                last.has_waited = true;
            }
            if threads.waiting.len() > self.resources.limits.waiting_requests_count_max
                && let Some(last) = threads.waiting.pop_back()
            {
                self.note_wait(&last, Instant::now());
                self.shed(last.connection, "too many requests wait for a thread of the application");
            }
            if self.threads.asked.is_empty() && !self.ask_ahead() {
                return None;
            }
        }
    }

    fn assign(&mut self, thread: usize, ask: Ask, now: Instant) -> Assignment {
        let Ask { connection, ticket, task } = ask;
        let (what, doing) = match task {
            Task::Call(_) => ("the application's call", ThreadDoing::Calling),
            Task::Step(_) => ("a step of the application's body", ThreadDoing::Stepping),
            Task::Close(_) => ("the close() of the application's body", ThreadDoing::Closing),
        };
        self.threads.threads[thread].running = Some(Running { connection, since: now, what });
        let environ = if let Task::Call(call) = &task { Some(call.environ()) } else { None };
        self.resources.note(Note::ThreadRuns { thread, doing, now, environ });
        Assignment { thread, connection, ticket, task }
    }

    /// Tells the observer which thread has a connection's request.
    fn tell_thread(&mut self, connection: Token, number: usize, waited: Duration) {
        if let Some(observer) = &mut self.resources.observer
            && let Some(entry) = self.connections.get(token::key(connection))
        {
            observer.observe(entry.connection.id(), Event::Thread { number, waited });
        }
    }

    /// A request leaves those that wait, whatever comes of it.
    fn note_wait(&mut self, waiting: &Waiting, now: Instant) {
        if waiting.has_waited {
            self.resources.note(Note::Waited(now.saturating_duration_since(waiting.since)));
        }
    }

    /// The connection is closed, or another worker's from here on: it waits for no thread any more.
    pub(in crate::worker) fn forget(&mut self, connection: Token) {
        if let Some(at) = self.threads.waiting.iter().position(|waiting| waiting.connection == connection)
            && let Some(waiting) = self.threads.waiting.remove(at)
        {
            self.note_wait(&waiting, Instant::now());
        }
    }

    /// Whether requests come faster than they are answered: some had come before they were waited for.
    pub(super) fn is_pressed(&self) -> bool {
        self.turn.has_found || self.threads.have_more()
    }

    /// Asks the bodies whose readers are slow for more than these have taken, as requests wait for their threads. Returns
    /// whether any could be asked.
    fn ask_ahead(&mut self) -> bool {
        if self.threads.waiting.is_empty() {
            return false;
        }
        for at in 0..self.threads.threads.len() {
            let thread = &self.threads.threads[at];
            if !thread.is_free() || thread.is_told {
                continue;
            }
            let Some((connection, key)) = thread.open.and_then(|token| Some((token, self.key(token)?)))
            else {
                continue;
            };
            let entry = &mut self.connections[key];
            let runner = self.threads.asking_for(connection);
            let asked = self.resources.lend(runner, |cx| entry.connection.ask_ahead(cx));
            if !asked && entry.connection.is_full_ahead(&self.resources.limits) {
                self.threads.threads[at].is_told = true;
                warn!(
                    "{}: the response is longer than {} bytes and its reader slow: it keeps its thread \
                     (Limits::ahead_bytes_max) while {} requests wait for one",
                    entry.connection.request_line(),
                    self.resources.limits.ahead_bytes_max,
                    self.threads.waiting.len()
                );
            }
        }
        !self.threads.asked.is_empty()
    }

    /// Takes in what came of what a thread ran.
    pub(super) fn deliver(&mut self, report: Report) {
        let (at, connection, ticket, outcome) = match report {
            Report::Ran { thread, connection, ticket, outcome } => (thread, connection, ticket, outcome),
            Report::Looked { thread } => {
                self.threads.threads[thread].looks_around = false;
                return;
            }
        };
        let thread = &mut self.threads.threads[at];
        let running = thread.running.take();
        if std::mem::take(&mut thread.is_late)
            && let Some(running) = running
        {
            let seconds = running.since.elapsed().as_secs_f64();
            warn!("thread {}: the application came back after {seconds:.1} s", at + 1);
        }
        thread.open = outcome.open.map(|_| connection);
        thread.is_told &= thread.open.is_some();
        let is_open = thread.open.is_some();
        self.resources.note(Note::ThreadRests { thread: at, is_open });
        let left_open = match self.key(connection) {
            Some(key) => {
                let entry = &mut self.connections[key];
                let runner = self.threads.asking_for(connection);
                let turned = self.resources.lend(runner, |cx| entry.connection.deliver(ticket, outcome, cx));
                match turned {
                    Ok(turn) => {
                        self.turned(key, turn, &mut None);
                        None
                    }
                    Err(open) => open,
                }
            }
            None => outcome.open,
        };
        if let Some(place) = left_open {
            self.threads.current = Some(connection);
            self.threads.close(place);
        }
    }

    /// Answers for the threads that have had their time, and for the requests that have waited for one too long.
    pub(in crate::worker) fn expire_threads(&mut self, now: Instant) {
        let Limits { call_time_max, waiting_time_max, .. } = self.resources.limits;
        let is_over = |since: Instant, time: Option<Duration>| time.is_some_and(|time| now >= since + time);
        for at in 0..self.threads.threads.len() {
            let thread = &mut self.threads.threads[at];
            let Some(running) = thread.running.as_ref().filter(|one| is_over(one.since, call_time_max))
            else {
                continue;
            };
            if std::mem::replace(&mut thread.is_late, true) {
                continue;
            }
            let (connection, what) = (running.connection, running.what);
            let seconds = call_time_max.unwrap_or_default().as_secs_f64();
            let why = format!(
                "thread {} did not come back from {what} within {seconds} s (Limits::call_time_max)",
                at + 1
            );
            match self.key(connection) {
                Some(key) => self.turn(key, &mut None, |connection, cx| connection.time_out(&why, cx)),
                None => error!("{why}; its client has gone"),
            }
            self.threads.late.push(at);
            self.resources.note(Note::ThreadLate(at));
        }
        while self.threads.waiting.front().is_some_and(|one| is_over(one.since, waiting_time_max))
            && let Some(waiting) = self.threads.waiting.pop_front()
        {
            self.note_wait(&waiting, now);
            let seconds = waiting_time_max.unwrap_or_default().as_secs_f64();
            let why = format!(
                "no thread of the application came free for it within {seconds} s (Limits::waiting_time_max)"
            );
            self.shed(waiting.connection, &why);
        }
    }

    /// Drops a request before it is called, as its client has gone.
    pub(in crate::worker) fn give_up(&mut self, connection: Token) {
        self.resources.note(Note::Dropped);
        if let Some(key) = self.key(connection) {
            self.turn(key, &mut None, Connection::give_up);
        }
    }

    fn shed(&mut self, connection: Token, why: &str) {
        self.resources.note(Note::Shed);
        if let Some(key) = self.key(connection) {
            self.turn(key, &mut None, |connection, cx| connection.shed(why, cx));
        }
    }
}
