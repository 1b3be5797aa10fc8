//! A run as a log of HdrHistogram, which its tools read.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::super::Result;

/// The latencies of a stretch of time, nanoseconds.
pub(super) struct Interval<'a> {
    /// How long after the begin of all, and for how long.
    pub(super) from: Duration,
    pub(super) length: Duration,
    pub(super) latency: &'a Histogram<u64>,
    /// What sets it apart from the others.
    pub(super) tag: Option<String>,
}

/// Writes what was measured since `begun`.
pub(super) fn write<'a>(
    file: File,
    begun: SystemTime,
    intervals: impl Iterator<Item = Interval<'a>>,
) -> Result<()> {
    write_to(BufWriter::new(file), begun, intervals).map_err(|error| format!("--hdr: {error}").into())
}

fn write_to<'a>(
    mut out: impl Write,
    begun: SystemTime,
    intervals: impl Iterator<Item = Interval<'a>>,
) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(concat!(
            "tidegate ",
            env!("CARGO_PKG_VERSION"),
            " bench; values in nanoseconds, the longest in milliseconds"
        ))
        .with_start_time(begun)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut out, &mut serializer)?;
    for Interval { from, length, latency, tag } in intervals {
        let written = log.write_histogram(latency, from, length, tag.as_deref().and_then(Tag::new));
        written.map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    out.flush()
}
