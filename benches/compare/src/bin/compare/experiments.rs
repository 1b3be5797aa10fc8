//! The experiments of the first table, each a row or a few of it.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tidegate_compare::attached::Event;
use tidegate_compare::idle;
use tidegate_compare::load::{self, Bound};
use tidegate_compare::procfs;
use tidegate_compare::protocol::Protocol;
use tidegate_compare::server::Server;
use tidegate_compare::stream::{ENDLESS, Stream, download};
use tidegate_compare::table::{Aim, Row};

use crate::Bench;
use crate::contenders::{LARGE, Role};
use crate::measure::{SETTLE, WARM_UP, cells, on_each, text};
use crate::subject::{COUNTED, CPU, FIGURES, Figure, Subject, TRACED, in_rounds, samples};

const IDLE_CONNECTIONS: usize = 10_000;
const ENDLESS_STREAMS: usize = 2;

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;

/// A server per column, or what its cells say instead.
pub(crate) type Servers = Vec<Result<Server, String>>;

/// What is measured of each.
pub(crate) type Subjects<'a> = [Result<Subject<'a>, String>];

/// What is measured of each column's server: requests for `target`.
pub(crate) fn subjects<'a>(servers: &'a Servers, target: &str) -> Vec<Result<Subject<'a>, String>> {
    on_each(servers, |server| Ok(Subject::hello(vec![server], &server.address, Protocol::Uwsgi, target)))
}

/// Small requests as fast as they go: throughput, latency and what the server spends on each.
pub(crate) fn hello(bench: &Bench, subjects: &Subjects<'_>) -> Vec<Row> {
    let samples = samples(bench, subjects);
    let row = |(name, decimals, of): Figure| {
        let aim = (name == CPU).then_some(Aim::AtMostFloor(1.15));
        Row { name: name.into(), decimals, cells: cells(&samples, of), aim }
    };
    let bytes: Figure = ("bytes per reply", 0, |sample| sample.reply_bytes);
    FIGURES.into_iter().chain([bytes]).map(row).collect()
}

/// System calls per request, and for the notes which they are.
pub(crate) fn system_calls(bench: &Bench, subjects: &Subjects<'_>) -> (Row, Vec<String>) {
    let counts = on_each(subjects, |subject| subject.traced_calls(bench));
    let mut notes = Vec::new();
    for (contender, calls) in bench.contenders.iter().zip(&counts) {
        if let Ok(calls) = calls {
            let frequent = calls.iter().filter(|(_, count)| *count >= 0.01);
            let list: Vec<_> = frequent.map(|(name, count)| format!("{name} {count:.2}")).collect();
            notes.push(format!("System calls of {}: {}.", contender.title(), list.join(", ")));
        }
    }
    let total = |calls: Vec<(String, f64)>| vec![calls.iter().map(|(_, count)| count).sum()];
    let cells = counts.into_iter().map(|calls| calls.map(total)).collect();
    (Row { name: TRACED.into(), decimals: 2, cells, aim: Some(Aim::AtMost(CALLS_MAX)) }, notes)
}

/// The same at full speed, and instructions, where the machine counts them: strace slows a server so
/// much that it never runs out of requests, and so hides what waiting costs.
pub(crate) fn at_full_speed(bench: &Bench, subjects: &Subjects<'_>) -> Vec<Row> {
    let row = |(event, name, decimals, aim): (Event, &str, usize, Option<Aim>)| {
        let cells = on_each(subjects, |subject| Ok(vec![subject.counted(bench, event)?]));
        Row { name: name.into(), decimals, cells, aim }
    };
    let rows = [
        (Event::SystemCalls, COUNTED, 2, Some(Aim::AtMost(CALLS_MAX))),
        (Event::Instructions, "instructions per request", 0, None),
    ];
    rows.into_iter().filter(|(event, ..)| event.is_counted(&bench.folder)).map(row).collect()
}

/// The most that a server had resident after all those small requests.
pub(crate) fn peak_memory(subjects: &Subjects<'_>) -> Row {
    let cells = on_each(subjects, |subject| {
        let memory = procfs::memory(subject.servers[0].pid()).map_err(text)?;
        Ok(vec![memory.peak as f64 / MIB])
    });
    Row { name: "peak RSS, MiB".into(), decimals: 2, cells, aim: Some(Aim::AtMost(4.0)) }
}

/// What ten thousand silent connections add.
pub(crate) fn idle_connections(bench: &Bench, subjects: &Subjects<'_>) -> Row {
    let limit = idle::raise_descriptor_limit();
    let cells = (bench.contenders.iter().zip(subjects))
        .map(|(contender, subject)| {
            contender.holds_idle_connections()?;
            let subject = subject.as_ref().map_err(Clone::clone)?;
            match &limit {
                Ok(limit) if *limit > IDLE_CONNECTIONS as u64 + 100 => {}
                _ => return Err("too few descriptors".into()),
            }
            let bytes = added_by_idle(subject.servers[0]).map_err(text)?;
            // It must still be there for others.
            subject.load(bench, WARM_UP, 1).map_err(text)?;
            Ok(vec![bytes / MIB])
        })
        .collect();
    Row {
        name: "RSS added by 10,000 idle connections, MiB".into(),
        decimals: 2,
        cells,
        aim: Some(Aim::AtMost(10.0)),
    }
}

fn added_by_idle(server: &Server) -> io::Result<f64> {
    let before = procfs::memory(server.pid())?.resident;
    let descriptors = procfs::descriptors(server.pid())?;
    let held = idle::hold(&server.address, IDLE_CONNECTIONS)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let accepted = procfs::descriptors(server.pid())?.saturating_sub(descriptors);
        if accepted >= held.len() {
            break;
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("accepted only {accepted}")));
        }
        sleep(Duration::from_millis(10));
    }
    sleep(SETTLE);
    let after = procfs::memory(server.pid())?.resident;
    Ok(after as f64 - before as f64)
}

/// How long a small request takes while two readers drain endless streams as fast as they come.
pub(crate) fn beside_streams(bench: &Bench) -> (Row, Vec<String>) {
    let servers = bench.start(Role::HelloBesideStreams);
    let endless = Protocol::Uwsgi.get(ENDLESS);
    let subjects = subjects(&servers, Role::HelloBesideStreams.hello_target());
    let samples = in_rounds(bench, &subjects, |subject| {
        let mut streams = (0..ENDLESS_STREAMS)
            .map(|_| Stream::open(subject.address, &endless))
            .collect::<io::Result<Vec<_>>>()?;
        let bound = Bound { time: bench.time, requests: u64::MAX };
        let report = load::run(&subject.target(), 1, bound, &mut streams)?;
        if streams.iter().any(|stream| stream.received == 0) {
            return Err(io::Error::other("a stream did not flow"));
        }
        let bytes: u64 = streams.iter().map(|stream| stream.received).sum();
        Ok((report.within(0.99).as_secs_f64() * 1e3, bytes as f64 / GIB / report.elapsed.as_secs_f64()))
    });
    let mut notes = Vec::new();
    for (contender, samples) in bench.contenders.iter().zip(&samples) {
        if let Ok(samples) = samples {
            let rates: Vec<String> = samples.iter().map(|(_, rate)| format!("{rate:.2}")).collect();
            let title = contender.title();
            notes.push(format!("The two streams of {title} moved {} GiB/s.", rates.join(", ")));
        }
    }
    let row = Row {
        name: "p99 of a small request beside two endless streams, ms".into(),
        decimals: 2,
        cells: cells(&samples, |(p99, _)| *p99),
        aim: Some(Aim::AtMost(5.0)),
    };
    (row, notes)
}

/// One large answer: how fast it arrives, and what the server spends on it.
pub(crate) fn large_answer(bench: &Bench) -> Vec<Row> {
    let servers = bench.start(Role::Large);
    let subjects = subjects(&servers, Role::LARGE_TARGET);
    let samples = in_rounds(bench, &subjects, |subject| {
        let server = subject.servers[0];
        let before = procfs::cpu_time(server.pid())?;
        let rate = download(subject.address, &subject.packets[0], LARGE)?;
        sleep(SETTLE);
        Ok((rate / GIB, (procfs::cpu_time(server.pid())? - before).as_secs_f64() * 1e3))
    });
    let row = |name: &str, decimals, aim, of: fn(&(f64, f64)) -> f64| Row {
        name: name.into(),
        decimals,
        cells: cells(&samples, of),
        aim,
    };
    vec![
        row("a response of 1 GiB, GiB/s", 2, Some(Aim::AtLeastFloor(0.9)), |sample| sample.0),
        row("server CPU for it, ms", 0, None, |sample| sample.1),
    ]
}

/// System calls of a request: accept4, recv, send, recv, close, and what many share. On a unix socket the request's end stays
/// unread until the response is out, so that a break is seen.
const CALLS_MAX: f64 = 5.5;
