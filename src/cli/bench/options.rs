//! What `tidegate bench` is given.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Args;

use super::super::request::Choice;
use super::super::values::{Seconds, waiting_time};
use super::assertion::{self, Assertion};
use super::endpoint::Endpoint;

/// What `tidegate bench` is given.
#[derive(Args, Debug)]
pub(in crate::cli) struct Options {
    // Brackets in a doc comment would be a link.
    #[arg(
        help = "The server: HOST:PORT, [V6]:PORT, /path, unix:/path or @name, perhaps behind its protocol as http://"
    )]
    pub(super) addr: Endpoint,

    #[command(flatten)]
    pub(super) choice: Choice,

    /// What to ask for, as it stands in a URL.
    #[arg(value_name = "PATH", default_value = "/")]
    pub(super) path: OsString,

    /// Requests in flight: each connection has one at a time.
    #[arg(short, long, value_name = "COUNT", default_value_t = 16, value_parser = connections)]
    pub(super) connections: usize,

    /// Time to measure, of each server with --vs; 10 s, or 3 s for each step of --slo.
    #[arg(short, long, value_name = "SECONDS", value_parser = waiting_time)]
    pub(super) duration: Option<Seconds>,

    /// Requests to measure, in place of a time; of each server with --vs.
    #[arg(short, long, value_name = "COUNT", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) number: Option<u64>,

    /// Requests a second, whatever the server does: the time of each counts from when it was due.
    #[arg(long, value_name = "COUNT", value_parser = rate)]
    pub(super) rate: Option<f64>,

    /// The highest rate that keeps a bound, as p99=5ms, is looked for, step by step.
    #[arg(long, value_name = "BOUND", value_parser = assertion::bound, conflicts_with_all = ["rate", "number", "vs", "baseline", "assert"])]
    pub(super) slo: Option<Assertion>,

    /// A second server, which is asked the same in turns with the first.
    #[arg(long, value_name = "ADDR", conflicts_with_all = ["baseline", "assert"])]
    pub(super) vs: Option<Endpoint>,

    /// In how many rounds the two are measured.
    #[arg(long, value_name = "COUNT", default_value_t = 10, requires = "vs", value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pub(super) rounds: u32,

    /// The process of the second server, as --pid.
    #[arg(long, value_name = "PID", requires = "vs")]
    pub(super) vs_pid: Option<i32>,

    /// An earlier run's JSON, to compare with.
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,

    /// Load before what counts; 1 s unless this or -n is given.
    #[arg(long, value_name = "SECONDS")]
    pub(super) warm_up: Option<Seconds>,

    /// Time for the whole of a reply.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = waiting_time)]
    pub(super) timeout: Seconds,

    /// A new connection for each request over HTTP and FastCGI too.
    #[arg(long)]
    pub(super) close: bool,

    /// The method; GET unless this is given, or POST with --data or --data-file.
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(super) method: Option<OsString>,

    /// A header field in place of what a browser sends; `Name:` alone leaves one out.
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub(super) header: Vec<OsString>,

    /// A body.
    #[arg(long, value_name = "TEXT", conflicts_with = "data_file")]
    pub(super) data: Option<OsString>,

    /// A file with a body.
    #[arg(long, value_name = "FILE")]
    pub(super) data_file: Option<PathBuf>,

    /// A file with requests: lines of METHOD PATH, an access log as nginx and Apache write it, or captured uwsgi packets.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "method"])]
    pub(super) requests: Option<PathBuf>,

    /// Take the requests of the file at random and not in turns; the same SEED is the same order.
    #[arg(long, value_name = "SEED", requires = "requests")]
    pub(super) random: Option<u64>,

    /// What a right reply's status is: 200, 2xx, 200-399.
    #[arg(long, value_name = "STATUS", default_value = "200-399", value_parser = statuses)]
    pub(super) status: RangeInclusive<u16>,

    /// What a right reply's body holds.
    #[arg(long, value_name = "TEXT")]
    pub(super) expect: Option<String>,

    /// The server's process, whose cost is told with that of its children; a unix socket's is found.
    #[arg(long, value_name = "PID")]
    pub(super) pid: Option<i32>,

    /// Count the system calls of the server's processes, which costs each call a moment; root may.
    #[arg(long)]
    pub(super) syscalls: bool,

    /// Threads of the generator, each with its part of the connections.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = threads)]
    pub(super) threads: usize,

    /// The processors that the threads run on, in turns: 0, 2-3, 0,4.
    #[arg(long, value_name = "LIST", value_parser = cpus)]
    pub(super) cpus: Option<Cpus>,

    /// Never sleep: for a generator with a core of its own. The server then has nobody to wake.
    #[arg(long)]
    pub(super) spin: bool,

    /// What must hold, else the exit status is 1: p99<5ms, errors=0, rate>=1000.
    #[arg(long, value_name = "CONDITION")]
    pub(super) assert: Vec<Assertion>,

    /// Print JSON (docs/bench.schema.json).
    #[arg(long)]
    pub(super) json: bool,

    /// Write the times as a log of HdrHistogram.
    #[arg(long, value_name = "FILE", conflicts_with = "vs")]
    pub(super) hdr: Option<PathBuf>,

    /// Write a page with the figures and charts of them.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// Numbers of processors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cpus(pub(super) Vec<usize>);

fn connections(text: &str) -> Result<usize, String> {
    number(text, CONNECTIONS_MAX)
}

fn threads(text: &str) -> Result<usize, String> {
    number(text, THREADS_MAX)
}

fn number(text: &str, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("write a number from 1 to {most}"))
}

fn rate(text: &str) -> Result<f64, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let rate = text.parse().ok().filter(|rate| plain && (RATE_MIN..=RATE_MAX).contains(rate));
    rate.ok_or_else(|| format!("write a number of requests a second, from {RATE_MIN} to {RATE_MAX}"))
}

fn statuses(text: &str) -> Result<RangeInclusive<u16>, String> {
    let code = |text: &str| text.parse().ok().filter(|code| text.len() == 3 && (100..=999).contains(code));
    let range = match text.split_once('-') {
        Some((first, last)) => code(first).zip(code(last)).map(|(first, last)| first..=last),
        None => match text.strip_suffix("xx") {
            Some(class) => class
                .parse::<u16>()
                .ok()
                .filter(|class| (1..=5).contains(class))
                .map(|c| c * 100..=c * 100 + 99),
            None => code(text).map(|code| code..=code),
        },
    };
    range.filter(|range| !range.is_empty()).ok_or_else(|| "write a status, as 200, 2xx or 200-399".to_owned())
}

fn cpus(text: &str) -> Result<Cpus, String> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let bounds = first.parse::<usize>().ok().zip(last.parse::<usize>().ok());
        let bounds = bounds.filter(|(first, last)| first <= last && *last < rustix::thread::CpuSet::MAX_CPU);
        let (first, last) = bounds.ok_or("write numbers of processors, as 0, 2-3 or 0,4")?;
        cpus.extend(first..=last);
    }
    Ok(Cpus(cpus))
}

/// More take more descriptors than a process usually has.
const CONNECTIONS_MAX: usize = 100_000;
/// No machine of today has use for more.
const THREADS_MAX: usize = 1_024;
/// One in a quarter of an hour: who asks less often measures no load.
const RATE_MIN: f64 = 0.001;
/// Beyond it a request is due each tenth of a microsecond, and no clock's reading is as short.
const RATE_MAX: f64 = 10_000_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_values_are_read() {
        assert_eq!((rate("5000"), rate("0.5")), (Ok(5_000.0), Ok(0.5)));
        for text in
            ["", "0", "0.0", "0.0009", "0.00000000000000000000001", "-1", "1e3", "inf", "nan", "99999999"]
        {
            assert!(rate(text).is_err(), "{text}");
        }
        for (text, range) in [("200", 200..=200), ("2xx", 200..=299), ("200-399", 200..=399)] {
            assert_eq!(statuses(text), Ok(range));
        }
        for text in ["", "2", "20", "9xx", "399-200", "200-", "+200", "1000"] {
            assert!(statuses(text).is_err(), "{text}");
        }
        assert_eq!(cpus("0,2-4"), Ok(Cpus(vec![0, 2, 3, 4])));
        for text in ["", "a", "3-1", "0,", "1024"] {
            assert!(cpus(text).is_err(), "{text}");
        }
        assert!(connections("0").is_err() && threads("0").is_err() && threads("+1").is_ok());
    }
}
