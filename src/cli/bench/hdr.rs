//! A run as a log of HdrHistogram, which its tools read.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

use super::super::Result;
use super::run::Measured;

/// Writes the latencies of each stretch of a run that has ended now.
pub(super) fn write(file: File, measured: &Measured) -> Result<()> {
    write_to(BufWriter::new(file), measured).map_err(|error| format!("--hdr: {error}").into())
}

fn write_to(mut out: impl Write, measured: &Measured) -> io::Result<()> {
    let begin = SystemTime::now() - measured.span;
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(concat!(
            "tidegate ",
            env!("CARGO_PKG_VERSION"),
            " bench; values in nanoseconds, the longest in milliseconds"
        ))
        .with_start_time(begin)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut out, &mut serializer)?;
    for (from, seconds, tally) in measured.stretches() {
        let length = Duration::from_secs_f64(seconds);
        let written = log.write_histogram(&tally.latency, Duration::from_secs(from), length, None);
        written.map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    out.flush()
}
