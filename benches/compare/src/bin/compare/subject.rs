//! What a row of the protocols' tables measures: one protocol of one server.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tidegate_compare::address::Address;
use tidegate_compare::attached::{self, Event};
use tidegate_compare::grid::Grid;
use tidegate_compare::load::{self, Bound, Report, Target};
use tidegate_compare::protocol::Protocol;
use tidegate_compare::server::Server;

use crate::Bench;
use crate::contenders::ONE_PROCESS;
use crate::measure::{HELLO, Sample, cell, on_each, sample, text};

/// strace makes a request a hundred times as slow, so these are enough.
const TRACED_REQUESTS: u64 = 4000;

/// For perf: enough to make the attaching negligible.
const COUNTED_REQUESTS: u64 = 50_000;

/// Those two end by their count, long before.
const MUCH_TIME: Duration = Duration::from_secs(20);

/// A protocol, and whose CPU a request through it costs.
pub(crate) struct Subject<'a> {
    pub(crate) servers: Vec<&'a Server>,
    pub(crate) address: &'a Address,
    pub(crate) protocol: Protocol,
    /// What is asked, in turns.
    pub(crate) packets: Vec<Vec<u8>>,
    /// Every reply's.
    pub(crate) body: &'a [u8],
}

impl<'a> Subject<'a> {
    /// The small request for `target`.
    pub(crate) fn hello(
        servers: Vec<&'a Server>,
        address: &'a Address,
        protocol: Protocol,
        target: &str,
    ) -> Self {
        Subject { servers, address, protocol, packets: vec![protocol.get(target)], body: HELLO }
    }

    /// What is asked of it, and what the answer must be.
    pub(crate) fn target(&self) -> Target<'_> {
        Target { address: self.address, protocol: self.protocol, packets: &self.packets, body: self.body }
    }

    /// Requests through this protocol.
    pub(crate) fn load(&self, bench: &Bench, time: Duration, requests: u64) -> io::Result<Report> {
        load::run(&self.target(), bench.connections, Bound { time, requests }, &mut [])
    }

    /// System calls per request by name, under strace, where a slow server never runs out of requests.
    pub(crate) fn traced_calls(&self, bench: &Bench) -> Result<Vec<(String, f64)>, String> {
        let work = || self.load(bench, MUCH_TIME, TRACED_REQUESTS).map(|_| ());
        let calls = attached::system_calls(self.servers[0].pid(), &bench.folder, &bench.cores, work)?;
        let per_request = |(name, count)| (name, count as f64 / TRACED_REQUESTS as f64);
        Ok(calls.into_iter().map(per_request).collect())
    }

    /// What perf counts per request at full speed, where a server runs out of requests.
    pub(crate) fn counted(&self, bench: &Bench, event: Event) -> Result<f64, String> {
        self.load(bench, MUCH_TIME, 1).map_err(text)?;
        let work = || self.load(bench, MUCH_TIME, COUNTED_REQUESTS).map(|_| ());
        let count = event.count(self.servers[0].pid(), &bench.folder, &bench.cores, work)?;
        Ok(count as f64 / COUNTED_REQUESTS as f64)
    }

    fn last_lines(&self) -> String {
        let said =
            self.servers.iter().map(|server| format!("{} said: {}", server.address, server.last_line()));
        said.collect::<Vec<_>>().join("; ")
    }
}

/// One per round, or why there is none.
pub(crate) type Samples = Result<Vec<Sample>, String>;

/// A sample of every subject in every round.
pub(crate) fn samples(bench: &Bench, subjects: &[Result<Subject<'_>, String>]) -> Vec<Samples> {
    in_rounds(bench, subjects, |subject| {
        sample(bench.time, &subject.servers, |time| subject.load(bench, time, u64::MAX))
    })
}

/// Measures every subject once per round; every round begins with another one, so that what disturbs the
/// machine disturbs all of them. One that fails is out, and its reason takes the cells.
pub(crate) fn in_rounds<T>(
    bench: &Bench,
    subjects: &[Result<Subject<'_>, String>],
    mut measure: impl FnMut(&Subject<'_>) -> io::Result<T>,
) -> Vec<Result<Vec<T>, String>> {
    let mut samples: Vec<Result<Vec<T>, String>> = on_each(subjects, |_| Ok(Vec::new()));
    for round in 0..bench.rounds {
        for turn in 0..subjects.len() {
            let column = (round + turn) % subjects.len();
            let (Ok(subject), Ok(earlier)) = (&subjects[column], &mut samples[column]) else {
                continue;
            };
            match measure(subject) {
                Ok(sample) => earlier.push(sample),
                Err(error) => {
                    eprintln!("out: {error}. {}", subject.last_lines());
                    samples[column] = Err(text(error));
                }
            }
        }
    }
    samples
}

/// A column: its name, the digits behind the point, and what it takes of a sample.
pub(crate) type Figure = (&'static str, usize, fn(&Sample) -> f64);

pub(crate) const CPU: &str = "server CPU per request, µs";
pub(crate) const PER_CPU_SECOND: &str = "requests per second of server CPU";

/// What is measured of requests to one server.
pub(crate) const FIGURES: [Figure; 6] = [
    ("requests per second", 0, |sample| sample.per_second),
    ("p50, µs", 1, |sample| sample.p50),
    ("p99, µs", 1, |sample| sample.p99),
    (CPU, 2, Sample::cpu_sum),
    (PER_CPU_SECOND, 0, |sample| 1e6 / sample.cpu_sum()),
    ("server's core busy, %", 0, |sample| sample.busy),
];

pub(crate) const TRACED: &str = "system calls per request (strace)";
pub(crate) const COUNTED: &str = "the same at full speed (perf)";

/// The figures of every row.
pub(crate) fn grid(
    title: &str,
    rows: impl Iterator<Item = impl Into<String>>,
    samples: &[Samples],
    figures: &[Figure],
) -> Grid {
    let cells = |samples| figures.iter().map(|(_, _, of)| cell(samples, of)).collect();
    Grid {
        title: title.to_owned(),
        columns: figures.iter().map(|(name, decimals, _)| (*name, *decimals)).collect(),
        rows: rows.zip(samples).map(|(name, samples)| (name.into(), cells(samples))).collect(),
    }
}

/// `tidegate serve hello` with a listener per protocol and address.
pub(crate) fn serve_hello(
    bench: &Bench,
    tidegate: &Path,
    protocols: &[(Protocol, Address)],
    options: &[&str],
) -> Result<Server, String> {
    let mut command = Command::new(tidegate);
    command.env(ONE_PROCESS.0, ONE_PROCESS.1).args(["serve", "hello"]).args(options);
    for (protocol, address) in protocols {
        command.args([format!("--{protocol}"), address.to_string()]);
    }
    let addresses: Vec<&Address> = protocols.iter().map(|(_, address)| address).collect();
    start(bench, command, &addresses)
}

/// Starts what listens on all these addresses.
pub(crate) fn start(bench: &Bench, command: Command, addresses: &[&Address]) -> Result<Server, String> {
    let program = Path::new(command.get_program());
    if !program.exists() {
        return Err("not built".into());
    }
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let address = addresses[0].to_string();
    let place = address.rsplit(['/', ':']).next().unwrap_or_default();
    let log = bench.folder.join(format!("{name}-{place}.log"));
    let start = || {
        let mut server = Server::start(command, addresses[0].clone(), &log, &bench.cores)?;
        addresses[1..].iter().try_for_each(|address| server.wait_for(address))?;
        Ok(server)
    };
    start().map_err(|error: io::Error| error.to_string())
}
