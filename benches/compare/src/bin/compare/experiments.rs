//! The experiments of the first table, each a row or a few of it.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tidegate_compare::attached::{self, Event};
use tidegate_compare::idle;
use tidegate_compare::load::{self, Bound, Target};
use tidegate_compare::procfs;
use tidegate_compare::protocol::Protocol;
use tidegate_compare::server::Server;
use tidegate_compare::stream::{ENDLESS, Stream, download};
use tidegate_compare::table::{Aim, Row};

use crate::Bench;
use crate::contenders::{LARGE, Role};
use crate::measure::{
    self, COUNTED_REQUESTS, HELLO, MUCH_TIME, SETTLE, Sample, TRACED_REQUESTS, WARM_UP, cells, on_each,
    sample, text,
};

const IDLE_CONNECTIONS: usize = 10_000;
const ENDLESS_STREAMS: usize = 2;

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;

/// A server per column, or what its cells say instead.
pub(crate) type Servers = Vec<Result<Server, String>>;

/// Small requests as fast as they go: throughput, latency and what the server spends on each.
pub(crate) fn hello(bench: &Bench, servers: &Servers) -> Vec<Row> {
    let samples = in_rounds(bench, servers, |server| {
        sample(bench.time, &[server], |time| small_requests(bench, server, time, u64::MAX))
    });
    let row = |name: &str, decimals, aim, of: fn(&Sample) -> f64| Row {
        name: name.into(),
        decimals,
        cells: cells(&samples, of),
        aim,
    };
    vec![
        row("requests per second", 0, None, |sample| sample.per_second),
        row("p50, µs", 1, None, |sample| sample.p50),
        row("p99, µs", 1, None, |sample| sample.p99),
        row("server CPU per request, µs", 2, Some(Aim::AtMostFloor(1.15)), Sample::cpu_sum),
        row("requests per second of server CPU", 0, None, |sample| 1e6 / sample.cpu_sum()),
        row("server's core busy, %", 0, None, |sample| sample.busy),
        row("bytes per reply", 0, None, |sample| sample.reply_bytes),
    ]
}

/// System calls per request, and for the notes which they are.
pub(crate) fn system_calls(bench: &Bench, servers: &Servers) -> (Row, Vec<String>) {
    let counts = on_each(servers, |server| {
        attached::system_calls(server.pid(), &bench.folder, &bench.cores, || {
            small_requests(bench, server, MUCH_TIME, TRACED_REQUESTS).map(|_| ())
        })
    });
    let per_request = |count: u64| count as f64 / TRACED_REQUESTS as f64;
    let mut notes = Vec::new();
    for (contender, calls) in bench.contenders.iter().zip(&counts) {
        if let Ok(calls) = calls {
            let frequent = calls.iter().filter(|(_, count)| per_request(*count) >= 0.01);
            let list: Vec<_> =
                frequent.map(|(name, count)| format!("{name} {:.2}", per_request(*count))).collect();
            notes.push(format!("System calls of {}: {}.", contender.title(), list.join(", ")));
        }
    }
    let total = |calls: Vec<(String, u64)>| vec![per_request(calls.iter().map(|(_, count)| count).sum())];
    let row = Row {
        name: "system calls per request (strace)".into(),
        decimals: 2,
        cells: counts.into_iter().map(|calls| calls.map(total)).collect(),
        aim: Some(Aim::AtMost(4.5)),
    };
    (row, notes)
}

/// The same at full speed, and instructions, where the machine counts them: strace slows a server so
/// much that it never runs out of requests, and so hides what waiting costs.
pub(crate) fn at_full_speed(bench: &Bench, servers: &Servers) -> Vec<Row> {
    let row = |event: Event, name: &str, decimals, aim| {
        if !event.is_counted(&bench.folder) {
            return None;
        }
        let cells = on_each(servers, |server| {
            let count = event.count(server.pid(), &bench.folder, &bench.cores, || {
                small_requests(bench, server, MUCH_TIME, COUNTED_REQUESTS).map(|_| ())
            })?;
            Ok(vec![count as f64 / COUNTED_REQUESTS as f64])
        });
        Some(Row { name: name.into(), decimals, cells, aim })
    };
    let rows = [
        row(Event::SystemCalls, "the same at full speed (perf)", 2, Some(Aim::AtMost(4.5))),
        row(Event::Instructions, "instructions per request", 0, None),
    ];
    rows.into_iter().flatten().collect()
}

/// The most that a server had resident after all those small requests.
pub(crate) fn peak_memory(servers: &Servers) -> Row {
    let cells = on_each(servers, |server| {
        let memory = procfs::memory(server.pid()).map_err(text)?;
        Ok(vec![memory.peak as f64 / MIB])
    });
    Row { name: "peak RSS, MiB".into(), decimals: 2, cells, aim: Some(Aim::AtMost(4.0)) }
}

/// What ten thousand silent connections add.
pub(crate) fn idle_connections(bench: &Bench, servers: &Servers) -> Row {
    let limit = idle::raise_descriptor_limit();
    let cells = (bench.contenders.iter().zip(servers))
        .map(|(contender, server)| {
            contender.holds_idle_connections()?;
            let server = server.as_ref().map_err(Clone::clone)?;
            match &limit {
                Ok(limit) if *limit > IDLE_CONNECTIONS as u64 + 100 => {}
                _ => return Err("too few descriptors".into()),
            }
            let bytes = added_by_idle(server).map_err(text)?;
            // It must still be there for others.
            small_requests(bench, server, WARM_UP, 1).map_err(text)?;
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
    let packets = [Protocol::Uwsgi.get(Role::HelloBesideStreams.hello_target())];
    let samples = in_rounds(bench, &servers, |server| {
        let mut streams = (0..ENDLESS_STREAMS)
            .map(|_| Stream::open(&server.address, &endless))
            .collect::<io::Result<Vec<_>>>()?;
        let target =
            Target { address: &server.address, protocol: Protocol::Uwsgi, packets: &packets, body: HELLO };
        let bound = Bound { time: bench.time, requests: u64::MAX };
        let report = load::run(&target, 1, bound, &mut streams)?;
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
    let packet = Protocol::Uwsgi.get(Role::LARGE_TARGET);
    let samples = in_rounds(bench, &servers, |server| {
        let before = procfs::cpu_time(server.pid())?;
        let rate = download(&server.address, &packet, LARGE)?;
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

/// Small requests to a server in [`Role::Hello`].
fn small_requests(bench: &Bench, server: &Server, time: Duration, requests: u64) -> io::Result<load::Report> {
    let packets = [Protocol::Uwsgi.get(Role::Hello.hello_target())];
    let target =
        Target { address: &server.address, protocol: Protocol::Uwsgi, packets: &packets, body: HELLO };
    load::run(&target, bench.connections, Bound { time, requests }, &mut [])
}

fn in_rounds<T>(
    bench: &Bench,
    servers: &Servers,
    measure: impl FnMut(&Server) -> io::Result<T>,
) -> Vec<Result<Vec<T>, String>> {
    let abort_reply = |server: &Server| format!("{} said: {}", server.address, server.last_line());
    measure::in_rounds(bench.rounds, servers, abort_reply, measure)
}
