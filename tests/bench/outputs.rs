//! What is written besides the table: the log, the page, the line that goes along.

use std::fs::{self, File, OpenOptions};
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::bench;
use crate::known::{Answer, Known};
use crate::longer_times::with_longer_times;
use crate::process::{Killed, PATIENCE, run, tidegate};

fn steady() -> (Known, String) {
    let server = Known::start(|_, _| Answer::After(Duration::from_millis(2)));
    let address = format!("http://{}", server.address);
    (server, address)
}

/// The intervals of a log: the tag of each, its length and its times.
fn intervals(file: &Path) -> Vec<(String, Duration, Histogram<u64>)> {
    let log = fs::read(file).unwrap();
    let interval = |entry: LogEntry<'_>| {
        let LogEntry::Interval(interval) = entry else { return None };
        let compressed = base64(interval.encoded_histogram());
        let histogram = Deserializer::new().deserialize(&mut Cursor::new(compressed)).unwrap();
        let tag = interval.tag().map(|tag| tag.as_str().to_owned()).unwrap_or_default();
        Some((tag, interval.duration(), histogram))
    };
    IntervalLogIterator::new(&log).filter_map(|entry| interval(entry.unwrap())).collect()
}

#[test]
fn the_log_holds_every_request() {
    with_longer_times(|_| {
        let (_server, address) = steady();
        let file = tempfile::NamedTempFile::new().unwrap();
        let hdr = ["--hdr", file.path().to_str().unwrap()];
        let told = bench(&[&[address.as_str(), "-c", "2", "-d", "2", "--warm-up", "0"], &hdr[..]].concat());
        let log = intervals(file.path());
        let requests: u64 = log.iter().map(|(_, _, histogram)| histogram.len()).sum();
        assert_eq!((log.len(), Some(requests)), (2, told["requests"].as_u64()));
        for (tag, length, histogram) in &log {
            assert_eq!((tag.as_str(), *length), ("", Duration::from_secs(1)));
            assert!(histogram.min() >= 2_000_000, "values are nanoseconds");
        }
        // Of a search it has each step, by its rate.
        let told =
            bench(&[&[address.as_str(), "--slo", "p99=1s", "-c", "2", "-d", "0.3"], &hdr[..]].concat());
        let log = intervals(file.path());
        let steps = told["steps"].as_array().unwrap();
        assert_eq!(log.len(), steps.len());
        for ((tag, _, histogram), step) in log.iter().zip(steps) {
            let rate = step["run"]["load"]["rate"].as_f64();
            assert_eq!(*tag, rate.map_or_else(|| "closed".to_owned(), |rate| format!("rate={rate}")));
            assert_eq!(Some(histogram.len()), step["run"]["requests"].as_u64());
        }
    });
}

/// Bytes out of base64 (RFC 4648, section 4).
fn base64(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.trim_end_matches('=').chars() {
        bits = bits << 6 | u32::try_from(alphabet.find(letter).unwrap()).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

#[test]
fn the_page_stands_alone() {
    let (_server, address) = steady();
    let file = tempfile::NamedTempFile::new().unwrap();
    let html = ["--html", file.path().to_str().unwrap()];
    for args in [
        &[address.as_str(), "-d", "2", "--warm-up", "0"][..],
        &[&address, "--rate", "100", "-d", "2", "--warm-up", "0"],
        &[&address, "--vs", &address, "-d", "1", "--warm-up", "0", "--rounds", "2"],
        &[&address, "--slo", "p99=1s", "-c", "2", "-d", "0.3", "--warm-up", "0"],
    ] {
        let done = run(&[&["bench"], args, &html].concat());
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        let page = fs::read_to_string(file.path()).unwrap();
        assert_eq!(page.matches("<svg ").count(), 3, "{page}");
        for loads in ["<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(loads), "{loads} in {page}");
        }
        assert!(page.ends_with("</body></html>\n") && page.contains("<h2>Latency by percentile</h2>"));
    }
    let done = run(&["bench", &address, "--html", "/nowhere/page.html"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.starts_with("tidegate: --html: cannot write /nowhere/page.html: "), "{}", done.err);
}

/// A terminal, and what is written to it.
fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (File::from(ours), theirs)
}

#[test]
fn a_line_goes_along_and_ctrl_c_tells_what_there_was() {
    let (_server, address) = steady();
    let (mut ours, theirs) = terminal();
    let mut command = tidegate(["bench", &address, "-d", "600", "--warm-up", "0"]);
    let mut child = Killed(command.stdout(Stdio::piped()).stderr(theirs).spawn().unwrap());
    drop(command);
    let (mut seen, mut piece, begin) = (String::new(), [0; 1024], Instant::now());
    while !(seen.contains(" of 600 s   ") && seen.contains(" ms   0 failed")) {
        assert!(begin.elapsed() < PATIENCE, "{seen:?}");
        let count = ours.read(&mut piece).unwrap();
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    kill(Pid::from_raw(i32::try_from(child.0.id()).unwrap()), Signal::SIGINT).unwrap();
    let mut told = String::new();
    child.0.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(1));
    assert!(told.contains("  ended early: interrupted") && told.contains("  p50 "), "{told}");
}
