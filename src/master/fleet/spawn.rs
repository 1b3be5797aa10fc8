//! Starts the workers that are missing.

use std::io;
use std::ops::RangeInclusive;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::super::signals::{Loading, hold_back};
use super::super::worker_setup::{WorkerSetup, unix_micros};
use super::super::{Fork, MasterHooks};
use super::{Fleet, Worker};
use crate::net::listener::Listener;

/// What has come of a worker's start.
pub(in crate::master) enum Spawned {
    /// This process is the master, as before.
    Master,
    /// This process is the worker.
    Worker(Box<WorkerSetup>),
    /// There is no new process, and why.
    Failed(String),
}

impl Fleet {
    /// Whether a number has no worker of these loads, and may be given one now.
    pub(in crate::master) fn is_missing(
        &self,
        number: u32,
        generations: &RangeInclusive<u32>,
        now: Instant,
    ) -> bool {
        let serves = |one: &Worker| {
            one.number == number
                && generations.contains(&one.generation)
                && one.is_in_service()
                && !one.retiring
        };
        !self.workers.iter().any(serves) && self.backoff.until(now).is_none()
    }

    /// Forks a worker. It takes the listeners, which the master keeps.
    pub(in crate::master) fn spawn(
        &mut self,
        number: u32,
        generation: u32,
        hooks: &dyn MasterHooks,
        listeners: &mut Vec<Listener>,
    ) -> Spawned {
        let is_first = generation == 1 && !self.last_respawns.contains_key(&number);
        let is_fresh = self.wanted.take_fresh(number);
        let before = self.last_respawns.get(&number).map_or(0, |before| before + u32::from(!is_fresh));
        let taken = self.board.memory.take(number, generation, before, unix_micros());
        let Some((at, slot)) = taken.and_then(|at| Some((at, self.board.memory.slot(at)?))) else {
            return Spawned::Failed("the scoreboard is full of workers that do not end".to_owned());
        };
        let fork = || -> io::Result<_> {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            let held = hold_back()?;
            Ok((hooks.fork()?, ours, theirs, held))
        };
        match fork() {
            Ok((Fork::Parent(pid), ours, _, _)) => {
                slot.set_pid(pid.unsigned_abs());
                if before > 0 && !is_fresh {
                    self.board.memory.master.respawns.fetch_add(1, Relaxed);
                }
                self.last_respawns.insert(number, before);
                let mut worker = Worker::new(number, generation, pid, (at, slot), Some(ours));
                if self.drains {
                    worker.drain();
                }
                self.workers.push(worker);
                Spawned::Master
            }
            Ok((Fork::Child, _, link, held)) => Spawned::Worker(Box::new(WorkerSetup {
                number,
                is_first,
                place: at,
                listeners: std::mem::take(listeners),
                link,
                shares: self.may_share(),
                board: self.board.memory,
                slot,
                relay: self.relay.take(),
                reporter: self.reporter.take().map(|reporter| reporter.begin(generation)),
                died_loading: self.died_loading.take(),
                loading: Loading::default(),
                held: Some(held),
            })),
            Err(error) => {
                self.board.memory.free(at);
                Spawned::Failed(error.to_string())
            }
        }
    }

    /// A worker could not be forked. Returns the pause before the next try, which is not at once: what is missing is
    /// missing for the next one too.
    pub(in crate::master) fn pause(&mut self) -> Duration {
        self.backoff.failed(Instant::now());
        self.backoff.failed(Instant::now())
    }
}
