//! A time as strftime(3) writes it, in the machine's zone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// The last that was written: most lines are of the same second as the one before.
#[derive(Clone, Debug, Default)]
pub(crate) struct LocalTime {
    second: Option<u64>,
    text: String,
}

impl LocalTime {
    /// The time that is so long after 1970, in this form, which [`check`] has found good.
    pub(crate) fn text(&mut self, form: &str, since: Duration) -> &str {
        let second = since.as_secs();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = write(form, since).unwrap_or_default();
        }
        &self.text
    }
}

/// Now.
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Now in UTC, with so many decimals of a second: `2026-11-22T16:00:00.123Z`.
pub(crate) fn utc_now(decimals: usize) -> String {
    format!("{:.decimals$}", Timestamp::now())
}

/// What is wrong with the form of a time, if it is not one.
pub(crate) fn check(form: &str) -> Result<(), String> {
    write(form, Duration::from_secs(1)).map(drop)
}

fn write(form: &str, since: Duration) -> Result<String, String> {
    let time = Timestamp::try_from(UNIX_EPOCH + since).unwrap_or_default().to_zoned(TimeZone::system());
    strtime::format(form, &time).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_strftime_s() {
        // Of what does not depend on the machine's zone.
        let second = Duration::from_millis(1_795_363_200_900);
        let mut time = LocalTime::default();
        for (form, want) in [("%s", "1795363200"), ("%Y", "2026"), ("100%% %b", "100% Nov"), ("", "")] {
            assert_eq!(LocalTime::default().text(form, second), want, "{form}");
        }
        let text = time.text("%s", second).to_owned();
        assert_eq!(time.text("%s", second + Duration::from_millis(50)), text);
        assert_eq!(time.text("%s", second + Duration::from_secs(1)), "1795363201");
        for form in ["%d/%b/%Y:%H:%M:%S %z", "%a %b %e %H:%M:%S %Y", "%Z %p %I %j %c %x %X"] {
            assert_eq!(check(form), Ok(()), "{form}");
        }
        for form in ["%", "%!", "100%"] {
            assert!(check(form).is_err(), "{form}");
        }
    }
}
