//! `make bench`: what tidegate costs on this machine. Prints four Markdown tables; progress goes to stderr.
//!
//! The first has the floor, tidegate and uWSGI side by side, over a unix socket, one connection per request; the
//! second tidegate's protocols beside a hyper hello; the third the protocols through nginx; the fourth Python applications,
//! hosted by tidegate and by others.

mod contenders;
mod experiments;
mod measure;
mod nginx;
mod options;
mod protocols;
mod python;
mod subject;

use std::env;
use std::error::Error;
use std::fs;
use std::path::{self, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tidegate_compare::address::Address;
use tidegate_compare::cores::Cores;
use tidegate_compare::grid::Grid;
use tidegate_compare::procfs;
use tidegate_compare::table::{Row, Table};

use contenders::{Contender, Role, beside};
use experiments::Servers;
use options::{Options, Part};

fn main() -> ExitCode {
    match compare(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What every experiment needs to know.
struct Bench {
    contenders: Vec<Contender>,
    tidegate: PathBuf,
    /// Another tidegate, to see what has changed.
    before: Option<PathBuf>,
    /// The virtual environment of those that serve Python applications.
    python: PathBuf,
    /// Those that are measured; none means all.
    parts: Vec<Part>,
    connections: usize,
    rounds: usize,
    /// Of one round of one server.
    time: Duration,
    cores: Cores,
    /// For sockets, logs and summaries; removed at the end.
    folder: PathBuf,
}

impl Bench {
    fn new(options: &Options) -> Result<Bench, Box<dyn Error>> {
        let folder = env::temp_dir().join(format!("tidegate-compare-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let tidegate = options.tidegate.clone().map_or_else(|| beside("tidegate"), Ok)?;
        Ok(Bench {
            contenders: Contender::all(&tidegate, &path::absolute(&options.python)?)?,
            tidegate,
            before: options.before.clone(),
            python: path::absolute(&options.python)?,
            parts: options.only.clone(),
            connections: options.connections,
            rounds: options.rounds.into(),
            time: Duration::try_from_secs_f64(options.seconds)?,
            cores: Cores::choose()?,
            folder,
        })
    }

    fn has(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    /// Starts those that can play this role. They end when the result is dropped.
    fn start(&self, role: Role) -> Servers {
        let start = |(column, contender): (usize, &Contender)| {
            let socket = self.folder.join(format!("{column}.{}.sock", role.name()));
            let command = contender.command(role, &socket, &self.folder)?;
            subject::start(self, command, &[&Address::unix(&socket).map_err(measure::text)?])
        };
        self.contenders.iter().enumerate().map(start).collect()
    }

    fn titles(&self) -> Vec<String> {
        self.contenders.iter().map(Contender::title).collect()
    }

    /// What the figures hold for. `what` is what a request goes through.
    fn conditions(&self, what: &str) -> String {
        let cores = if self.cores.are_two() {
            "the server on one core, the load on another"
        } else {
            "server and load on ONE core, so that neither figure is worth much"
        };
        format!(
            "{}; {cores}; {what}, {} at once; medians of {} rounds of {} s, \
             taken in turns; a ratio is the median of the rounds' ratios. Where the server's core is not busy, the load was \
             the limit: then compare CPU, not requests per second.",
            procfs::machine(),
            self.connections,
            self.rounds,
            self.time.as_secs_f64()
        )
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What cannot be removed is a few files in the system's folder for such.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    let bench = Bench::new(options)?;
    let mut text = String::new();
    if Part::OF_FIRST_TABLE.into_iter().any(|part| bench.has(part)) {
        text += &first_table(&bench);
    }
    if bench.has(Part::Protocols) {
        eprintln!("the protocols…");
        text += &section("The protocols, directly", DIRECTLY, &bench, protocols::directly(&bench)?);
    }
    if bench.has(Part::Nginx) {
        eprintln!("through nginx…");
        text += &section("The protocols, through nginx", THROUGH_NGINX, &bench, nginx::through(&bench)?);
    }
    if bench.has(Part::Python) {
        eprintln!("Python applications…");
        text += &section("Python applications", HOSTED, &bench, python::hosted(&bench)?);
    }
    print!("{text}");
    if let Some(file) = &options.markdown {
        fs::write(file, text)?;
    }
    Ok(())
}

const DIRECTLY: &str =
    "a unix socket or, where the row says so, TCP; a connection per request unless kept alive";
const THROUGH_NGINX: &str = "nginx and tidegate share the server's core";
const HOSTED: &str = "a unix socket; over uwsgi a connection per request, over HTTP kept alive";

/// A grid under its title, with its notes.
fn section(title: &str, what: &str, bench: &Bench, (grid, notes): (Grid, Vec<String>)) -> String {
    let mut text = format!("\n### {title}\n\n{}\n- {}\n", grid.markdown(), bench.conditions(what));
    for note in notes {
        text += &format!("- {note}\n");
    }
    text
}

fn first_table(bench: &Bench) -> String {
    let mut notes = vec![bench.conditions("a unix socket, one connection per request")];
    let rows = measure(bench, &mut notes);
    let table = Table { servers: bench.titles(), rows };
    let (met, judged) = table.met();
    let mut text = table.markdown() + "\n";
    for note in notes {
        text += &format!("- {note}\n");
    }
    text + &format!("- {met} of {judged} measured aims are met.\n")
}

/// The rows of the first table, in its order.
fn measure(bench: &Bench, notes: &mut Vec<String>) -> Vec<Row> {
    let mut rows = Vec::new();
    if bench.has(Part::Requests) || bench.has(Part::Idle) {
        let servers = bench.start(Role::Hello);
        let subjects = experiments::subjects(&servers, Role::Hello.hello_target());
        if bench.has(Part::Requests) {
            eprintln!("small requests…");
            rows.extend(experiments::hello(bench, &subjects));
            eprintln!("system calls…");
            let (calls, which) = experiments::system_calls(bench, &subjects);
            rows.push(calls);
            notes.extend(which);
            rows.extend(experiments::at_full_speed(bench, &subjects));
            rows.push(experiments::peak_memory(&subjects));
        }
        if bench.has(Part::Idle) {
            eprintln!("idle connections…");
            rows.push(experiments::idle_connections(bench, &subjects));
        }
    }
    if bench.has(Part::Streams) {
        eprintln!("beside endless streams…");
        let (beside, rates) = experiments::beside_streams(bench);
        rows.push(beside);
        notes.extend(rates);
    }
    if bench.has(Part::Large) {
        eprintln!("a large response…");
        rows.extend(experiments::large_answer(bench));
    }
    rows
}
