//! What options are given: sizes, times, modes, as they are written and shown.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::did_you_mean::nearest;
use crate::application::response_head::ResponseHead;
use crate::expression;
use crate::master::WORKERS_MAX;
use crate::static_files::{Expiry, Pattern, Since, Subject};
use crate::telemetry::access_log::{Condition, Format, FormatError};

/// A number of bytes: `4096`, `64k`, `10m`, `1g`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

const UNITS: [(char, u32); 3] = [('g', 30), ('m', 20), ('k', 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let unit = UNITS.iter().find(|(letter, _)| lower.ends_with(*letter));
        let (digits, shift) = match unit {
            Some((letter, shift)) => (lower.strip_suffix(*letter).unwrap_or_default(), *shift),
            None => (lower.as_str(), 0),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("write a number of bytes, as 4096, 64k, 10m or 1g".to_owned());
        }
        let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
        bytes.map(Size).ok_or_else(|| "that is more than 64 bits hold".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |shift: u32| self.0 > 0 && self.0.is_multiple_of(1 << shift);
        match UNITS.iter().find(|(_, shift)| whole(*shift)) {
            Some((letter, shift)) => write!(f, "{}{letter}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A number of threads: at least one, and no more than any machine of today has use for.
pub(super) fn thread_count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=THREADS_MAX).contains(count));
    count.ok_or_else(|| format!("write a number from 1 to {THREADS_MAX}"))
}

/// Threads of an application in one worker, a count.
const THREADS_MAX: usize = 1_024;

/// The form of the access log's lines.
pub(super) fn access_log_format(text: &str) -> Result<Format, String> {
    Format::parse(text).map_err(|error| {
        let near = match &error {
            FormatError::UnknownField(name) => nearest(name, Format::fields()),
            FormatError::NoField(name) => nearest(name, Format::NAMED),
            FormatError::Unpaired(_) | FormatError::Time(_) | FormatError::Control(_) => None,
        };
        match (&error, near) {
            (_, Some(near)) => format!("{error}; did you mean {near:?}?"),
            (FormatError::UnknownField(_), None) => {
                let all = Format::fields().collect::<Vec<_>>().join(", ");
                format!("{error}; the fields are {all}, and var:NAME")
            }
            (_, None) => error.to_string(),
        }
    })
}

/// `KEY=VALUE`, of which only the value may be empty.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !text.contains('\0') => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// What is true of the requests that `--access-log-only` wants.
pub(super) fn access_log_condition(text: &str) -> Result<Condition, String> {
    const FORM: &str = "write 4xx (or 1xx to 5xx), slower=SECONDS, larger=SIZE, empty or broken-off";
    match (text, text.split_once('=')) {
        (_, Some(("slower", time))) => time.parse().map(|Seconds(time)| Condition::Slower(time)),
        (_, Some(("larger", size))) => size.parse().map(|Size(size)| Condition::Larger(size)),
        ("empty", _) => Ok(Condition::Empty),
        ("broken-off", _) => Ok(Condition::BrokenOff),
        (text, None) => match text.strip_suffix("xx").map(str::parse) {
            Some(Ok(hundred @ 1..=5)) => Ok(Condition::Class(hundred)),
            _ => Err(FORM.to_owned()),
        },
        _ => Err(FORM.to_owned()),
    }
}

/// `PREFIX=DIR`, of which the first begins with a slash and both are something.
pub(super) fn static_folder(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((prefix, folder)) if prefix.starts_with('/') && !folder.is_empty() && !text.contains('\0') => {
            Ok((prefix.to_owned(), folder.into()))
        }
        _ => Err("write PREFIX=DIR, as /static=/srv/app/static".to_owned()),
    }
}

/// `PREFIX=APP`, of which the prefix begins with a slash and loses the one at its end.
pub(super) fn mount(text: &str) -> Result<(String, String), String> {
    let form = "write PREFIX=APP, as /api=api:app";
    let (prefix, app) = text.split_once('=').filter(|(_, app)| !app.is_empty()).ok_or(form)?;
    match prefix.trim_end_matches('/') {
        _ if !prefix.starts_with('/') || prefix.contains("//") || prefix.contains('\0') => {
            Err(form.to_owned())
        }
        "" => Err("the application at / is APP itself: name it without --mount".to_owned()),
        prefix => Ok((prefix.to_owned(), app.to_owned())),
    }
}

/// A field of each response, `Name: value`.
pub(super) fn header_field(text: &str) -> Result<(String, String), String> {
    let form = "write NAME: VALUE, as 'X-Frame-Options: DENY'";
    let (name, value) = text.split_once(':').ok_or(form)?;
    let (name, value) = (name.trim(), field_value(value.trim())?);
    if name.eq_ignore_ascii_case("content-length") {
        return Err("Content-Length is each response's own".to_owned());
    }
    let head = ResponseHead::new("200 OK", [(name, &*value)], usize::MAX);
    head.map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value))
}

/// When files expire: `[file:|path:|uri:|type:]PATTERN=[mtime+]SECONDS`.
pub(super) fn expiry(text: &str) -> Result<Expiry, String> {
    let form = "write PATTERN=SECONDS, as '[.]css$=3600'";
    let (pattern, time) = text.rsplit_once('=').ok_or(form)?;
    let (since, time) = match time.strip_prefix("mtime+") {
        Some(time) => (Since::Modified, time),
        None => (Since::Now, time),
    };
    let kinds = [
        ("file:", Subject::File),
        ("path:", Subject::Path),
        ("uri:", Subject::Uri),
        ("type:", Subject::Type),
    ];
    let kind = kinds.iter().find_map(|(name, of)| Some((pattern.strip_prefix(name)?, *of)));
    let (pattern, of) = kind.unwrap_or((pattern, Subject::Path));
    let expression = expression::compile(pattern)?;
    let seconds: u64 = time.parse().map_err(|_| form)?;
    let pattern = Pattern::new(pattern, move |bytes| expression.is_match(bytes));
    Ok(Expiry { of, pattern, time: Duration::from_secs(seconds), since })
}

/// The value of a header field, in ASCII.
pub(super) fn field_value(text: &str) -> Result<String, String> {
    let is_printable = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_printable {
        Ok(text.to_owned())
    } else {
        Err("write a header's value, in printable ASCII".to_owned())
    }
}

/// A time in seconds: `20`, `0.5`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seconds(pub(super) Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let seconds = text.parse().ok().filter(|seconds| plain && *seconds <= SECONDS_MAX);
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        time.map(Seconds).ok_or_else(|| format!("write a number of seconds up to {SECONDS_MAX}"))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs_f64())
    }
}

/// How many workers serve: `4`, `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WorkerCount(pub(super) u32);

impl FromStr for WorkerCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
            return Ok(WorkerCount(u32::try_from(cores).unwrap_or(WORKERS_MAX).min(WORKERS_MAX)));
        }
        let count = text.parse().ok().filter(|count| *count <= WORKERS_MAX && !text.starts_with('+'));
        count.map(WorkerCount).ok_or_else(|| format!("write a number up to {WORKERS_MAX}, or auto"))
    }
}

/// A year: a deadline must remain a time that the clock can show.
const SECONDS_MAX: f64 = 31_536_000.0;

/// A time that is not zero: with none at all no request could be answered.
pub(super) fn waiting_time(text: &str) -> Result<Seconds, String> {
    match text.parse() {
        Ok(Seconds(Duration::ZERO)) => Err("it must be more than 0".to_owned()),
        parsed => parsed,
    }
}

/// A time of an option that does nothing where it is not given: elsewhere 0 says that.
pub(super) fn bound(text: &str) -> Result<Seconds, String> {
    match text.parse() {
        Ok(Seconds(Duration::ZERO)) => Err("it must be more than 0; for none, leave it out".to_owned()),
        parsed => parsed,
    }
}

/// Permission bits: `660`, `0600`.
pub(super) fn mode(text: &str) -> Result<u32, String> {
    let octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o777);
    mode.ok_or_else(|| "write permission bits in octal, as 660".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes, shown) in [
            ("0", 0, "0"),
            ("4096", 4_096, "4k"),
            ("1000", 1_000, "1000"),
            ("64K", 65_536, "64k"),
            ("10m", 10 << 20, "10m"),
            ("1g", 1 << 30, "1g"),
            ("1024m", 1 << 30, "1g"),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
            assert_eq!(Size(bytes).to_string(), shown);
        }
        for text in
            ["", "k", "-1", "+1", "1.5g", "1t", "1kk", " 1", "18446744073709551616", "18014398509481984k"]
        {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_format_that_is_none_is_told_with_the_nearest() {
        for (text, want) in [
            ("combind", "in braces, as {method} {uri}; did you mean \"combined\"?"),
            ("{methd} {uri}", "there is no field \"methd\"; did you mean \"method\"?"),
            ("{colour}", "there is no field \"colour\"; the fields are remote_addr, method, uri, "),
            ("{uri", "the brace at 1 has no other"),
        ] {
            let error = access_log_format(text).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn conditions_are_read() {
        for (text, want) in [
            ("5xx", Condition::Class(5)),
            ("slower=0.5", Condition::Slower(Duration::from_millis(500))),
            ("larger=1m", Condition::Larger(1 << 20)),
            ("empty", Condition::Empty),
            ("broken-off", Condition::BrokenOff),
        ] {
            assert_eq!(access_log_condition(text), Ok(want), "{text}");
        }
        for text in ["", "xx", "6xx", "500", "slower", "slower=x", "larger=-1", "empty=1"] {
            assert!(access_log_condition(text).is_err(), "{text}");
        }
    }

    #[test]
    fn header_fields_and_expiries_are_read() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(header_field("X-Frame-Options: DENY"), pair("X-Frame-Options", "DENY"));
        assert_eq!(header_field("Link:<a:b>;rel=x"), pair("Link", "<a:b>;rel=x"));
        for text in ["", "X", "X:", ": y", "a b: c", "Connection: close", "content-length: 1", "X: a\r\nY: b"]
        {
            assert!(header_field(text).is_err(), "{text:?}");
        }
        for (text, want) in [
            ("[.]css$=60", (Subject::Path, 60, Since::Now)),
            ("type:^text/=mtime+1", (Subject::Type, 1, Since::Modified)),
            ("uri:a=b=0", (Subject::Uri, 0, Since::Now)),
            ("file:/*=31557600", (Subject::File, 31_557_600, Since::Now)),
        ] {
            let Expiry { of, time, since, .. } = expiry(text).unwrap();
            assert_eq!((of, time.as_secs(), since), want, "{text}");
        }
        for text in ["", "css", "css=", "css=-1", "css=1.5", "(=60", "css=mtime"] {
            assert!(expiry(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn static_folders_and_field_values_are_read() {
        assert_eq!(static_folder("/a=/b=c"), Ok(("/a".to_owned(), PathBuf::from("/b=c"))));
        assert_eq!(static_folder("/=."), Ok(("/".to_owned(), PathBuf::from("."))));
        for text in ["", "/a", "/a=", "a=/b", "=/b", "/a=b\0"] {
            assert!(static_folder(text).is_err(), "{text:?}");
        }
        assert!(field_value("public, max-age=1").is_ok());
        for text in ["", "a\r\nb", "caf\u{e9}", "\t"] {
            assert!(field_value(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn mounts_are_read() {
        let pair = |prefix: &str, app: &str| Ok((prefix.to_owned(), app.to_owned()));
        assert_eq!(mount("/api=api:app"), pair("/api", "api:app"));
        assert_eq!(mount("/a/b/=x:make(a=1)"), pair("/a/b", "x:make(a=1)"));
        for text in ["", "/api", "/api=", "api=x", "=x", "/=x", "//=x", "/a//b=x"] {
            assert!(mount(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn workers_are_counted() {
        assert_eq!(("0".parse(), "256".parse()), (Ok(WorkerCount(0)), Ok(WorkerCount(256))));
        assert!("auto".parse::<WorkerCount>().is_ok_and(|count| count.0 > 0));
        for text in ["", "-1", "+1", "257", "Auto", "1.5"] {
            assert!(text.parse::<WorkerCount>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_and_modes_are_read() {
        assert_eq!("20".parse(), Ok(Seconds(Duration::from_secs(20))));
        assert_eq!("0.5".parse(), Ok(Seconds(Duration::from_millis(500))));
        assert_eq!(Seconds(Duration::from_millis(2_500)).to_string(), "2.5");
        for text in ["", ".", "-1", "1e3", "inf", "nan", "99999999999", "1s"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
        assert!(waiting_time("0").is_err() && waiting_time("0.1").is_ok());
        assert!(bound("0").is_err_and(|why| why.ends_with("leave it out")) && bound("0.1").is_ok());
        assert_eq!((mode("660"), mode("0600"), mode("777")), (Ok(0o660), Ok(0o600), Ok(0o777)));
        for text in ["", "8", "1777", "+60", "rw"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
