//! What systemd is told of a service of Type=notify, and its watchdog's food (sd_notify(3)).

use std::time::{Duration, Instant};

use log::debug;
use sd_notify::NotifyState;

/// Tells systemd; without it (NOTIFY_SOCKET is not set) nothing is told.
pub(super) struct SdNotify {
    /// It has been told that the service ends, which is not taken back.
    stopping: bool,
    /// How often the watchdog is to be fed: twice in the time that it allows, as its manual says.
    every: Option<Duration>,
    fed: Instant,
    status: String,
}

impl SdNotify {
    pub(super) fn new(now: Instant) -> Self {
        let every = sd_notify::watchdog_enabled().map(|time| time / 2);
        SdNotify { stopping: false, every, fed: now, status: String::new() }
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

    /// This process becomes the new master, and is silent as long as that loads; `time` is how long that took before.
    pub(super) fn allow_silence(&self, time: Duration) {
        if let Some(every) = self.every {
            self.watchdog(every * 2 + time * 4 + SILENCE_MARGIN);
        }
    }

    /// It is the new master, and feeds the watchdog again.
    pub(super) fn end_silence(&self) {
        if let Some(every) = self.every {
            self.watchdog(every * 2);
        }
    }

    fn watchdog(&self, time: Duration) {
        self.send(&[NotifyState::WatchdogUsec(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))]);
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
        if let Err(error) = sd_notify::notify(states) {
            debug!("systemd does not hear {states:?}: {error}");
        }
    }
}

/// What the watchdog allows a new master to load, beside four times as long as its trial took.
const SILENCE_MARGIN: Duration = Duration::from_secs(30);
