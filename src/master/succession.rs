//! The master before this one, and the one after it: who serves on the same sockets in a binary upgrade.

use std::os::fd::BorrowedFd;

use log::{error, info, warn};
use nix::poll::PollFlags;

use super::handover::Handover;
use super::upgrade::{Invocation, Outcome, Upgrade};
use crate::net::listener::Listener;

/// The masters on both sides of this one.
pub(super) struct Succession {
    invocation: Invocation,
    before: Handover,
    after: Option<Upgrade>,
}

impl Succession {
    /// `before` is what the master before this one has handed over; `invocation` starts the one after it.
    pub(super) fn new(invocation: Invocation, before: Handover) -> Self {
        Succession { invocation, before, after: None }
    }

    /// Whether the master before this one has not left everything to it yet.
    pub(super) fn is_awaited(&self) -> bool {
        self.before.is_awaited()
    }

    /// Whether the master before has just left everything to this one.
    pub(super) fn takes_over(&mut self) -> bool {
        self.before.is_over()
    }

    /// Tells the master before that this one serves.
    pub(super) fn serves(&mut self) {
        if self.before.is_awaited() {
            info!("upgrade: this master serves");
        }
        if let Err(error) = self.before.done() {
            warn!("upgrade: the master before does not hear that this one serves: {error}");
        }
    }

    /// Starts a new master on these listeners, if this one `is_serving`. Returns whether it is on its way.
    pub(super) fn start(&mut self, listeners: &[&Listener], is_serving: bool) -> bool {
        if let Some(after) = &self.after {
            error!("upgrade: process {} is on its way already", after.pid());
        } else if !is_serving {
            error!("upgrade: this master does not serve yet; ask it again when it does");
        } else if std::process::id() == 1 {
            error!(
                "upgrade: this is process 1, and its container ends with it; start another container instead"
            );
        } else {
            match Upgrade::start(&self.invocation, listeners) {
                Ok(after) => {
                    info!("upgrade: process {} starts on the same sockets", after.pid());
                    self.after = Some(after);
                    return true;
                }
                Err(error) => {
                    error!("upgrade: a new master cannot be started: {error}; this one serves on");
                }
            }
        }
        false
    }

    /// What has become of the new master. [`Succession::let_go`] is to follow.
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        let after = self.after.as_mut()?;
        let (pid, outcome) = (after.pid(), after.outcome()?);
        match outcome {
            Outcome::Serves(_) => {
                info!("upgrade: process {pid} serves; this one finishes what runs, and ends")
            }
            Outcome::Failed => {
                error!("upgrade: process {pid} has ended before it served; this one serves on")
            }
        }
        Some(outcome)
    }

    /// Has no more to do with the new master. One that serves learns of it, and takes over: so systemd must know of it
    /// before.
    pub(super) fn let_go(&mut self) {
        self.after = None;
    }

    /// Ends the new master, as this one is to stop.
    pub(super) fn call_off(&mut self) {
        if let Some(after) = self.after.take() {
            after.call_off();
        }
    }

    /// What is waited for: what the new master says, and that the one before leaves.
    pub(super) fn waits_for(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let after = self.after.iter().map(|after| (after.descriptor(), PollFlags::POLLIN));
        after.chain(self.before.descriptor().map(|before| (before, PollFlags::empty())))
    }
}
