//! What was lost on its way to who takes lines, and why.

use std::fmt;
use std::io::{self, ErrorKind};

use nix::errno::Errno;

/// Lines that were lost, by what was the matter.
#[derive(Default)]
pub(super) struct Losses {
    /// Nobody is there.
    gone: Lines,
    /// There is no room where they are to go.
    full: Lines,
    other: Lines,
}

/// How many, and what the system said of the last.
#[derive(Default)]
struct Lines {
    count: u64,
    error: String,
}

impl Losses {
    /// Counts one.
    pub(super) fn add(&mut self, error: &io::Error) {
        use ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected, NotFound};
        let lines = match error.kind() {
            NotFound | ConnectionRefused | ConnectionReset | NotConnected | BrokenPipe => &mut self.gone,
            ErrorKind::WouldBlock => &mut self.full,
            _ if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => &mut self.full,
            _ => &mut self.other,
        };
        lines.count += 1;
        lines.error = error.to_string();
    }

    /// Counts those too.
    pub(super) fn add_all(&mut self, more: Losses) {
        let all = [(&mut self.gone, more.gone), (&mut self.full, more.full), (&mut self.other, more.other)];
        for (lines, more) in all.into_iter().filter(|(_, more)| more.count > 0) {
            *lines = Lines { count: lines.count + more.count, ..more };
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.gone.count + self.full.count + self.other.count == 0
    }
}

/// `3 as nobody takes them (Connection refused), 5 as …`.
impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (&self.gone, "nobody takes them"),
            (&self.full, "the reader is too slow"),
            (&self.other, "they cannot be sent"),
        ];
        let lost = all.into_iter().filter(|(lines, _)| lines.count > 0);
        for (at, (Lines { count, error }, why)) in lost.enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{count} as {why} ({error})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_apart() {
        let mut losses = Losses::default();
        assert!(losses.is_empty());
        for errno in [Errno::ECONNREFUSED, Errno::EAGAIN, Errno::EAGAIN, Errno::EMSGSIZE] {
            losses.add(&errno.into());
        }
        let want = "1 as nobody takes them (Connection refused (os error 111)), \
                    2 as the reader is too slow (Resource temporarily unavailable (os error 11)), \
                    1 as they cannot be sent (Message too long (os error 90))";
        assert_eq!(losses.to_string(), want);
        losses.add_all(Losses::default());
        assert_eq!(losses.to_string(), want);
    }
}
