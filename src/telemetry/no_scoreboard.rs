//! In the place of `scoreboard` where the feature `command` is off: what tells a recorder compiles, and none is ever made.

use crate::telemetry::observer::{Event, Note, Observer};

pub(crate) enum Recorder {}

impl Recorder {
    pub(crate) fn idle_elsewhere(&self) -> usize {
        match *self {}
    }

    pub(crate) fn note(&mut self, _: Note<'_>) {
        match *self {}
    }
}

impl Observer for Recorder {
    fn observe(&mut self, _: u64, _: Event<'_>) {
        match *self {}
    }
}

/// As the scoreboard has it.
#[derive(Clone, Copy, Default)]
pub(crate) struct ThreadCounts {
    pub all: usize,
    pub idle: usize,
    pub late: usize,
    pub running: usize,
    pub waiting: usize,
}

/// As the scoreboard has it.
#[derive(Clone, Copy)]
pub(crate) enum ThreadDoing {
    Calling,
    Stepping,
    Closing,
}
