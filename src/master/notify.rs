//! What systemd is told of a service of Type=notify, and its watchdog's food (sd_notify(3)).

use std::time::{Duration, Instant};

use log::debug;
use sd_notify::NotifyState;

/// Tells systemd; without it (NOTIFY_SOCKET is not set) nobody.
pub(super) struct Notify {
    /// How often the watchdog is to be fed: twice in the time that it allows, as its manual says.
    every: Option<Duration>,
    fed: Instant,
    status: String,
}

impl Notify {
    pub(super) fn new(now: Instant) -> Self {
        Notify { every: sd_notify::watchdog_enabled().map(|time| time / 2), fed: now, status: String::new() }
    }

    /// Everything that was asked for is done: started, or reloaded.
    pub(super) fn ready(&self) {
        send(&[NotifyState::Ready]);
    }

    /// The code is being loaded anew.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => send(&[NotifyState::Reloading, now]),
            Err(error) => debug!("systemd is not told of a reload: {error}"),
        }
    }

    /// The service ends.
    pub(super) fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }

    /// The service is another process from here on, which has said already that it is ready.
    pub(super) fn main_is(&self, pid: u32) {
        send(&[NotifyState::MainPid(pid), NotifyState::Ready]);
    }

    /// A line for `systemctl status`; said only if it is another one.
    pub(super) fn status(&mut self, status: String) {
        if self.status != status {
            send(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// Feeds the watchdog when it is time; returns when that is next.
    pub(super) fn feed(&mut self, now: Instant) -> Option<Instant> {
        let every = self.every?;
        if now >= self.fed + every {
            send(&[NotifyState::Watchdog]);
            self.fed = now;
        }
        Some(self.fed + every)
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!("systemd does not hear {states:?}: {error}");
    }
}
