//! What a row of the protocols' tables measures: one protocol of one server.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tidegate_compare::address::Address;
use tidegate_compare::grid::Grid;
use tidegate_compare::load::{self, Bound, Report, Target};
use tidegate_compare::protocol::Protocol;
use tidegate_compare::server::Server;

use crate::Bench;
use crate::contenders::ONE_PROCESS;
use crate::measure::{HELLO, Sample, cell, in_rounds, sample};

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

    /// Requests through this protocol.
    pub(crate) fn load(&self, bench: &Bench, time: Duration, requests: u64) -> io::Result<Report> {
        let target = Target {
            address: self.address,
            protocol: self.protocol,
            packets: &self.packets,
            body: self.body,
        };
        load::run(&target, bench.connections, Bound { time, requests }, &mut [])
    }
}

/// One per round, or why there is none.
pub(crate) type Samples = Result<Vec<Sample>, String>;

/// A sample of every subject in every round.
pub(crate) fn samples(bench: &Bench, subjects: &[Result<Subject<'_>, String>]) -> Vec<Samples> {
    let abort_reply = |subject: &Subject<'_>| {
        let said =
            subject.servers.iter().map(|server| format!("{} said: {}", server.address, server.last_line()));
        said.collect::<Vec<_>>().join("; ")
    };
    in_rounds(bench.rounds, subjects, abort_reply, |subject| {
        sample(bench.time, &subject.servers, |time| subject.load(bench, time, u64::MAX))
    })
}

/// A column: its name, the digits behind the point, and what it takes of a sample.
pub(crate) type Figure = (&'static str, usize, fn(&Sample) -> f64);

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
