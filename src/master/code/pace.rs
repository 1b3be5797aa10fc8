//! The pace of reloads: code that is written as it is loaded would have itself loaded without end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use log::warn;

/// Lets a change through at once, unless loads follow each other as no developer saves.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When a change last went through.
    last: Option<Instant>,
    /// How many have come soon after the one before, in a row.
    soon: u32,
    /// Changes that wait, and until when.
    held: Vec<PathBuf>,
    until: Option<Instant>,
}

impl Pace {
    /// Takes what has changed; returns what is to be loaded now, with what has waited.
    pub(super) fn due(&mut self, changed: Vec<PathBuf>, now: Instant) -> Vec<PathBuf> {
        if self.held.is_empty() && !changed.is_empty() {
            let is_soon = self.last.is_some_and(|last| now < last + SOON);
            self.soon = if is_soon { self.soon.saturating_add(1) } else { 0 };
            if self.soon >= SOON_COUNT_MAX {
                warn!(
                    "--reload: {} has changed again, {} loads in a row: does the code write it as it is loaded? \
                     The next load is in {} s",
                    changed[0].display(),
                    self.soon,
                    PAUSE.as_secs()
                );
                self.until = Some(now + PAUSE);
            }
        }
        for path in changed {
            if !self.held.contains(&path) {
                self.held.push(path);
            }
        }
        if self.held.is_empty() || self.until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        (self.last, self.until) = (Some(now), None);
        std::mem::take(&mut self.held)
    }

    /// When what waits is due.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }
}

/// A load that is so soon after the one before may be its doing.
const SOON: Duration = Duration::from_secs(3);
/// So many in a row are, a count: an editor that saves by itself stops for a thought now and then.
const SOON_COUNT_MAX: u32 = 10;
/// What one waits then: short for a developer who is there, and long for a processor.
const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_that_bring_about_the_next_are_kept_apart() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut change = |seconds, names: &[&str]| {
            let due = pace.due(names.iter().map(PathBuf::from).collect(), at(seconds));
            (due.len(), pace.until())
        };
        for load in 0..10 {
            assert_eq!(change(f64::from(load), &["app.py"]), (1, None));
        }
        assert_eq!(change(9.9, &[]), (0, None));
        assert_eq!(change(10.0, &["app.py"]), (0, Some(at(20.0))));
        assert_eq!(change(11.0, &["app.py", "other.py"]), (0, Some(at(20.0))));
        assert_eq!(change(20.0, &[]), (2, None));
        assert_eq!(change(21.0, &["app.py"]), (0, Some(at(31.0))), "it goes on");
        assert_eq!(change(31.0, &[]), (1, None));
        // Then nothing for a while: whoever saves now is a person.
        assert_eq!(change(34.0, &["app.py"]), (1, None));
        assert_eq!(change(35.0, &["app.py"]), (1, None));
    }
}
