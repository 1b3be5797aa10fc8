//! Where a configuration is: a file or what stands for one, and a section of it.

/// As `/srv/app.ini:prod`, `-`, `exec://./make-ini` or `:prod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) written: String,
    /// Without the section; empty for another section of the file that was read last.
    pub(super) file: String,
    /// What stands behind the last colon, `Some` even if it is empty.
    pub(super) section: Option<String>,
}

impl Location {
    pub(super) fn of(written: &str) -> Self {
        // A scheme has a colon of its own.
        let from = if scheme(written).is_some() { written.rfind('/').unwrap_or(0) } else { 0 };
        let colon = written[from..].rfind(':').map(|at| from + at);
        let (file, section) = match colon {
            Some(at) => (&written[..at], Some(written[at + 1..].to_owned())),
            None => (written, None),
        };
        Location { written: written.to_owned(), file: file.to_owned(), section }
    }

    /// The file, if it is one.
    pub(super) fn path(&self) -> Option<&str> {
        (scheme(&self.written).is_none() && self.written != "-").then_some(&self.file)
    }
}

/// The schemes by which uWSGI reads what is no file.
const SCHEMES: [&str; 9] = ["emperor", "http", "data", "sym", "section", "fd", "exec", "call", "callint"];

/// The scheme of `written`, and what stands behind it.
pub(super) fn scheme(written: &str) -> Option<(&str, &str)> {
    written.split_once("://").filter(|(scheme, _)| SCHEMES.contains(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_stands_behind_the_last_colon() {
        for (written, file, section) in [
            ("a.ini", "a.ini", None),
            ("a.ini:prod", "a.ini", Some("prod")),
            (":prod", "", Some("prod")),
            ("a:b.ini:", "a:b.ini", Some("")),
            ("exec://make", "exec://make", None),
            ("exec:///bin/make:prod", "exec:///bin/make", Some("prod")),
            ("-", "-", None),
            ("", "", None),
        ] {
            let location = Location::of(written);
            assert_eq!((location.file.as_str(), location.section.as_deref()), (file, section), "{written}");
        }
        assert_eq!(Location::of("fd://3").path(), None);
        assert_eq!(scheme("file:///x"), None);
    }
}
