//! An output of lines, as the access log is: what it cannot take is no end of it, and no flood of lines in the log either.

use std::io::{self, ErrorKind, Write};
use std::time::Instant;

use log::warn;

use crate::telemetry::log_throttle::Throttle;

/// An output. It counts the lines that are lost, says so once in a while, and says when they are written again.
pub(crate) struct Output {
    out: Box<dyn Write + Send>,
    /// Its name in the log.
    of: &'static str,
    /// Lines, since the last time that it was said that they are written again.
    count: u64,
    /// When it was last said that some are lost.
    told: Option<Instant>,
    /// Whether the log says that some are lost, and not yet that they are written again.
    is_pending: bool,
}

impl Output {
    pub(crate) fn new(of: &'static str, out: Box<dyn Write + Send>) -> Self {
        Output { out, of, count: 0, told: None, is_pending: false }
    }

    /// Writes `text`, with one `write_all`. If that fails the text is lost, and the next is tried all the same.
    pub(crate) fn write(&mut self, text: &[u8]) {
        let written = self.out.write_all(text).and_then(|()| self.out.flush());
        self.count(written, Instant::now());
    }

    fn count(&mut self, written: io::Result<()>, now: Instant) {
        let Err(error) = written else {
            if self.count > 0 {
                self.regained(now);
            }
            return;
        };
        self.count += 1;
        let of = self.of;
        if error.kind() == ErrorKind::BrokenPipe {
            // It may be for ever, as of a pipe to head(1), and once is enough. The reader of a FIFO may come back.
            if !self.is_pending {
                self.tell(now, format_args!("{of}: nobody reads it any more: its lines are lost"));
            }
        } else if self.is_due(now) {
            let count = self.count;
            self.tell(now, format_args!("{of}: lines are lost, {count} so far: {error}"));
        }
    }

    fn regained(&mut self, now: Instant) {
        // On a disk that is almost full a short line may find room between two long ones, again and again.
        if self.is_pending || self.is_due(now) {
            warn!("{}: it is written again; lines lost: {}", self.of, self.count);
            (self.count, self.is_pending) = (0, false);
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.told.is_none_or(|told| now >= told + Throttle::PAUSE)
    }

    fn tell(&mut self, now: Instant, line: std::fmt::Arguments<'_>) {
        warn!("{line}");
        self.told = Some(now);
        self.is_pending = true;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    /// What is written, each write apart.
    #[derive(Clone, Default)]
    pub(in crate::telemetry) struct Writes(pub Arc<Mutex<Vec<String>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const FULL: ErrorKind = ErrorKind::StorageFull;

    #[test]
    fn a_loss_is_said_once_in_a_while_and_once_when_it_is_over() {
        let (mut losses, now) = (Output::new("it", Box::new(io::sink())), Instant::now());
        let mut seen = Vec::new();
        let steps =
            [(Ok(()), 0), (Err(FULL), 0), (Err(FULL), 5), (Err(FULL), 10), (Ok(()), 11), (Ok(()), 12)];
        for (written, seconds) in steps.into_iter().chain([(Err(FULL), 13), (Ok(()), 14), (Ok(()), 25)]) {
            losses.count(written.map_err(io::Error::from), now + Duration::from_secs(seconds));
            seen.push((losses.count, losses.is_pending));
        }
        let open = |count| (count, true);
        assert_eq!(seen[..4], [(0, false), open(1), open(2), open(3)]);
        assert_eq!(seen[4..], [(0, false), (0, false), (1, false), (1, false), (0, false)]);
    }

    #[test]
    fn a_reader_that_has_left_is_said_once() {
        let (mut losses, now) = (Output::new("it", Box::new(io::sink())), Instant::now());
        for count in 1..100 {
            losses.count(Err(ErrorKind::BrokenPipe.into()), now + Duration::from_secs(count));
            assert_eq!((losses.told, losses.is_pending), (Some(now + Duration::from_secs(1)), true));
        }
    }
}
