//! In the place of `scoreboard` where the feature `command` is off: what tells a recorder compiles, and none is ever made.

use std::time::Instant;

use crate::telemetry::observer::{Event, Observer};

pub(crate) enum Recorder {}

impl Recorder {
    pub(crate) fn wakes(&mut self, _: Instant) {
        match *self {}
    }

    pub(crate) fn waits(&mut self, _: Instant, _: usize) {
        match *self {}
    }

    pub(crate) fn lives(&mut self) {
        match *self {}
    }

    pub(crate) fn accepted(&mut self, _: usize) {
        match *self {}
    }

    pub(crate) fn keeps(&mut self, _: usize) {
        match *self {}
    }

    pub(crate) fn lets_go(&mut self, _: usize) {
        match *self {}
    }
}

impl Observer for Recorder {
    fn observe(&mut self, _: u64, _: Event<'_>) {
        match *self {}
    }
}
