//! What a request makes depend on the state of the file (RFC 9110 section 13).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Validators {
    /// With its quotes. It is strong, so that ranges can be asked for by it.
    pub(super) etag: String,
    /// Seconds since 1970.
    modified: u64,
}

impl Validators {
    /// Of a file of `len` bytes that was changed so many seconds after 1970; `coding` is that of one which is coded.
    ///
    /// The ETag is what nginx makes of these two, so that caches outlive a change of the server. A file that is written twice
    /// within a second, with as many bytes, is not told from itself: one that is served is replaced, and not written to.
    pub(super) fn new(len: u64, modified: i64, coding: Option<&str>) -> Self {
        // What HTTP's dates can say.
        let modified = u64::try_from(modified).unwrap_or(0).min(MODIFIED_MAX);
        let coding = coding.map(|name| format!("-{name}")).unwrap_or_default();
        Validators { etag: format!("\"{modified:x}-{len:x}{coding}\""), modified }
    }

    /// When the file was changed, in seconds since 1970.
    pub(super) fn modified(&self) -> u64 {
        self.modified
    }

    /// Last-Modified.
    pub(super) fn last_modified(&self) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.modified))
    }
}

/// The fields of a request that have conditions in them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conditions<'a> {
    pub(super) if_match: Option<&'a [u8]>,
    pub(super) if_unmodified_since: Option<&'a [u8]>,
    pub(super) if_none_match: Option<&'a [u8]>,
    pub(super) if_modified_since: Option<&'a [u8]>,
    pub(super) if_range: Option<&'a [u8]>,
}

/// What becomes of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

impl Conditions<'_> {
    /// Weighs them in the order of section 13.2.2.
    pub(super) fn weigh(&self, validators: &Validators) -> Verdict {
        let is_later = |date: &[u8]| seconds(date).is_some_and(|since| validators.modified > since);
        let fails = match (self.if_match, self.if_unmodified_since) {
            (Some(list), _) => !names(list, &validators.etag, Comparison::Strong),
            (None, Some(date)) => is_later(date),
            (None, None) => false,
        };
        if fails {
            return Verdict::Failed;
        }
        let is_known = match (self.if_none_match, self.if_modified_since) {
            (Some(list), _) => names(list, &validators.etag, Comparison::Weak),
            (None, Some(date)) => seconds(date).is_some_and(|since| validators.modified <= since),
            (None, None) => false,
        };
        if is_known { Verdict::NotModified } else { Verdict::Proceed }
    }

    /// Whether the ranges that are asked for are of the file as it is now.
    pub(super) fn ranges_hold(&self, validators: &Validators) -> bool {
        match self.if_range.map(<[u8]>::trim_ascii) {
            None => true,
            Some(etag @ ([b'"', ..] | [b'W', b'/', ..])) => etag == validators.etag.as_bytes(),
            // Section 13.1.5: the date must be the very one.
            Some(date) => seconds(date) == Some(validators.modified),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of entity tags has this one in it; `*` has all.
fn names(list: &[u8], etag: &str, comparison: Comparison) -> bool {
    let mut rest = list.trim_ascii();
    if rest == b"*" {
        return true;
    }
    loop {
        while let [b',' | b' ' | b'\t', behind @ ..] = rest {
            rest = behind;
        }
        let (is_weak, tag) = match rest.strip_prefix(b"W/") {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        let Some(opened) = tag.strip_prefix(b"\"") else { return false };
        let Some(end) = opened.iter().position(|byte| *byte == b'"') else { return false };
        // A front end that codes what it sends, as nginx's gzip does, makes our tag a weak one.
        if tag[..end + 2] == *etag.as_bytes() && (!is_weak || comparison == Comparison::Weak) {
            return true;
        }
        rest = &tag[end + 2..];
    }
}

/// A date in one of HTTP's three forms, in seconds since 1970. One that is none is no condition.
fn seconds(date: &[u8]) -> Option<u64> {
    let date = std::str::from_utf8(date.trim_ascii()).ok()?;
    let time: SystemTime = httpdate::parse_http_date(date).ok()?;
    Some(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The end of the year 9999.
const MODIFIED_MAX: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn validators() -> Validators {
        Validators::new(0x1f, 784_111_777, None)
    }

    #[test]
    fn validators_are_nginx_s() {
        let validators = validators();
        assert_eq!(validators.etag, "\"2ebc98a1-1f\"");
        assert_eq!(validators.last_modified(), MODIFIED);
        assert_eq!(Validators::new(0, 1, Some("gzip")).etag, "\"1-0-gzip\"");
        for (modified, text) in [
            (i64::MIN, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(Validators::new(0, modified, None).last_modified(), text);
        }
    }

    /// The fields If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since; empty is absent.
    fn verdict(fields: [&str; 4]) -> Verdict {
        let [if_match, if_unmodified_since, if_none_match, if_modified_since] =
            fields.map(|value| Some(value.as_bytes()).filter(|value| !value.is_empty()));
        Conditions { if_match, if_unmodified_since, if_none_match, if_modified_since, if_range: None }
            .weigh(&validators())
    }

    #[test]
    fn conditions_are_weighed_in_their_order() {
        use Verdict::{Failed, NotModified, Proceed};
        let (ours, other) = ("\"2ebc98a1-1f\"", "\"2ebc98a1-20\"");
        let list = format!("{other}, W/\"x\" ,, {ours}");
        let weak = format!("W/{ours}");
        for (fields, want) in [
            (["", "", "", ""], Proceed),
            ([ours, "", "", ""], Proceed),
            ([other, "", "", ""], Failed),
            ([&list, "", "", ""], Proceed),
            ([&weak, "", "", ""], Failed),
            (["*", "", "", ""], Proceed),
            (["2ebc98a1-1f", "", "", ""], Failed),
            (["\"2ebc98a1-1f", "", "", ""], Failed),
            (["", BEFORE, "", ""], Failed),
            (["", MODIFIED, "", ""], Proceed),
            (["", AFTER, "", ""], Proceed),
            (["", "yesterday", "", ""], Proceed),
            ([ours, BEFORE, "", ""], Proceed),
            (["", "", ours, ""], NotModified),
            (["", "", &weak, ""], NotModified),
            (["", "", &list, ""], NotModified),
            (["", "", "*", ""], NotModified),
            (["", "", other, ""], Proceed),
            (["", "", other, AFTER], Proceed),
            (["", "", "", BEFORE], Proceed),
            (["", "", "", MODIFIED], NotModified),
            (["", "", "", AFTER], NotModified),
            (["", "", "", "yesterday"], Proceed),
            (["", "", "", "Sunday, 06-Nov-94 08:49:37 GMT"], NotModified),
            (["", "", "", "Sun Nov  6 08:49:37 1994"], NotModified),
            ([other, "", ours, ""], Failed),
            ([ours, "", ours, ""], NotModified),
        ] {
            assert_eq!(verdict(fields), want, "{fields:?}");
        }
    }

    #[test]
    fn ranges_hold_while_the_file_is_the_same() {
        for (if_range, holds) in [
            ("\"2ebc98a1-1f\"", true),
            ("\"2ebc98a1-20\"", false),
            ("W/\"2ebc98a1-1f\"", false),
            (MODIFIED, true),
            (BEFORE, false),
            (AFTER, false),
            ("yesterday", false),
        ] {
            let conditions = Conditions { if_range: Some(if_range.as_bytes()), ..Conditions::default() };
            assert_eq!(conditions.ranges_hold(&validators()), holds, "{if_range}");
        }
        assert!(Conditions::default().ranges_hold(&validators()));
    }

    proptest! {
        #[test]
        fn any_list_ends(list in proptest::collection::vec(any::<u8>(), 0..60)) {
            let (strong, weak) = (
                names(&list, "\"2ebc98a1-1f\"", Comparison::Strong),
                names(&list, "\"2ebc98a1-1f\"", Comparison::Weak),
            );
            prop_assert!(weak || !strong);
        }

        #[test]
        fn a_tag_is_found_wherever_it_stands(before in "(\"[a-z]{0,3}\"[, ]{1,3}){0,4}", behind in "( ?, ?\"[a-z]\"){0,3}") {
            let list = format!("{before}\"2ebc98a1-1f\"{behind}");
            prop_assert!(names(list.as_bytes(), "\"2ebc98a1-1f\"", Comparison::Strong), "{list}");
        }
    }
}
