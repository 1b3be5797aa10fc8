//! Which requests have a line.

use std::time::Duration;

use regex::bytes::Regex;

use crate::application::environ::Environ;
use crate::expression;
use crate::telemetry::observer::Summary;

/// All, unless it says otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Those of which one of these is true; none is that all are.
    pub(crate) only: Vec<Condition>,
    /// But for those.
    pub(crate) except: Vec<Exception>,
}

/// What may be true of a request that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Condition {
    /// Its status is of this hundred.
    Class(u16),
    /// It has taken so long at the least.
    Slower(Duration),
    /// The body of its response has so many bytes at the least.
    Larger(u64),
    /// The response has no body.
    Empty,
    /// Not all of the response was sent, or the application had had its time.
    BrokenOff,
}

/// Requests of which a variable is matched by a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    variable: String,
    pattern: Regex,
}

impl Selection {
    /// Whether the line of this request is left out whatever becomes of it.
    pub(super) fn leaves_out(&self, environ: &Environ) -> bool {
        self.except.iter().any(|exception| {
            let value = environ.get(&exception.variable).unwrap_or_default();
            exception.pattern.is_match(value)
        })
    }

    /// Whether a request that is over has a line, which the application may want; it was served for `all`.
    pub(super) fn takes(&self, summary: &Summary<'_>, all: Duration) -> bool {
        let body_bytes = summary.bytes.saturating_sub(summary.head_bytes);
        let is_true = |condition: &Condition| match *condition {
            Condition::Class(hundred) => summary.code / 100 == hundred,
            Condition::Slower(bound) => all >= bound,
            Condition::Larger(bound) => body_bytes >= bound,
            Condition::Empty => body_bytes == 0,
            Condition::BrokenOff => !summary.complete || summary.timed_out,
        };
        self.only.is_empty() || self.only.iter().any(is_true) || summary.note(TAKE).is_some()
    }
}

impl Exception {
    /// `NAME=PATTERN`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let form = "write NAME=PATTERN, as PATH_INFO=^/health";
        let (name, pattern) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(form)?;
        Ok(Exception { variable: name.to_owned(), pattern: expression::compile(pattern)? })
    }
}

/// What an application sets to have a line of the request, whatever `only` says: uWSGI's name for it.
const TAKE: &str = "log_this_request";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::input::Input;
    use crate::application::variables::Variables;
    use crate::ascii::Ascii;
    use crate::net::stream::Peer;

    fn summary(code: u16, bytes: u64, complete: bool, timed_out: bool) -> Summary<'static> {
        let (peer, request_line) = (&Peer::Unix, Ascii(b"-"));
        Summary { peer, request_line, code, bytes, head_bytes: 60, complete, timed_out, started: None }
    }

    #[test]
    fn one_condition_is_enough() {
        let of = |only: &[Condition]| Selection { only: only.to_vec(), ..Selection::default() };
        let (good, second) = (summary(200, 160, true, false), Duration::from_secs(1));
        assert!(of(&[]).takes(&good, second));
        for (condition, want) in [
            (Condition::Class(2), true),
            (Condition::Class(5), false),
            (Condition::Slower(second), true),
            (Condition::Slower(second * 2), false),
            (Condition::Larger(100), true),
            (Condition::Larger(101), false),
            (Condition::Empty, false),
            (Condition::BrokenOff, false),
        ] {
            assert_eq!(of(&[condition]).takes(&good, second), want, "{condition:?}");
            assert!(of(&[condition, Condition::Class(2)]).takes(&good, second), "{condition:?}");
        }
        assert!(of(&[Condition::Empty]).takes(&summary(304, 60, true, false), second));
        assert!(of(&[Condition::BrokenOff]).takes(&summary(504, 90, true, true), second));
        assert!(of(&[Condition::BrokenOff]).takes(&summary(0, 0, false, false), second));
    }

    #[test]
    fn an_exception_is_a_variable_and_a_pattern() {
        let mut variables = Variables::new();
        variables.set(b"PATH_INFO", b"/health/caf\xe9");
        let environ = Environ::new(variables, Input::default());
        for (text, want) in [
            ("PATH_INFO=^/health", true),
            ("PATH_INFO=^/$", false),
            (r"PATH_INFO=(?i)HEALTH/\w+", true),
            ("PATH_INFO=(?-u)\\xE9$", true),
            ("HTTP_USER_AGENT=^$", true),
            ("HTTP_USER_AGENT=.", false),
        ] {
            let except = vec![Exception::parse(text).unwrap()];
            assert_eq!(Selection { except, ..Selection::default() }.leaves_out(&environ), want, "{text}");
        }
        for (text, want) in [("x", "write NAME=PATTERN"), ("=x", "write NAME"), ("X=(", "unclosed group")] {
            let error = Exception::parse(text).unwrap_err();
            assert!(error.contains(want) && error.lines().count() == 1, "{error}");
        }
    }
}
