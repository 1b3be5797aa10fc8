//! The trial of what is new: a process that loads all as a new master would, and ends. Only if it could does this master
//! become the new one.

use std::io;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use super::Invocation;
use super::handover::{Left, TRIAL};
use crate::net::listener::Listener;

/// A trial on its way.
pub(super) struct Trial {
    process: Child,
    began: Instant,
    /// Why there is to be a new master.
    pub(super) why: String,
}

/// What has come of a trial.
pub(super) enum Outcome {
    /// It could serve; so long it took to find out.
    Well(Duration),
    /// It could not.
    Failed(ExitStatus),
    /// Other code has waited for the process.
    Unknown,
}

impl Trial {
    /// Begins one. The sockets are there for it as for a new master.
    pub(super) fn start<'a>(
        invocation: &Invocation,
        listeners: impl Iterator<Item = &'a Listener>,
        why: &str,
    ) -> io::Result<Self> {
        let mut left = Left::default();
        left.line(TRIAL, why);
        left.listeners(listeners);
        let (_file, place, descriptors) = left.close()?;
        let process = invocation.command(&place, descriptors).spawn()?;
        Ok(Trial { process, began: Instant::now(), why: why.to_owned() })
    }

    /// Its process.
    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).unwrap_or(i32::MAX)
    }

    /// What has come of it, once it has ended.
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        match self.process.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) if status.success() => Some(Outcome::Well(self.began.elapsed())),
            Ok(Some(status)) => Some(Outcome::Failed(status)),
            Err(_) => Some(Outcome::Unknown),
        }
    }

    /// Ends it: it is not needed any more.
    pub(super) fn call_off(mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
