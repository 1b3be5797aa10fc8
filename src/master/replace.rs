//! A new master in this one's place: this very process becomes it, by exec(3), once a trial has shown that it can serve.
//!
//! The process's number stays, so that whoever has started it, be it a container's or systemd, notices nothing; its children
//! stay too. The workers serve on, without a pause, until those of the new master take their places. It is handed what it
//! cannot have again: sockets, the workers' lines, the scoreboard ([`Left`]). Signals that come meanwhile wait.

use std::fs;

use log::{error, info};

use super::fleet::Stage;
use super::handover::{Handover, Left};
use super::signals::hold_back;
use super::trial::{Outcome, Trial};
use super::{Master, State};
use crate::net::listener::Listener;

impl Master<'_> {
    /// Has a new master load all anew, of the program and the settings as they are by then.
    pub(super) fn start_replacement(&mut self, why: &str) {
        if self.state != State::Serving {
            error!("reload ({why}): this master does not serve yet; ask it again when it does");
            return;
        }
        let is_first = self.trial.is_none();
        if let Some(trial) = self.trial.take() {
            info!("reload: begun anew");
            trial.call_off();
        }
        match Trial::start(&self.invocation, self.all_listeners(), why) {
            Ok(trial) => {
                info!("reload ({why}): process {} tries first whether all can be loaded anew", trial.pid());
                if is_first {
                    self.releases.count(&mut self.fleet, &self.systemd);
                }
                self.trial = Some(trial);
            }
            Err(error) => {
                error!("reload ({why}): what is new cannot be tried, and the old serves on: {error}");
                if !is_first {
                    self.releases.has_failed(&self.fleet, &self.systemd);
                }
            }
        }
    }

    /// Goes on with what has been begun.
    pub(super) fn follow_replacement(&mut self) {
        let Some(outcome) = self.trial.as_mut().and_then(Trial::outcome) else { return };
        let time = match outcome {
            Outcome::Well(time) => time,
            Outcome::Failed(status) => {
                return self.give_replacement_up(&format!(
                    "the process that tried has ended ({status}), and said why"
                ));
            }
            Outcome::Unknown => {
                return self
                    .give_replacement_up("another part of the master has waited for the process that tried");
            }
        };
        let held = match hold_back() {
            Ok(held) => held,
            Err(error) => return self.give_replacement_up(&error.to_string()),
        };
        if self.watched.signals.have_come() {
            // The next turn obeys them, and comes back here if there is still reason to.
            return;
        }
        let why = self.trial.take().map(|trial| trial.why).unwrap_or_default();
        info!("reload ({why}): all can be loaded; this process becomes the new master");
        self.releases.give_way(&mut self.fleet);
        // One that has just come to serve finishes what it has.
        self.fleet.retire(|one| one.stage == Stage::Starting);
        self.systemd.allow_silence(time);
        let error = self.become_new(&why);
        drop(held);
        self.hooks.stay();
        self.systemd.end_silence();
        self.give_replacement_up(&error.to_string());
    }

    /// Returns only if that cannot be.
    fn become_new(&mut self, why: &str) -> std::io::Error {
        let mut left = Left::default();
        left.line(WHY, why);
        // The interpreter's name, where a script was started, would be another than the script's.
        left.line(NAME, fs::read_to_string(OWN_NAME).unwrap_or_default().trim_end());
        left.listeners(self.all_listeners());
        self.releases.leave(&mut left);
        self.fleet.leave(&mut left);
        self.attached.leave(&mut left);
        if let Some(control) = &self.control {
            control.leave(&mut left);
        }
        self.hooks.leave(&mut left);
        match left.close() {
            Ok((_file, place, kept)) => self.invocation.become_it(&place, &kept),
            Err(error) => error,
        }
    }

    /// Those of the workers, and the statistics'.
    fn all_listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().chain(self.stats.iter().flat_map(|stats| &stats.server.listeners))
    }

    fn give_replacement_up(&mut self, why: &str) {
        self.trial = None;
        error!("reload: what is new cannot be loaded, and the old serves on: {why}");
        self.releases.has_failed(&self.fleet, &self.systemd);
    }

    /// As this process is to stop, it becomes none.
    pub(super) fn call_replacement_off(&mut self) {
        if let Some(trial) = self.trial.take() {
            trial.call_off();
        }
    }

    /// This process has just become the new master: the workers of the one before serve, until its own do.
    pub(super) fn begin_in_place(&mut self, handover: &Handover) {
        let why = handover.one(WHY).unwrap_or_default();
        self.systemd.end_silence();
        self.begin_to_serve();
        self.releases.go_on(why, &mut self.fleet, self.code.is_some());
    }
}

/// Has this process have the name that it had as the master before, which ps and pgrep know it by.
pub(super) fn keep_name(handover: &Handover) {
    if let Some(name) = handover.one(NAME).filter(|name| !name.is_empty()) {
        // Where there is no /proc, nobody reads it there.
        let _ = fs::write(OWN_NAME, name);
    }
}

/// What the line begins with that says why there is a new master.
const WHY: &str = "why";
/// What the line begins with that has the process's name.
const NAME: &str = "name";
/// The name of the process is that of its first thread, which is the master's.
const OWN_NAME: &str = "/proc/self/comm";
