//! Python applications, and uploads to one: tidegate beside the other servers that host them.

mod applications;
mod peers;
mod requests;
mod venv;

use std::io;

use tidegate_compare::address::Address;
use tidegate_compare::grid::{Bound, Claim, Grid};
use tidegate_compare::server::Server;
use tidegate_compare::table::Cell;
use tidegate_compare::upload;

use crate::Bench;
use crate::measure::{Sample, on_each, sample, text};
use crate::subject::{CPU, Figure, Samples, Subject, grid, in_rounds, samples, start};
use applications::Application;
use peers::Peer;

const MEMORY: &str = "peak RSS, MiB";

const FIGURES: [Figure; 5] = [
    ("requests per second", 0, |sample| sample.per_second),
    ("p50, µs", 0, |sample| sample.p50),
    ("p99, µs", 0, |sample| sample.p99),
    ("server's core busy, %", 0, |sample| sample.busy),
    (CPU, 2, Sample::cpu_sum),
];

/// Those of uploads, a few in each round: no percentiles.
const UPLOAD_FIGURES: [Figure; 3] = [
    ("uploads per second", 1, |sample| sample.per_second),
    ("server's core busy, %", 0, |sample| sample.busy),
    (CPU, 0, Sample::cpu_sum),
];

const MIB: f64 = (1 << 20) as f64;

/// Every application under every server.
pub(crate) fn hosted(bench: &Bench) -> io::Result<(Grid, Vec<String>)> {
    table(bench, &applications::ALL, &peers::ALL, &FIGURES)
}

/// Uploads of each size to every server, one at a time.
pub(crate) fn uploads(bench: &Bench) -> io::Result<(Grid, Vec<String>)> {
    table(bench, &applications::UPLOADS, &peers::OVER_UWSGI, &UPLOAD_FIGURES)
}

/// Measures every application under every server, and returns the table with the sentences below it.
fn table(
    bench: &Bench,
    applications: &[Application],
    peers: &[Peer],
    figures: &[Figure],
) -> io::Result<(Grid, Vec<String>)> {
    let (applications, mut notes) =
        venv::installed(&bench.python, applications, |one| (one.title, one.package));
    let (peers, missing) = venv::installed(&bench.python, peers, |one| (one.title, Some(one.package)));
    notes.extend(missing);
    let (mut names, mut rounds, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for (nth, application) in applications.iter().enumerate() {
        eprintln!("  {}…", application.title);
        let (samples, peaks) = measure(bench, nth, application, &peers)?;
        names.extend(peers.iter().map(|peer| row(application, peer)));
        rounds.extend(samples);
        memory.extend(peaks);
    }
    let mut grid = grid("application: server", names.into_iter(), &rounds, figures);
    let ratios: Vec<Cell> = grid.rows.iter().map(|(name, _)| ratios(&grid, name)).collect();
    grid.columns.extend([("÷ uWSGI's", 2), (MEMORY, 1)]);
    for ((_, cells), more) in grid.rows.iter_mut().zip(ratios.into_iter().zip(memory)) {
        cells.extend([more.0, more.1]);
    }

    let aims = applications.iter().flat_map(|application| judge(&grid, application));
    let aims: Vec<String> = aims.collect();
    notes.splice(0..0, aims);
    let versions = applications.iter().filter_map(|application| application.package);
    let versions = versions.chain(peers.iter().filter(|peer| !peer.is_ours()).map(|peer| peer.package));
    notes.push(format!("{}.", venv::versions(&bench.python, versions)));
    Ok((grid, notes))
}

fn row(application: &Application, peer: &Peer) -> String {
    format!("{}: {}", application.title, peer.title)
}

/// The samples of every server with this application, the `nth`, and the most memory that each has used.
fn measure(
    bench: &Bench,
    nth: usize,
    application: &Application,
    peers: &[&Peer],
) -> io::Result<(Vec<Samples>, Vec<Cell>)> {
    let address = |peer: &Peer| {
        // granian does not replace a socket that is left over: each has a name of its own.
        let name = format!("{}-{nth}-{}-{}.sock", application.module, peer.package, peer.protocol);
        Address::unix(&bench.folder.join(name))
    };
    let addresses = peers.iter().map(|peer| address(peer)).collect::<io::Result<Vec<_>>>()?;
    let servers: Vec<Result<Server, String>> = (peers.iter().zip(&addresses))
        .map(|(peer, address)| start(bench, peer.command(&bench.python, application, address), &[address]))
        .collect();
    let body = (application.body)();
    let subjects: Vec<Result<Subject<'_>, String>> = (peers.iter().zip(&servers).zip(&addresses))
        .map(|((peer, server), address)| {
            let servers = vec![server.as_ref().map_err(Clone::clone)?];
            let packets = match application.upload {
                None => requests::packets(peer.protocol, application.browsers),
                Some(length) => vec![requests::upload(peer.protocol, length)],
            };
            Ok(Subject { servers, address, protocol: peer.protocol, packets, body: &body })
        })
        .collect();
    let samples = match application.upload {
        None => samples(bench, &subjects),
        Some(length) => in_rounds(bench, &subjects, |subject| {
            sample(bench.time, &subject.servers, |time| upload::run(&subject.target(), length, time))
        }),
    };
    let peaks = on_each(&servers, |server| Ok(vec![server.peak_memory().map_err(text)? as f64 / MIB]));
    Ok((samples, peaks))
}

/// What a row's server has spent on each request, round by round, times what the aims compare it with has spent.
fn ratios(grid: &Grid, name: &str) -> Cell {
    let base = name.split_once(": ").map(|(application, _)| format!("{application}: {}", peers::BASE.title));
    let cell = |name: &str| grid.cell(name, CPU).cloned().unwrap_or_else(|| Ok(Vec::new()));
    let base = base.and_then(|base| cell(&base).ok()).unwrap_or_default();
    Ok(cell(name)?.iter().zip(base).map(|(cpu, base)| cpu / base).collect())
}

fn judge(grid: &Grid, application: &Application) -> Vec<String> {
    let (row, base) = (row(application, &peers::TIDEGATE), row(application, &peers::BASE));
    let claim = |column, bound| Claim { row: &row, base: &base, column, bound }.judge(grid);
    let cpu = claim(CPU, Bound::AtMost(application.cpu_aim));
    // What bodies may have of the memory is an option, --body-memory.
    let memory = application.upload.is_none().then(|| claim(MEMORY, Bound::AtMostMore(3.0)));
    [cpu, memory.flatten()].into_iter().flatten().collect()
}
