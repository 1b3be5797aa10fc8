//! `tidegate bench`: load for a server of any of the protocols, and what it makes of it.

mod assertion;
mod baseline;
mod chart;
mod compared;
mod doubts;
mod endpoint;
mod exchange;
mod first;
mod found;
mod generator;
mod hdr;
mod json;
mod live;
mod options;
mod order;
mod own;
mod packets;
mod page;
mod place;
mod plan;
mod reply;
mod requests;
mod run;
mod schedule;
mod series;
mod server;
mod slo;
mod statistics;
mod syscalls;
mod table;
mod tally;
mod versus;
mod words;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use memchr::memmem::Finder;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::start::allow_descriptors;
use super::{Result, print};
use assertion::Assertion;
use baseline::Baseline;
use endpoint::{Endpoint, Target};
use live::Live;
pub(super) use options::Options;
use page::Page;
use plan::{Bound, Order, Pace, Plan};
use reply::Wanted;
use run::Measured;
use server::Server;
use versus::Side;

pub(super) const EXAMPLES: &str = "\
The requests are those of nginx for a browser; -H changes them. uwsgi and SCGI have a connection for each request, as nginx makes \
them; HTTP and FastCGI keep theirs, unless --close is given. A reply that breaks off, or has another status than --status, has failed, \
and its time is not among those of the others. docs/bench.md tells how to measure well.

Exit status: 0; 1 if a condition of --assert does not hold, if the run ended early, or if all requests failed; 2 for bad arguments.

Examples:
  tidegate bench 127.0.0.1:3031 /hello                       16 connections, 10 s
  tidegate bench /run/app.sock /api --rate 5000 -d 60        5,000 requests a second, whatever the server does
  tidegate bench --http 127.0.0.1:8080 / --assert 'p99<5ms' --assert 'errors=0'
  tidegate bench 127.0.0.1:3031 --requests access.log --random 1
  tidegate bench --http 127.0.0.1:8080 / --slo p99=5ms       how much does it take within that bound?
  tidegate bench /run/new.sock / --vs /run/old.sock          two servers in turns: is one of them faster?
  tidegate bench 127.0.0.1:3031 / --json > today.json        for --baseline today.json tomorrow";

/// Measures, and tells.
pub(super) fn run(options: &Options) -> Result<u8> {
    // What was to be compared with is wanted before anything is measured.
    let baseline = options.baseline.as_deref().map(Baseline::read).transpose()?;
    let plan = plan(options, &options.addr)?;
    first::ask(&plan)?;
    let server = server("--pid", options.pid, &plan, options.syscalls)?;
    let side = Side { plan, server };
    let files = Files {
        log: options.hdr.as_deref().map(|file| create("--hdr", file)).transpose()?,
        page: options.html.as_deref().map(|file| create("--html", file)).transpose()?,
    };
    match (&options.vs, &options.slo) {
        (Some(endpoint), _) => compare(options, side, endpoint, files),
        (None, Some(bound)) => search(options, &side, bound, files),
        (None, None) => measure(options, &side, baseline.as_ref(), files),
    }
}

/// What is written besides what is printed.
struct Files {
    log: Option<File>,
    page: Option<File>,
}

/// Two servers in turns.
fn compare(options: &Options, side: Side, endpoint: &Endpoint, files: Files) -> Result<u8> {
    let other = plan(options, endpoint)?;
    first::ask(&other)?;
    let sides =
        [side, Side { server: server("--vs-pid", options.vs_pid, &other, options.syscalls)?, plan: other }];
    let rounds = versus::measure(&sides, options.rounds, &*stop()?)?;
    if let Some(file) = files.page {
        Page::of_rounds(&rounds, &sides)?.write(file)?;
    }
    versus::print_rounds(&rounds, &sides, options.json)?;
    match rounds.cut {
        Some(cut) => {
            let after = match rounds.pairs.len() {
                0 => "before both were measured".to_owned(),
                1 => "after 1 round".to_owned(),
                many => format!("after {many} rounds"),
            };
            Err(format!("the run ended early, {after}: {cut}").into())
        }
        None => Ok(0),
    }
}

/// The highest rate that keeps a bound.
fn search(options: &Options, side: &Side, bound: &Assertion, files: Files) -> Result<u8> {
    let Side { plan, server } = side;
    let found = slo::find(plan, bound, &*stop()?, server.as_ref(), !options.json)?;
    if let Some(log) = files.log {
        hdr::write(log, found.begun, found.intervals())?;
    }
    if let Some(file) = files.page {
        found.page(plan, bound)?.write(file)?;
    }
    let told = if options.json { format!("{:#}\n", found.json(bound)) } else { found.verdict(plan, bound) };
    print(told.as_bytes())?;
    match found.cut {
        Some(cut) => Err(format!("the search ended early: {cut}").into()),
        None => Ok(u8::from(found.rate == 0.0)),
    }
}

/// One run.
fn measure(options: &Options, side: &Side, baseline: Option<&Baseline>, files: Files) -> Result<u8> {
    let Side { plan, server } = side;
    let measured = run::run(plan, &*stop()?, server.as_ref(), Live::new(false, ""))?;
    let doubts = doubts::doubts(&measured);
    if let Some(log) = files.log {
        hdr::write(log, SystemTime::now() - measured.span, measured.intervals())?;
    }
    if let Some(file) = files.page {
        Page::of_run(plan, &measured, &doubts)?.write(file)?;
    }
    let compared = baseline.map(|baseline| baseline.compare(&measured));
    if options.json {
        let mut run = json::run(plan, &measured, &doubts);
        run["compared"] = compared.map_or(serde_json::Value::Null, |compared| compared::json(&compared));
        print(format!("{run:#}\n").as_bytes())?;
    } else {
        print(format!("{}\n{}", table::heading(plan), table::figures(&measured, &doubts)).as_bytes())?;
        if let Some((baseline, compared)) = baseline.zip(compared) {
            let then = format!("\n  beside the earlier run against {}\n", baseline.target());
            print((then + &compared::table(&compared, ["then", "now"])).as_bytes())?;
        }
    }
    verdict(options, &measured)
}

/// The exit status of a run, or what speaks against it.
fn verdict(options: &Options, measured: &Measured) -> Result<u8> {
    let failures: Vec<_> =
        options.assert.iter().filter_map(|assertion| assertion.failure(measured)).collect();
    if let Some(cut) = &measured.cut {
        return Err(format!("the run ended early: {cut}").into());
    }
    if !failures.is_empty() {
        return Err(failures.join("\n").into());
    }
    if measured.total.answered() == 0 {
        return Err("no request was answered".into());
    }
    Ok(0)
}

/// What is to be done with the server at `endpoint`.
fn plan(options: &Options, endpoint: &Endpoint) -> Result<Plan> {
    let protocol = endpoint.protocol.unwrap_or_else(|| options.choice.protocol());
    if options.threads > options.connections {
        let (threads, connections) = (options.threads, options.connections);
        return Err(
            format!("--threads {threads}: each has a connection, and there are {connections} (-c)").into()
        );
    }
    // Each may be followed by another before the server has closed it.
    let needed = 2 * options.connections as u64 + OTHER_FILES;
    if let Some(allowed) = allow_descriptors().filter(|allowed| *allowed < needed) {
        let connections = options.connections;
        return Err(format!(
            "-c {connections}: only {allowed} files and sockets may be open at once (ulimit -Hn)"
        )
        .into());
    }
    let stays = protocol.can_stay() && !options.close;
    // Before anything is asked of the server: these may be wrong.
    let requests = requests::prepare(options, protocol, stays)?;
    let usual = if options.slo.is_some() { STEP } else { TIME };
    let time = options.duration.map_or(usual, |time| time.0);
    let bound = options.number.map_or(Bound::Time(time), Bound::Requests);
    let warm_up = match (options.warm_up, bound) {
        (Some(time), _) => time.0,
        (None, Bound::Time(_)) => WARM_UP,
        (None, Bound::Requests(_)) => Duration::ZERO,
    };
    let text = options.expect.as_ref().map(|text| Finder::new(text).into_owned());
    Ok(Plan {
        target: Target::find(&endpoint.address, protocol, options.timeout.0)?,
        requests,
        order: options.random.map_or(Order::Turns, Order::Random),
        wanted: Wanted { statuses: options.status.clone(), text },
        pace: options.rate.map_or(Pace::Closed, Pace::Rate),
        bound,
        warm_up,
        connections: options.connections,
        stays,
        timeout: options.timeout.0,
        threads: options.threads,
        cpus: options.cpus.as_ref().map(|cpus| cpus.0.clone()).unwrap_or_default(),
        spins: options.spin,
    })
}

/// The process whose cost is told: that of `option`, or the one that listens. With `traces` its system calls are counted.
fn server(option: &str, pid: Option<i32>, plan: &Plan, traces: bool) -> Result<Option<Server>> {
    let mut server = match pid {
        None => plan.target.owner().and_then(Server::new),
        Some(pid) => Some(Server::new(pid).ok_or_else(|| {
            format!("{option} {pid}: there is no such process, or not for this user to see")
        })?),
    };
    match &mut server {
        Some(server) if traces => server.trace().map_err(|why| format!("--syscalls: {why}"))?,
        None if traces => {
            return Err(format!(
                "--syscalls: the process behind {} is not known: give {option}",
                plan.target
            )
            .into());
        }
        _ => {}
    }
    Ok(server)
}

/// Makes a file: that it cannot be is to be known before a long run.
fn create(option: &str, file: &Path) -> Result<File> {
    File::create(file).map_err(|error| format!("{option}: cannot write {}: {error}", file.display()).into())
}

/// Is set by Ctrl-C: what was measured until then is told.
fn stop() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one ends the process.
        flag::register_conditional_default(signal, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// For how long is measured where nothing else is said, and for a step of a search.
const TIME: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_secs(3);
/// Files that are open besides the connections, a generous count.
const OTHER_FILES: u64 = 32;
const WARM_UP: Duration = Duration::from_secs(1);
