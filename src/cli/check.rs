//! `tidegate check`: would it serve? All settings and the application, without a socket.

use std::fmt::Write as _;
use std::io;
use std::time::Instant;

use super::config::Entry;
use super::options::Options;
use super::output::Output;
use super::setup::{self, Setup};
use super::warm_up::warm_up;
use super::{Host, Program, Result, apps, print, start};
use crate::net::listener::Listener;

/// The line of [`EXAMPLES`] that names an application.
pub(super) const EXAMPLE_WITH_APP: &str = "  tidegate check myproject.wsgi --workers auto\n";

pub(super) const EXAMPLES: &str = "\
It takes the options of `tidegate serve`, from the command line, the environment and a file, and tells where each was \
given. It loads the application, so that this is also a test of its imports, and asks it for the paths of --warm-up; it \
opens no socket.

The exit status is 0, or 1 if something is wrong, which is told as `tidegate serve` would tell it.

Examples:
  tidegate check --config /etc/tidegate.toml
  tidegate check myproject.wsgi --workers auto
  tidegate check --config tidegate.toml && kill -HUP $(cat /run/tidegate.pid)";

/// Says what is set and where, loads the application, and says what would be served.
pub(super) fn run(program: &Program, host: &dyn Host, options: &Options, entries: &[Entry]) -> Result<()> {
    let Setup { owner, .. } = Setup::new(program, host, options)?;
    let stats = options.listening.stats(owner);
    let listeners = options.listening.addresses(owner).into_iter().map(|(_, address, how)| (address, how));
    for (address, how) in listeners.chain(stats) {
        Listener::check(&address, &how)?;
    }
    start::log(&options.telling, &Output::standard(io::stderr())?);
    print(settings(program, entries).as_bytes())?;

    let begin = Instant::now();
    // What it holds is let go of as at a server's end.
    let mut app = setup::load(program, host, options, |app, error| Err(app.failed(error)))
        .map_err(|failure| failure.to_string())?;
    warm_up(&mut app, &options.loading.warm_up, &options.limits())?;
    drop(app);
    let seconds = begin.elapsed().as_secs_f64();
    let apps = options.apps();
    let verb = if apps.len() == 1 { "loads" } else { "load" };
    let loaded = format!("\n{} {verb}, in {seconds:.2} s; ", apps::shown(&apps));
    print([loaded, listening(program, options), "\n".to_owned()].concat().as_bytes())
}

/// A line for each setting: its name, its value, where it was given.
fn settings(program: &Program, entries: &[Entry]) -> String {
    let rows =
        entries.iter().map(|entry| [entry.name().to_owned(), entry.shown(), entry.origin().to_string()]);
    let rows: Vec<[String; 3]> = rows.collect();
    // A long list shall not push all the others' last column out of sight.
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).min(40);
    let (name_width, value_width) = (width(0), width(1));
    let mut text = String::new();
    for [name, value, origin] in &rows {
        writeln!(text, "{name:name_width$}  {value:value_width$}  {origin}").expect("a String takes all");
    }
    let name = program.name();
    writeln!(text, "All else is at its default; see `{name} serve --help`.").expect("a String takes all");
    text
}

/// Where, and how many.
fn listening(program: &Program, options: &Options) -> String {
    let addresses = options.listening.addresses(None);
    let addresses: Vec<String> =
        addresses.iter().map(|(protocol, address, _)| format!("{protocol}://{address}")).collect();
    let workers = match options.workers.workers.0 {
        0 => "one process and no master".to_owned(),
        1 => "one worker".to_owned(),
        count => format!("{count} workers"),
    };
    format!("`{} serve` would listen on {}, with {workers}.", program.name(), addresses.join(", "))
}
