//! A record of the log: a line of text, or an object of JSON on a line.
//!
//! ```text
//! 2026-11-22T16:00:00Z WARN worker 2 (pid 812): message
//! {"time":"2026-11-22T16:00:00.123Z","level":"WARN","worker":2,"pid":812,"target":"tidegate::worker","message":"…"}
//! ```
//!
//! What the master says has no worker. A message may be a client's words, or the application's, and of several lines.

use std::sync::atomic::{AtomicU32, Ordering};

use clap::ValueEnum;
use log::Level;

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// From here on what this process says is said by the worker of this number.
pub(super) fn is_worker(number: u32) {
    WORKER.store(number, Ordering::Relaxed);
}

/// The worker's number; 0 where the process is none.
pub(super) fn worker() -> u32 {
    WORKER.load(Ordering::Relaxed)
}

static WORKER: AtomicU32 = AtomicU32::new(0);

/// What is said, and by whom.
pub(super) struct Record<'a> {
    pub(super) time: &'a str,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) message: &'a str,
    worker: Option<u32>,
    pid: u32,
}

impl<'a> Record<'a> {
    /// A record of this process.
    pub(super) fn new(time: &'a str, level: Level, target: &'a str, message: &'a str) -> Self {
        let worker = Some(worker()).filter(|number| *number > 0);
        Record { time, level, target, message: message.trim_end(), worker, pid: std::process::id() }
    }

    /// Its line, or lines.
    pub(super) fn written(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Text => self.text(),
            LogFormat::Json => self.json(),
        }
    }

    fn text(&self) -> String {
        let Record { time, level, target, message, worker, pid } = self;
        let speaker = worker.map(|number| format!("worker {number} (pid {pid}): ")).unwrap_or_default();
        // From debug on with the module, which only its developers care for.
        let target = if *level >= Level::Debug { format!("{target}: ") } else { String::new() };
        format!("{time} {level} {speaker}{target}{}\n", harmless(message))
    }

    fn json(&self) -> String {
        let Record { time, level, target, message, worker, pid } = self;
        let worker = worker.map_or("null".to_owned(), |number| number.to_string());
        format!(
            "{{\"time\":\"{time}\",\"level\":\"{level}\",\"worker\":{worker},\"pid\":{pid},\"target\":{},\"message\":{}}}\n",
            string(target),
            string(message)
        )
    }

    /// The time of a line that was written so.
    pub(super) fn time_of(line: &[u8], format: LogFormat) -> String {
        let (begin, end) = match format {
            LogFormat::Text => (0, b' '),
            LogFormat::Json => ("{\"time\":\"".len(), b'"'),
        };
        let rest = line.get(begin..).unwrap_or_default();
        let len = rest.iter().position(|byte| *byte == end).unwrap_or_default();
        String::from_utf8_lossy(&rest[..len]).into_owned()
    }
}

/// A message whose words may be a client's: it cannot pass for another line of the log, nor steer a terminal.
/// An application's error may well have several lines; all but the first are indented.
fn harmless(message: &str) -> String {
    let mut harmless = String::with_capacity(message.len());
    for c in message.chars() {
        match c {
            '\n' => harmless.push_str("\n    "),
            c if c.is_control() && c != '\t' => harmless.extend(c.escape_default()),
            c => harmless.push(c),
        }
    }
    harmless
}

/// A string of JSON. Of the controls JSON wants only those of ASCII escaped.
fn string(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    if !quoted.contains(char::is_control) {
        return quoted;
    }
    let mut harmless = String::with_capacity(quoted.len());
    for c in quoted.chars() {
        if c.is_control() {
            harmless.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            harmless.push(c);
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(worker: Option<u32>, level: Level, message: &str) -> Record<'_> {
        let message = message.trim_end();
        Record { time: "2026-11-22T16:00:00Z", level, target: "tidegate::x", message, worker, pid: 812 }
    }

    #[test]
    fn a_message_passes_for_no_other_line() {
        let message = "caf\u{e9}:\tone\n2026-11-22T16:00:00Z INFO two\r\x1b[1m\n";
        let want =
            "2026-11-22T16:00:00Z WARN caf\u{e9}:\tone\n    2026-11-22T16:00:00Z INFO two\\r\\u{1b}[1m\n";
        assert_eq!(record(None, Level::Warn, message).written(LogFormat::Text), want);
        let line = record(None, Level::Warn, &format!("{message}\u{7f}\u{9b}")).written(LogFormat::Json);
        assert!(line.ends_with("}\n") && !line[..line.len() - 1].contains(char::is_control), "{line:?}");
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["message"], format!("{message}\u{7f}\u{9b}"));
    }

    #[test]
    fn a_record_says_whose_it_is() {
        let text = |worker, level| record(worker, level, "words").written(LogFormat::Text);
        assert_eq!(text(None, Level::Info), "2026-11-22T16:00:00Z INFO words\n");
        assert_eq!(text(Some(2), Level::Info), "2026-11-22T16:00:00Z INFO worker 2 (pid 812): words\n");
        let want = "2026-11-22T16:00:00Z DEBUG worker 2 (pid 812): tidegate::x: words\n";
        assert_eq!(text(Some(2), Level::Debug), want);
        assert_eq!(
            record(Some(2), Level::Error, "a \"word\"").written(LogFormat::Json),
            "{\"time\":\"2026-11-22T16:00:00Z\",\"level\":\"ERROR\",\"worker\":2,\"pid\":812,\
             \"target\":\"tidegate::x\",\"message\":\"a \\\"word\\\"\"}\n"
        );
        assert!(record(None, Level::Info, "").written(LogFormat::Json).contains("\"worker\":null,"));
    }

    #[test]
    fn a_lines_time_is_found_again() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = record(Some(1), Level::Info, "words").written(format);
            assert_eq!(Record::time_of(line.as_bytes(), format), "2026-11-22T16:00:00Z");
        }
        assert_eq!(Record::time_of(b"", LogFormat::Json), "");
    }
}
