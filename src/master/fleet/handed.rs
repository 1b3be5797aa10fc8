//! The workers that a master leaves to the new one, which this process becomes: they stay its children, and serve on.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::str::FromStr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::super::handover::{Handover, Left};
use super::super::worker_setup::unix_micros;
use super::{Fleet, Stage, Worker};
use crate::net::relay::Relay;

impl Fleet {
    /// Leaves all to a new master.
    pub(in crate::master) fn leave(&self, left: &mut Left) {
        self.board.leave(left);
        left.line(WANTED, self.wanted());
        if let Some([giving, taking]) = self.relay.as_ref().map(Relay::ends) {
            let (giving, taking) = (left.keep(giving), left.keep(taking));
            left.line(RELAY, format_args!("{giving} {taking}"));
        }
        let now = Instant::now();
        for worker in &self.workers {
            let link = worker.link.as_ref().map_or(-1, |link| left.keep(link.as_fd()));
            let (stage, time) = written(worker.stage, now);
            let age = now.saturating_duration_since(worker.started).as_millis();
            let Worker { number, generation, pid, slot, is_unseen, .. } = worker;
            let is_retiring = u8::from(worker.retiring);
            let is_unseen = u8::from(*is_unseen);
            left.line(
                WORKER,
                format_args!(
                    "{number} {generation} {pid} {slot} {link} {stage} {time} {age} {is_retiring} {is_unseen}"
                ),
            );
        }
    }

    /// How many workers the master before wanted.
    pub(super) fn wanted_so_far(handover: Option<&Handover>) -> Option<u32> {
        handover?.one(WANTED)?.parse().ok()
    }

    /// Where the workers of the master before pass things on, if those of this one do so in the same way.
    pub(super) fn relay_so_far(handover: Option<&Handover>) -> Option<Relay> {
        let handover = handover?;
        let (giving, taking) = handover.one(RELAY)?.split_once(' ')?;
        Some(Relay::of(handover.descriptor(giving)?, handover.descriptor(taking)?))
    }

    /// Takes the workers of the master before.
    pub(in crate::master) fn take_over(&mut self, handover: &Handover) {
        for line in handover.lines(WORKER) {
            if let Some(worker) = self.read(line, handover) {
                let respawns = self.board.memory.row(worker.slot).map_or(0, |row| row.respawns);
                let most = self.last_respawns.entry(worker.number).or_default();
                *most = respawns.max(*most);
                self.workers.push(worker);
            }
        }
    }

    fn read(&self, line: &str, handover: &Handover) -> Option<Worker> {
        let mut fields = line.split(' ');
        let (number, generation, pid) = (next(&mut fields)?, next(&mut fields)?, next(&mut fields)?);
        let (place, link, stage): (usize, &str, &str) = (next(&mut fields)?, fields.next()?, fields.next()?);
        let (time, age) = (next(&mut fields)?, next(&mut fields)?);
        let (is_retiring, is_unseen): (u8, u8) = (next(&mut fields)?, next(&mut fields)?);
        let is_unseen = is_unseen != 0 || !self.board.is_handed;
        let board = self.board.memory;
        // What it does is told on another board, which this version does not know.
        let place =
            if self.board.is_handed { place } else { board.take(number, generation, 0, unix_micros())? };
        let slot = board.slot(place)?;
        slot.set_pid(u32::try_from(pid).ok()?);
        let link = handover.descriptor(link).map(UnixStream::from);
        let mut worker = Worker::new(number, generation, pid, (place, slot), link);
        let now = Instant::now();
        worker.started = now.checked_sub(Duration::from_millis(age)).unwrap_or(now);
        worker.retiring = is_retiring != 0;
        worker.is_unseen = is_unseen;
        worker.set_stage(read(stage, now + Duration::from_millis(time))?);
        Some(worker)
    }

    /// The board is new: this master's own part of it is written.
    pub(super) fn begin_board(&self, current: u32) {
        let master = &self.board.memory.master;
        master.pid.store(std::process::id(), Relaxed);
        if !self.board.is_handed {
            master.generation.store(current, Relaxed);
            master.started_at.store(unix_micros(), Relaxed);
        }
    }
}

fn next<'a, T: FromStr>(fields: &mut impl Iterator<Item = &'a str>) -> Option<T> {
    fields.next()?.parse().ok()
}

/// A stage's name, and the time that it leaves, ms.
fn written(stage: Stage, now: Instant) -> (&'static str, u128) {
    let left = |until: Instant| until.saturating_duration_since(now).as_millis();
    match stage {
        Stage::Ready => ("ready", 0),
        Stage::Leaving(until) => ("leaving", left(until)),
        Stage::Aborted(until) => ("aborted", left(until)),
        Stage::Killed => ("killed", 0),
        // Those that start have been dismissed.
        Stage::Starting | Stage::Dismissed => ("dismissed", 0),
    }
}

fn read(stage: &str, until: Instant) -> Option<Stage> {
    Some(match stage {
        "ready" => Stage::Ready,
        "leaving" => Stage::Leaving(until),
        "aborted" => Stage::Aborted(until),
        "killed" => Stage::Killed,
        "dismissed" => Stage::Dismissed,
        _ => return None,
    })
}

const WANTED: &str = "wanted";
const RELAY: &str = "relay";
const WORKER: &str = "worker";

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::super::{Bounds, Retirement, scoreboard};
    use super::*;

    #[test]
    fn a_worker_of_another_version_is_looked_after_and_not_taken_for_a_stuck_one() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let second = Duration::from_secs(1);
        let bounds = Bounds { timeout: Some(second), grace: second, retirement: Retirement::default() };
        let text = format!("wanted 1\nworker 1 3 {} 0 -1 ready 0 5000 0 0", child.id());
        let handover = Handover::of(&text);
        let board = scoreboard(None).unwrap();
        let mut fleet = Fleet::new((1, None), bounds, board, None, (Some(&handover), 3));
        let now = Instant::now();
        assert_eq!((fleet.len(), fleet.serving(3)), (1, vec![1]));
        assert!(fleet.watch(now + 1000 * second, true).is_empty());
        fleet.retire(|_| true);
        assert!(matches!(fleet.workers[0].stage, Stage::Leaving(_)));
        fleet.watch(now + 1000 * second, true);
        assert!(matches!(fleet.workers[0].stage, Stage::Aborted(_)), "it has had its time");
        child.wait().unwrap();
        assert!(child.try_wait().unwrap().is_some_and(|status| !status.success()));
    }
}
