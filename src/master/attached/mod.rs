//! `--attach`: programs that are kept alive beside the workers, and end with the master.
//!
//! Each is a child of the master in a session of its own, so that a signal reaches it and all that it starts. One that ends
//! is started again, after a pause that grows while it dies at its start. A reload of the workers does not touch them. The
//! master ends them when its last worker has ended, as workers may need them to the end. If it is killed, the kernel tells
//! them, and its workers end those that do not care and what they have left behind ([`Orphans`]). A new master, which this
//! process becomes, goes on with those that are to run as before; others end first, as two of a kind would be in each other's
//! way ([`handed`]).
//!
//! A program that goes to the background by itself, and writes its number to a file, is no child, and neither is one that is
//! sent there: it is looked after by that file, and left alone at the end.

mod attach;
mod handed;
mod orphans;
mod program;
mod start;

use std::io;
use std::time::{Duration, Instant};

pub(crate) use attach::Attach;
pub(super) use orphans::Orphans;
use program::Program;

use super::handover::Handover;
use super::shared_memory::{Shared, orphans};
use crate::telemetry::stats::AttachedProgram;

/// The programs of a master.
pub(super) struct Attached {
    programs: Vec<Program>,
    /// Those of the master before that are not wanted any more, until they have ended.
    before: Vec<Program>,
    /// What the workers know of them; `None` where there never was any.
    orphans: Option<Shared<Orphans>>,
    grace: Duration,
    is_stopping: bool,
    looked: Instant,
}

impl Attached {
    /// None is started yet, but those that the master before has left.
    pub(super) fn new(
        attach: Vec<Attach>,
        handover: Option<&Handover>,
        grace: Duration,
        now: Instant,
    ) -> io::Result<Self> {
        let programs: Vec<Program> = attach.into_iter().map(Program::new).collect();
        let mut attached =
            Attached { programs, before: Vec::new(), orphans: None, grace, is_stopping: false, looked: now };
        if let Some(handover) = handover {
            attached.take_over(handover, now);
        }
        if !(attached.programs.is_empty() && attached.before.is_empty()) {
            attached.orphans = Some(orphans(handover)?).inspect(|shared| shared.memory.begin());
        }
        Ok(attached)
    }

    /// Starts those that are not there, and takes note of those that have ended. Returns what the server must stop for.
    pub(super) fn turn(&mut self, now: Instant) -> Option<String> {
        self.before.retain_mut(|program| {
            program.follow(now);
            !program.is_down()
        });
        let is_due = now >= self.looked + LOOK_TIME;
        let mut ended = None;
        let orphans = self.orphans();
        for (at, program) in self.programs.iter_mut().enumerate() {
            if program.follow(now) && program.is_vital() {
                ended = Some(program.command().to_owned());
            }
            if !self.is_stopping {
                if is_due {
                    program.look(now, self.grace);
                }
                if ended.is_none() && self.before.is_empty() {
                    program.start(now, orphans.and_then(|orphans| orphans.place(at)));
                }
            }
        }
        if is_due {
            self.looked = now;
        }
        self.tell_workers();
        ended.filter(|_| !self.is_stopping)
    }

    /// Has all end.
    pub(super) fn stop(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.is_stopping, true) {
            self.programs.iter_mut().for_each(|program| program.stop(now, self.grace));
        }
    }

    /// Whether all children have ended.
    pub(super) fn have_ended(&self) -> bool {
        self.children().next().is_none()
    }

    /// Ends all at once, and waits for that.
    pub(super) fn kill(&mut self) {
        self.programs.iter_mut().chain(&mut self.before).for_each(Program::kill);
        self.tell_workers();
    }

    /// What a worker has to do with them.
    pub(super) fn orphans(&self) -> Option<&'static Orphans> {
        self.orphans.as_ref().map(|shared| shared.memory)
    }

    fn tell_workers(&self) {
        let Some(orphans) = self.orphans() else { return };
        let all = self.programs.iter().chain(&self.before);
        orphans.tell(all.map(|program| (program.child(), program.attach().stop_signal)));
    }

    /// Those that are children of this process.
    pub(super) fn children(&self) -> impl Iterator<Item = i32> {
        self.programs.iter().chain(&self.before).filter_map(Program::child)
    }

    /// When to look again, if nothing else wakes the master.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        if !self.before.is_empty() || self.programs.iter().any(Program::is_leaving) {
            return Some(now + PRESSING_TIME);
        }
        let paused = self.programs.iter().filter_map(|program| program.paused_until(now)).min();
        let looks = self.programs.iter().any(Program::is_looked_at).then_some(self.looked + LOOK_TIME);
        paused.into_iter().chain(looks).min()
    }

    /// How they are.
    pub(super) fn told(&self) -> Vec<AttachedProgram> {
        let told = self.programs.iter().map(|program| AttachedProgram {
            command: program.command().to_owned(),
            pid: program.pid(),
            restarts: program.starts.saturating_sub(1),
        });
        told.collect()
    }
}

/// How often files are looked at.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// How soon the end of a process is found that tells nothing of it.
const PRESSING_TIME: Duration = Duration::from_millis(100);
