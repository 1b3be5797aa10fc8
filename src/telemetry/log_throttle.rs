//! A line, not a flood: what happens again and again is logged once in a while, with a count.

use std::time::{Duration, Instant};

/// Lets a message through at most once in [`Throttle::PAUSE`].
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Option<Instant>,
    kept_back: u64,
}

impl Throttle {
    /// Time between two lines of one kind.
    pub(crate) const PAUSE: Duration = Duration::from_secs(10);

    /// Whether to log now; then with what to add to the line: how many were kept back since the last.
    pub(crate) fn pass(&mut self, now: Instant) -> Option<String> {
        if self.last.is_some_and(|last| now < last + Self::PAUSE) {
            self.kept_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(match std::mem::take(&mut self.kept_back) {
            0 => String::new(),
            count => format!(" (and {count} times more since the last such line)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_line_and_a_count() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!(throttle.pass(now).as_deref(), Some(""));
        assert_eq!(throttle.pass(now), None);
        assert_eq!(throttle.pass(now + Throttle::PAUSE / 2), None);
        let line = throttle.pass(now + Throttle::PAUSE).unwrap();
        assert_eq!(line, " (and 2 times more since the last such line)");
    }
}
