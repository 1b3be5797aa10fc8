//! The fleet: the workers there are, and those there should be.
//!
//! It starts, watches and ends processes. Which load of the code is to serve, and what follows from a worker's end, its
//! master says.

mod exit;
mod handed;
mod need;
mod oom;
mod retirement;
mod spawn;
mod wanted;
mod watch;
mod worker;

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use log::{debug, warn};

use super::backoff::Backoff;
use super::code::Reporter;
use super::handover::Handover;
use super::shared_memory::Shared;
use crate::net::relay::Relay;
use crate::telemetry::counted::counted;
use crate::telemetry::scoreboard::{Row, Scoreboard};
pub(crate) use need::ByNeed;
use oom::OomKills;
pub(crate) use retirement::Retirement;
pub(super) use spawn::Spawned;
use wanted::Wanted;
pub(super) use watch::SLOW_TICK;
pub(super) use worker::{Ending, Stage, Worker};

/// What a worker is held to.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// How long the application may keep a worker without coming back, in a call or in a step of a body; then the worker
    /// is aborted. uWSGI's harakiri, gunicorn's timeout.
    pub timeout: Option<Duration>,
    /// Time for running requests to finish when a worker leaves.
    pub grace: Duration,
    /// When a worker is replaced though nothing is wrong with it.
    pub retirement: Retirement,
}

/// The workers of a master.
pub(super) struct Fleet {
    bounds: Bounds,
    board: Shared<Scoreboard>,
    /// Where workers pass on to one another what waits for a thread.
    relay: Option<Relay>,
    /// In development: where workers say which files they have loaded.
    reporter: Option<Reporter>,
    /// In development: how a worker ended that was loading the code. Those after it serve a page that says so.
    died_loading: Option<String>,
    workers: Vec<Worker>,
    /// How many processes each number has had, beside the first.
    last_respawns: HashMap<u32, u32>,
    wanted: Wanted,
    /// A stop will follow: those that are started from here on are told so too.
    drains: bool,
    backoff: Backoff,
    oom_kills: OomKills,
}

impl Fleet {
    /// Those of the master before, if there was one; else none yet of `workers`, or by need of fewer: of as many as there were.
    /// `current` is the load that they run.
    pub(super) fn new(
        (workers, by_need): (u32, Option<ByNeed>),
        bounds: Bounds,
        board: Shared<Scoreboard>,
        reporter: Option<Reporter>,
        (handover, current): (Option<&Handover>, u32),
    ) -> Self {
        let relay = Fleet::relay_so_far(handover.filter(|_| board.is_handed)).map_or_else(Relay::new, Ok);
        let mut fleet = Fleet {
            bounds,
            board,
            relay: relay.map_err(|error| warn!("workers pass nothing on to one another: {error}")).ok(),
            reporter,
            died_loading: None,
            workers: Vec::new(),
            last_respawns: HashMap::new(),
            wanted: Wanted::new(workers, by_need, Fleet::wanted_so_far(handover)),
            drains: false,
            backoff: Backoff::default(),
            oom_kills: OomKills::so_far(),
        };
        fleet.begin_board(current);
        if let Some(handover) = handover {
            fleet.take_over(handover);
        }
        fleet
    }

    pub(super) fn scoreboard(&self) -> &'static Scoreboard {
        self.board.memory
    }

    /// How many processes there are.
    pub(super) fn len(&self) -> usize {
        self.workers.len()
    }

    /// How many processes this number has had, beside the first.
    pub(super) fn respawns(&self, number: u32) -> u32 {
        self.last_respawns.get(&number).copied().unwrap_or(0)
    }

    /// Each worker with its row on the scoreboard.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = (&mut Worker, Row)> {
        let scoreboard = self.board.memory;
        self.workers.iter_mut().filter_map(move |worker| scoreboard.row(worker.slot).map(|row| (worker, row)))
    }

    /// Takes what workers that start have to say. One that has come to serve takes the place of the one that waits for it.
    pub(super) fn hear(&mut self) {
        for at in 0..self.workers.len() {
            self.hear_one(at);
        }
    }

    fn hear_one(&mut self, at: usize) {
        let worker = &mut self.workers[at];
        if worker.stage != Stage::Starting || !worker.hear_ready() {
            return;
        }
        worker.serves();
        debug!("{worker} serves, {} ms after it was started", worker.started.elapsed().as_millis());
        let (number, generation) = (worker.number, worker.generation);
        self.retire(|one| one.retiring && (one.number, one.generation) == (number, generation));
    }

    /// Whether every number has a worker of this load that serves.
    pub(super) fn all_serve(&self, generation: u32) -> bool {
        self.wanted_numbers().all(|number| {
            self.workers
                .iter()
                .any(|one| (one.number, one.generation, one.stage) == (number, generation, Stage::Ready))
        })
    }

    /// The numbers that have a worker of this load that serves.
    pub(super) fn serving(&self, generation: u32) -> Vec<u32> {
        let serves = |one: &&Worker| {
            (one.generation, one.stage) == (generation, Stage::Ready) && self.is_wanted(one.number)
        };
        self.workers.iter().filter(serves).map(|one| one.number).collect()
    }

    /// How many workers are such.
    pub(super) fn count(&self, are_these: impl Fn(&Worker) -> bool) -> usize {
        self.workers.iter().filter(|worker| are_these(worker)).count()
    }

    /// Has these workers leave: others go on accepting on their sockets.
    pub(super) fn retire(&mut self, are_these: impl Fn(&Worker) -> bool) {
        for worker in self.workers.iter_mut().filter(|worker| are_these(worker)) {
            worker.retire(self.bounds.grace);
        }
    }

    /// Tells all, and those that take their places, that a stop will follow.
    pub(super) fn drain(&mut self) {
        self.drains = true;
        self.workers.iter_mut().for_each(Worker::drain);
    }

    /// Has all leave, once they have taken what waits to be accepted.
    pub(super) fn stop(&mut self) {
        self.workers.iter_mut().for_each(|worker| worker.stop(self.bounds.grace));
    }

    /// Ends all at once, and waits for that.
    pub(super) fn kill(&mut self) {
        self.workers.iter_mut().for_each(Worker::kill);
        self.workers.iter().for_each(Worker::wait);
    }

    pub(super) fn reopen_logs(&mut self) {
        self.workers.iter_mut().for_each(Worker::reopen_logs);
    }

    /// There is reason to believe that the next start is another matter than those that failed.
    pub(super) fn forget_failures(&mut self) {
        self.backoff.reset();
        self.died_loading = None;
    }

    /// A line for systemd's status.
    pub(super) fn status(&self) -> String {
        let count = |stage| self.workers.iter().filter(|worker| worker.stage == stage).count();
        let (ready, starting) = (count(Stage::Ready), count(Stage::Starting));
        let others = self.workers.len() - ready - starting;
        let ready = counted(ready, "worker serves", "workers serve");
        format!("{ready}, {starting} start, {others} finish what runs")
    }

    /// What is readable once a worker that starts says something.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.workers.iter().filter_map(Worker::descriptor)
    }

    /// When workers may be started again, if that is later than `now`.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.backoff.until(now)
    }
}

/// Workers that a master may have, a count: more than any machine of today has cores, and a quarter of the scoreboard:
/// reloads need room.
pub(crate) const WORKERS_MAX: u32 = 256;
