//! The protocols, one by one and directly: which costs what, beside the floor and a hyper hello.

use std::process::Command;

use tidegate_compare::address::Address;
use tidegate_compare::attached::Event;
use tidegate_compare::grid::{Bound, Claim, Grid};
use tidegate_compare::protocol::Protocol;
use tidegate_compare::server::Server;
use tidegate_compare::table::Cell;

use crate::Bench;
use crate::contenders::beside;
use crate::measure::on_each;
use crate::subject::{
    COUNTED, CPU, FIGURES, PER_CPU_SECOND, Subject, TRACED, grid, samples, serve_hello, start,
};

const FLOOR: &str = "floor";
const FLOOR_KEPT: &str = "floor, kept alive";
const FLOOR_TCP: &str = "floor, kept alive, TCP";
const BEFORE: &str = "uwsgi, before";
const UWSGI: &str = "uwsgi";
const SCGI: &str = "SCGI";
const FASTCGI: &str = "FastCGI, kept alive";
const HTTP: &str = "HTTP, kept alive";
const HYPER: &str = "hyper, kept alive";
const HTTP_TCP: &str = "HTTP, kept alive, TCP";
const HYPER_TCP: &str = "hyper, kept alive, TCP";

/// The aims. What is the same twice differs by a hundredth here and there.
const CLAIMS: [Claim<'_>; 3] = [
    Claim { row: HTTP_TCP, base: HYPER_TCP, column: PER_CPU_SECOND, bound: Bound::AtLeast(1.2) },
    Claim { row: HTTP, base: HYPER, column: PER_CPU_SECOND, bound: Bound::AtLeast(1.2) },
    Claim { row: UWSGI, base: BEFORE, column: CPU, bound: Bound::AtMost(1.02) },
];

/// All that is started for the table.
struct Places {
    floors: [(&'static str, Protocol, Address); 3],
    before: Address,
    /// Tidegate's, with the names of their rows.
    protocols: Vec<(&'static str, Protocol, Address)>,
    hyper: [(&'static str, Address); 2],
}

impl Places {
    fn new(bench: &Bench) -> std::io::Result<Places> {
        let unix = |name: &str| Address::unix(&bench.folder.join(format!("{name}.sock")));
        Ok(Places {
            floors: [
                (FLOOR, Protocol::Uwsgi, unix("floor")?),
                (FLOOR_KEPT, Protocol::Http, unix("floor-kept")?),
                (FLOOR_TCP, Protocol::Http, Address::free_tcp()?),
            ],
            before: unix("before")?,
            protocols: vec![
                (UWSGI, Protocol::Uwsgi, unix("uwsgi")?),
                (SCGI, Protocol::Scgi, unix("scgi")?),
                (FASTCGI, Protocol::Fastcgi, unix("fastcgi")?),
                (HTTP, Protocol::Http, unix("http")?),
                (HTTP_TCP, Protocol::Http, Address::free_tcp()?),
            ],
            hyper: [(HYPER, unix("hyper")?), (HYPER_TCP, Address::free_tcp()?)],
        })
    }
}

/// Starts all servers, measures, and returns the table with the sentences below it.
pub(crate) fn directly(bench: &Bench) -> std::io::Result<(Grid, Vec<String>)> {
    let places = Places::new(bench)?;
    let floor_path = beside("floor")?;
    let floors = places.floors.each_ref().map(|(_, protocol, address)| {
        let mut command = Command::new(&floor_path);
        command.arg(address.to_string()).args(protocol.keeps_alive().then_some("--keep-alive"));
        start(bench, command, &[address])
    });
    let mut command = Command::new(beside("hyper-peer")?);
    command.args(places.hyper.iter().map(|(_, address)| address.to_string()));
    let hyper = start(bench, command, &places.hyper.each_ref().map(|(_, address)| address));
    let listeners: Vec<_> =
        places.protocols.iter().map(|(_, protocol, at)| (*protocol, at.clone())).collect();
    let tidegate = serve_hello(bench, &bench.tidegate, &listeners, &[]);
    let before = bench.before.as_ref().map(|before| {
        let uwsgi = [(Protocol::Uwsgi, places.before.clone())];
        serve_hello(bench, before, &uwsgi, &[])
    });

    let mut rows: Vec<Place<'_>> = places
        .floors
        .iter()
        .zip(&floors)
        .map(|((name, protocol, at), floor)| (*name, *protocol, at, floor))
        .collect();
    rows.extend(before.as_ref().map(|before| (BEFORE, Protocol::Uwsgi, &places.before, before)));
    rows.extend(
        places.protocols.iter().map(|(name, protocol, address)| (*name, *protocol, address, &tidegate)),
    );
    rows.extend(places.hyper.iter().map(|(name, address)| (*name, Protocol::Http, address, &hyper)));
    // Beside what they are compared with.
    rows.sort_by_key(|(name, protocol, ..)| (name.ends_with("TCP"), protocol.keeps_alive()));
    Ok(table(bench, &rows))
}

type Place<'a> = (&'static str, Protocol, &'a Address, &'a Result<Server, String>);

fn table(bench: &Bench, places: &[Place<'_>]) -> (Grid, Vec<String>) {
    let subjects: Vec<Result<Subject<'_>, String>> = (places.iter())
        .map(|(_, protocol, address, server)| {
            let server = server.as_ref().map_err(Clone::clone)?;
            Ok(Subject::hello(vec![server], address, *protocol, "/"))
        })
        .collect();
    let samples = samples(bench, &subjects);
    let mut grid = grid("protocol", places.iter().map(|(name, ..)| *name), &samples, &FIGURES);
    for (name, calls) in system_calls(bench, &subjects) {
        grid.columns.push((name, 2));
        grid.rows.iter_mut().zip(calls).for_each(|((_, cells), calls)| cells.push(calls));
    }
    let claims = CLAIMS.iter().filter_map(|claim| claim.judge(&grid)).collect();
    (grid, claims)
}

/// Columns of system calls per request: under strace and, if perf can count them, at full speed.
fn system_calls(bench: &Bench, subjects: &[Result<Subject<'_>, String>]) -> Vec<(&'static str, Vec<Cell>)> {
    let traced = on_each(subjects, |subject| {
        let calls = subject.traced_calls(bench)?;
        eprintln!("  {} {}: {calls:?}", subject.protocol, subject.address);
        Ok(vec![calls.iter().map(|(_, count)| count).sum()])
    });
    let mut columns = vec![(TRACED, traced)];
    if Event::SystemCalls.is_counted(&bench.folder) {
        let counted = on_each(subjects, |subject| Ok(vec![subject.counted(bench, Event::SystemCalls)?]));
        columns.push((COUNTED, counted));
    }
    columns
}
