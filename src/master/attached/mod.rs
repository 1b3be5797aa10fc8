//! `--attach`: programs that are kept alive beside the workers, and end with the master.
//!
//! Each is a child of the master in a session of its own, so that a signal reaches it and all that it starts. One that ends
//! is started again, after a pause that grows while it dies at its start. A reload of the workers does not touch them. The
//! master ends them when its last worker has ended, as workers may need them to the end; one that is killed has the kernel
//! tell them. In a binary upgrade the new master starts them when those of the master before are gone: two of a kind
//! would be in each other's way.
//!
//! A program that goes to the background by itself, and writes its number to a file, is no child: it is looked after by
//! that file, and left alone at the end.

mod attach;
mod program;
mod start;

use std::time::{Duration, Instant};

use log::warn;

pub(crate) use attach::Attach;
use program::{Program, is_there};

use super::fork::pid;
use crate::telemetry::stats::AttachedProgram;

/// The programs of a master.
pub(super) struct Attached {
    programs: Vec<Program>,
    /// Those of the master before, until they have ended; and since when that is waited for.
    before: Vec<i32>,
    waits_since: Option<Instant>,
    grace: Duration,
    is_stopping: bool,
    looked: Instant,
}

impl Attached {
    /// None is started yet. Those of the master `before` go first.
    pub(super) fn new(attach: Vec<Attach>, before: Vec<i32>, grace: Duration, now: Instant) -> Self {
        let programs = attach.into_iter().map(Program::new).collect();
        Attached { programs, before, waits_since: None, grace, is_stopping: false, looked: now }
    }

    /// Starts those that are not there, and takes note of those that have ended. Returns what the server must stop for.
    pub(super) fn turn(&mut self, now: Instant) -> Option<String> {
        if self.is_waiting(now) {
            return None;
        }
        let is_due = now >= self.looked + LOOK_TIME;
        let mut ended = None;
        for program in &mut self.programs {
            if program.follow(now) && program.is_vital() {
                ended = Some(program.command().to_owned());
            }
            if !self.is_stopping {
                if is_due {
                    program.look(now, self.grace);
                }
                if ended.is_none() {
                    program.start(now);
                }
            }
        }
        if is_due {
            self.looked = now;
        }
        ended.filter(|_| !self.is_stopping)
    }

    /// Whether those of the master before are still there.
    fn is_waiting(&mut self, now: Instant) -> bool {
        self.before.retain(|one| is_there(pid(*one)));
        let since = *self.waits_since.get_or_insert(now);
        if !self.before.is_empty() && now >= since + self.grace + BEFORE_TIME {
            warn!(
                "attached: processes {:?} of the master before do not end; others start beside them",
                self.before
            );
            self.before.clear();
        }
        !self.before.is_empty()
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
        self.programs.iter_mut().for_each(Program::kill);
    }

    /// Those that are children of this process.
    pub(super) fn children(&self) -> impl Iterator<Item = i32> {
        self.programs.iter().filter_map(Program::child)
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
/// What is added to --grace until those of the master before are given up: that master kills them at --grace.
const BEFORE_TIME: Duration = Duration::from_secs(60);
