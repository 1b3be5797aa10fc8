//! Which files may be kept by who has them, and until when: the field Expires.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::application::environ::Environ;

/// A rule: of what it speaks, what that must match, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Expiry {
    pub(crate) of: Subject,
    pub(crate) pattern: Pattern,
    pub(crate) time: Duration,
    pub(crate) since: Since,
}

/// What of a file, or of the request for it, is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The path of the file on the disk.
    File,
    /// The path of the URL, decoded.
    Path,
    /// The URL as it was asked for, with its query.
    Uri,
    /// Content-Type.
    Type,
}

/// From when on the time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    Now,
    /// The file's last change.
    Modified,
}

/// Says whether bytes are meant.
#[derive(Clone)]
pub(crate) struct Pattern {
    text: String,
    matches: Arc<Matches>,
}

type Matches = dyn Fn(&[u8]) -> bool + Send + Sync;

impl Pattern {
    /// One that was written so.
    pub(crate) fn new(text: &str, matches: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        Pattern { text: text.to_owned(), matches: Arc::new(matches) }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// A file that is about to be sent.
pub(super) struct Sent<'a> {
    pub(super) environ: &'a Environ,
    /// Where it lies, as it is shown.
    pub(super) file: &'a [u8],
    pub(super) media_type: &'a str,
    /// When it was changed, in seconds since 1970.
    pub(super) modified: u64,
    /// Now, as RFC 9110 section 5.6.7 writes it.
    pub(super) date: &'a [u8],
}

/// The value of Expires, by the first rule that speaks of this file.
pub(super) fn expires(rules: &[Expiry], sent: &Sent<'_>) -> Option<String> {
    let rule = rules.iter().find(|rule| {
        let matches = &rule.pattern.matches;
        match rule.of {
            Subject::File => matches(sent.file),
            Subject::Path => matches(&super::url_path(sent.environ)),
            Subject::Uri => matches(sent.environ.uri()),
            Subject::Type => matches(sent.media_type.as_bytes()),
        }
    })?;
    let since = match rule.since {
        Since::Now => httpdate::parse_http_date(std::str::from_utf8(sent.date).ok()?).ok()?,
        Since::Modified => SystemTime::UNIX_EPOCH + Duration::from_secs(sent.modified),
    };
    let until = since.checked_add(rule.time)?;
    (until <= SystemTime::UNIX_EPOCH + LAST).then(|| httpdate::fmt_http_date(until))
}

/// The end of the year 9999, the last that HTTP's dates can say.
const LAST: Duration = Duration::from_secs(253_402_300_799);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::input::Input;
    use crate::application::variables::Variables;

    #[test]
    fn the_first_rule_that_fits_says_until_when() {
        let mut variables = Variables::new();
        variables.set(b"SCRIPT_NAME", b"/app");
        variables.set(b"PATH_INFO", b"/a b.css");
        variables.set(b"REQUEST_URI", b"/app/a%20b.css?v=1");
        let environ = Environ::new(variables, Input::default());
        let date = b"Sun, 06 Nov 1994 08:49:37 GMT".as_slice();
        let sent = Sent {
            environ: &environ,
            file: b"/srv/a b.css",
            media_type: "text/css; charset=utf-8",
            modified: 0,
            date,
        };
        let rule = |of, text: &'static str, seconds, since| Expiry {
            of,
            pattern: Pattern::new(text, move |bytes| bytes == text.as_bytes()),
            time: Duration::from_secs(seconds),
            since,
        };
        let now = Since::Now;
        for (rules, want) in [
            (vec![], None),
            (vec![rule(Subject::File, "/srv/a b.css", 23, now)], Some("Sun, 06 Nov 1994 08:50:00 GMT")),
            (vec![rule(Subject::Path, "/app/a b.css", 23, now)], Some("Sun, 06 Nov 1994 08:50:00 GMT")),
            (vec![rule(Subject::Uri, "/app/a%20b.css?v=1", 0, now)], Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            (
                vec![
                    rule(Subject::Path, "/a b.css", 1, now),
                    rule(Subject::Type, "text/css; charset=utf-8", 60, Since::Modified),
                    rule(Subject::File, "/srv/a b.css", 1, now),
                ],
                Some("Thu, 01 Jan 1970 00:01:00 GMT"),
            ),
            (vec![rule(Subject::File, "/srv/a b.css", u64::MAX, now)], None),
        ] {
            assert_eq!(expires(&rules, &sent).as_deref(), want, "{rules:?}");
        }
    }
}
