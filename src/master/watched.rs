//! What the master watches beside its workers: its signals, the paths of `--reload-on`, and the time.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::file_watch::FileWatch;
use super::fleet::SLOW_TICK;
use super::signals::Signals;

/// The signals, the paths and the times.
pub(super) struct Watched {
    pub(super) signals: Signals,
    files: FileWatch,
    workers_files: FileWatch,
    /// When the workers were looked at, and when the slow things were: memory, paths.
    looked: Instant,
    looked_slowly: Instant,
}

/// A look that is due.
pub(super) struct Look {
    /// The machine was suspended, or all of the control group frozen: the workers had no time either.
    pub(super) is_late: bool,
    /// The slow things are due too.
    pub(super) is_slow: bool,
}

impl Watched {
    /// Hears signals from here on, and looks at the paths for the first time.
    pub(super) fn new(paths: Vec<PathBuf>, workers_paths: Vec<PathBuf>, now: Instant) -> io::Result<Self> {
        let signals = Signals::hear()?;
        Ok(Watched {
            signals,
            files: FileWatch::new(paths),
            workers_files: FileWatch::new(workers_paths),
            looked: now,
            looked_slowly: now,
        })
    }

    /// The look that is due, with this time between two of them.
    pub(super) fn look(&mut self, now: Instant, tick: Duration) -> Option<Look> {
        let due = self.next_look(tick);
        if now < due {
            return None;
        }
        self.looked = now;
        let is_slow = now >= self.looked_slowly + SLOW_TICK;
        if is_slow {
            self.looked_slowly = now;
        }
        Some(Look { is_late: now >= due + LATE_TIME, is_slow })
    }

    /// When the next look is due.
    pub(super) fn next_look(&self, tick: Duration) -> Instant {
        self.looked + tick
    }

    /// Whether a path has changed since this last said so.
    pub(super) fn code_has_changed(&mut self) -> bool {
        !self.files.is_empty() && self.files.have_changed()
    }

    /// The same of those for the workers alone.
    pub(super) fn workers_code_has_changed(&mut self) -> bool {
        !self.workers_files.is_empty() && self.workers_files.have_changed()
    }
}

/// A master that looks so much later than it meant to has not been running.
const LATE_TIME: Duration = Duration::from_secs(1);
