//! The time of a line, in UTC, as two worlds write it. A second is written once.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// The clock's time as text.
#[derive(Default)]
pub(super) struct Calendar {
    /// The second that the texts are of, since 1970.
    second: Option<u64>,
    /// `2026-11-22T16:00:00`, of RFC 3339.
    date: Vec<u8>,
    /// `22/Nov/2026:16:00:00 +0000`, of the common log format.
    common: Vec<u8>,
}

impl Calendar {
    /// Appends the time with milliseconds, `2026-11-22T16:00:00.123Z`.
    pub(super) fn write_date(&mut self, line: &mut Vec<u8>) {
        let now = self.look(SystemTime::now());
        line.extend_from_slice(&self.date);
        let millis = now.subsec_millis();
        let digit = |number: u32| b'0' + u8::try_from(number % 10).unwrap_or_default();
        line.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis), b'Z']);
    }

    /// Appends the time as `22/Nov/2026:16:00:00 +0000`.
    pub(super) fn write_common(&mut self, line: &mut Vec<u8>) {
        self.look(SystemTime::now());
        line.extend_from_slice(&self.common);
    }

    /// Has the texts be those of `now`; returns the time since 1970.
    fn look(&mut self, now: SystemTime) -> Duration {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since.as_secs()) {
            self.second = Some(since.as_secs());
            self.write(since.as_secs());
        }
        since
    }

    fn write(&mut self, second: u64) {
        let time = Timestamp::try_from(UNIX_EPOCH + Duration::from_secs(second)).unwrap_or_default();
        self.date.clear();
        self.common.clear();
        write!(self.date, "{}", time.strftime("%Y-%m-%dT%H:%M:%S"))
            .and_then(|()| write!(self.common, "{}", time.strftime("%d/%b/%Y:%H:%M:%S +0000")))
            .expect("a Vec takes every write");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let mut calendar = Calendar::default();
        for (second, date, common) in [
            (0, "1970-01-01T00:00:00", "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "2000-02-28T23:59:59", "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, "2000-02-29T00:00:00", "29/Feb/2000:00:00:00 +0000"),
            (1_795_363_200, "2026-11-22T16:00:00", "22/Nov/2026:16:00:00 +0000"),
            (1_798_761_599, "2026-12-31T23:59:59", "31/Dec/2026:23:59:59 +0000"),
            (4_107_542_400, "2100-03-01T00:00:00", "01/Mar/2100:00:00:00 +0000"),
        ] {
            calendar.look(UNIX_EPOCH + Duration::from_secs(second));
            assert_eq!((&calendar.date[..], &calendar.common[..]), (date.as_bytes(), common.as_bytes()));
        }
    }

    #[test]
    fn milliseconds_have_three_digits() {
        let mut line = Vec::new();
        Calendar::default().write_date(&mut line);
        assert!(
            line.len() == 24 && line[19] == b'.' && line[20..23].iter().all(u8::is_ascii_digit),
            "{line:?}"
        );
    }
}
