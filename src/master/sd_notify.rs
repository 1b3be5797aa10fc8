//! What systemd is told of a service of Type=notify, and its watchdog's food (sd_notify(3)).

use std::time::{Duration, Instant};

use log::debug;
use sd_notify::NotifyState;

/// Tells systemd; without it (NOTIFY_SOCKET is not set) nothing is told.
pub(super) struct SdNotify {
    /// Another process is the service's main one, and no other is believed (NotifyAccess=main).
    silent: bool,
    /// It has been told that the service ends, which is not taken back.
    stopping: bool,
    /// How often the watchdog is to be fed: twice in the time that it allows, as its manual says.
    every: Option<Duration>,
    fed: Instant,
    status: String,
}

impl SdNotify {
    /// `silent` until [`SdNotify::begin`].
    pub(super) fn new(now: Instant, silent: bool) -> Self {
        let every = sd_notify::watchdog_enabled().map(|time| time / 2);
        SdNotify { silent, stopping: false, every, fed: now, status: String::new() }
    }

    /// This process is the service's main one from here on; the one before has said so.
    pub(super) fn begin(&mut self) {
        self.silent = false;
        self.send(&[NotifyState::Watchdog, NotifyState::Status(&self.status)]);
    }

    /// Everything that was asked for is done: started, or reloaded.
    pub(super) fn ready(&self) {
        if !self.stopping {
            self.send(&[NotifyState::Ready]);
        }
    }

    /// The code is being loaded anew.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.send(&[NotifyState::Reloading, now]),
            Err(error) => debug!("systemd is not told of a reload: {error}"),
        }
    }

    /// The service ends.
    pub(super) fn stopping(&mut self) {
        if !self.stopping {
            self.send(&[NotifyState::Stopping]);
            self.stopping = true;
        }
    }

    /// Another process is the service's main one from here on.
    pub(super) fn main_is(&mut self, pid: u32) {
        self.send(&[NotifyState::MainPid(pid), NotifyState::Ready]);
        self.silent = true;
    }

    /// A line for `systemctl status`; said only if it is another one.
    pub(super) fn status(&mut self, status: String) {
        if self.status != status {
            self.send(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// Feeds the watchdog when it is time; returns when that is next.
    pub(super) fn feed(&mut self, now: Instant) -> Option<Instant> {
        let every = self.every?;
        if now >= self.fed + every {
            self.send(&[NotifyState::Watchdog]);
            self.fed = now;
        }
        Some(self.fed + every)
    }

    fn send(&self, states: &[NotifyState<'_>]) {
        if !self.silent
            && let Err(error) = sd_notify::notify(states)
        {
            debug!("systemd does not hear {states:?}: {error}");
        }
    }
}
