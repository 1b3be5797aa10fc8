//! Syslog's form of a line (RFC 3164), as local daemons and remote ones read it.

use crate::telemetry::local_time::{LocalTime, since_1970};

/// By what name, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Syslog {
    pub(super) name: String,
    pub(super) facility: u8,
}

impl Syslog {
    /// Writes what stands before a line.
    pub(super) fn write_head(&self, line: &[u8], time: &mut LocalTime, out: &mut Vec<u8>) {
        let priority = u32::from(self.facility) * 8 + severity(line);
        let time = time.text("%b %e %H:%M:%S", since_1970());
        let head = format!("<{priority}>{time} {}[{}]: ", self.name, std::process::id());
        out.extend_from_slice(head.as_bytes());
    }
}

/// By the level, which stands behind the time in the log's own lines. All else is information.
fn severity(line: &[u8]) -> u32 {
    match line.split(|byte| *byte == b' ').nth(1) {
        Some(b"ERROR") => 3,
        Some(b"WARN") => 4,
        Some(b"DEBUG" | b"TRACE") => 7,
        _ => 6,
    }
}

/// The names of facilities (RFC 5424 section 6.2.1), and their numbers.
pub(super) const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_level() {
        let syslog = Syslog { name: "shop".to_owned(), facility: 22 };
        for (line, priority) in [
            ("2026-11-22T16:00:00Z ERROR words", 179),
            ("2026-11-22T16:00:00Z WARN words", 180),
            ("2026-11-22T16:00:00Z INFO words", 182),
            ("words", 182),
            ("", 182),
        ] {
            let mut out = Vec::new();
            syslog.write_head(line.as_bytes(), &mut LocalTime::default(), &mut out);
            let out = String::from_utf8(out).unwrap();
            let end = format!(" shop[{}]: ", std::process::id());
            assert!(out.starts_with(&format!("<{priority}>")) && out.ends_with(&end), "{line:?}: {out}");
            // `Nov 22 16:00:00` has fifteen characters.
            assert_eq!(out.len(), "<182>".len() + 15 + end.len(), "{out}");
        }
    }
}
