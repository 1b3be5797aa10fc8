//! The command: its subcommands, and what they have in common.

mod apps;
mod around;
mod banner;
mod bench;
mod bounded;
mod check;
mod completions;
mod config;
mod daemon;
mod decode;
mod demo;
mod did_you_mean;
mod embedded;
mod foreign;
mod hooks;
mod host;
mod html;
mod implied;
mod log_losses;
mod log_pump;
mod log_remote;
mod log_target;
mod logs;
mod man;
mod nginx;
mod option_names;
mod options;
mod output;
mod parsing;
mod plan;
pub(crate) mod program;
mod record;
mod reload;
mod request;
mod serve;
mod serving;
mod setup;
mod shell;
mod shown;
mod start;
mod stop_bound;
mod syslog;
mod threads;
mod top;
mod uwsgi;
mod values;
mod warm_up;

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[doc(hidden)]
pub use around::{
    WorkerNow, is_reload, master_process, own_number, requests_so_far, started_at, workers_now,
};

use crate::master::Takeover;
// For a host of another language, which forks and ends in its own way.
#[doc(hidden)]
pub use crate::master::{Fork, fork};
use crate::process::descriptors;
#[doc(hidden)]
pub use crate::process::fork_watch::{end_child, is_child};
use config::{Configured, Gathered};
pub use embedded::{Embedded, EmbeddedError};
use host::NoHost;
pub use host::{Host, Setting};
use implied::First;
use parsing::{definition, parse};
use program::Program;
#[doc(hidden)]
pub use signal_hook::low_level::exit as exit_now;
// For fuzz/.
#[doc(hidden)]
pub use uwsgi::read_ini as read_uwsgi_ini;

/// What a subcommand comes to: an error is told in one line, and the exit status is 1.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The application server behind nginx's uwsgi_pass: one event loop, a synchronous application.
///
/// Without a command it does what `tidegate serve demo` does, or what TIDEGATE_APP says. An application in a command's place is
/// served.
#[derive(Parser, Debug)]
#[command(name = "tidegate", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve an application to nginx, until SIGTERM or Ctrl-C.
    #[command(after_help = [APPLICATIONS, SETTINGS, SERVE_EXAMPLES, IN_NGINX].join("\n\n"))]
    Serve(Box<Configured>),
    /// Say whether `tidegate serve` would do with these options: read all settings, and load the application.
    #[command(after_help = check::EXAMPLES)]
    Check(Box<Configured>),
    /// Print what nginx is to be told to pass requests on.
    #[command(after_help = nginx::EXAMPLES)]
    Nginx(Box<Configured>),
    /// Show how the workers of a running server are, live.
    #[command(after_help = top::EXAMPLES)]
    Top(top::Options),
    /// Do as uWSGI would with these arguments: read its configuration as it stands.
    #[command(after_help = uwsgi::EXAMPLES, disable_help_flag = true)]
    Uwsgi(uwsgi::Options),
    /// Send a request as nginx would, and print the response.
    #[command(after_help = request::EXAMPLES)]
    Request(request::Options),
    /// Measure a server: load over uwsgi, HTTP, FastCGI or SCGI, and what it makes of it.
    #[command(after_help = bench::EXAMPLES)]
    Bench(Box<bench::Options>),
    /// Print a uwsgi packet: its header, its vars, its body.
    #[command(after_help = decode::EXAMPLES)]
    Decode(decode::Options),
    /// Print a script that has a shell complete these commands and their options.
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Options),
    /// Print a manual page, or write all of them into a folder.
    #[command(after_help = man::EXAMPLES)]
    Man(man::Options),
}

/// The command as it is without another language: its applications are the built-in ones.
pub fn main() -> ExitCode {
    ExitCode::from(run(&NoHost, std::env::args_os()))
}

/// Runs the command that `arguments` name, of which the first is the program's own name. `host` brings the
/// applications that are not built in.
///
/// Returns the process's exit status: 0, 1 for a failure that was told in a line, 2 for wrong arguments.
pub fn run(host: &'static dyn Host, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    run_program(&Program::TIDEGATE, host, arguments.into_iter().collect())
}

fn run_program(program: &Program, host: &'static dyn Host, arguments: Vec<OsString>) -> u8 {
    // Before anything else is opened. Without a /dev/null they stay as they are, and that is no reason not to serve.
    let _ = descriptors::fill();
    // A process that has become a new master is not to end, whatever it cannot do: workers of the one before serve.
    let takeover = Takeover::of_this_process(std::env::args_os());
    let status = run_arguments(program, host, arguments);
    match takeover {
        Ok(Some(takeover)) if status != 0 => takeover.again(status, &|what| tell_error(program, &what)),
        _ => status,
    }
}

fn run_arguments(program: &Program, host: &'static dyn Host, mut arguments: Vec<OsString>) -> u8 {
    let tell = |what: &dyn Display| tell(program, what);
    let definition = definition(program);
    let is_called_uwsgi =
        arguments.first().is_some_and(|name| Path::new(name).file_name() == Some(uwsgi::NAME.as_ref()));
    if program.takes_app() && is_called_uwsgi {
        arguments.insert(1, uwsgi::NAME.into());
    }
    let Gathered { arguments, entries, warnings } = match gather(program, &definition, arguments) {
        Ok(gathered) => gathered,
        Err(error) => {
            // A file may have several.
            error.to_string().lines().for_each(|line| tell(&line));
            return 1;
        }
    };
    // The log is not there yet: the settings say how much of it there is to be.
    warnings.iter().for_each(|warning| tell(warning));
    let command = match parse(definition.clone(), arguments) {
        Ok(command) => command,
        // --help and --version are "errors" too, on stdout.
        Err(error) => {
            let _ = error.print();
            if !error.use_stderr() {
                return 0;
            }
            if let Some(note) = config::elsewhere(&error.to_string(), &entries) {
                tell(&note);
            }
            return 2;
        }
    };
    let run = match command {
        Command::Serve(configured) => serve::run(program, host, &configured.options),
        Command::Check(configured) => check::run(program, host, &configured.options, &entries).map(|()| 0),
        Command::Nginx(configured) => nginx::run(&configured.options).map(|()| 0),
        Command::Top(options) => top::run(&options).map(|()| 0),
        Command::Uwsgi(options) => uwsgi::run(program, host, &definition, &options),
        Command::Request(options) => request::run(&options).map(|()| 0),
        Command::Bench(options) => bench::run(&options),
        Command::Decode(options) => decode::run(&options).map(|()| 0),
        Command::Completions(options) => completions::run(&definition, &options).map(|()| 0),
        Command::Man(options) => man::run(&definition, &options).map(|()| 0),
    };
    run.unwrap_or_else(|error| {
        let error = option_names::in_options(&error.to_string());
        tell(&error);
        if let Some(note) = config::elsewhere(&error, &entries) {
            tell(&note);
        }
        1
    })
}

/// The arguments with what the environment and a file add to them; none at all are `serve`, and Tidegate's own command
/// then serves the demo.
fn gather(program: &Program, definition: &clap::Command, mut arguments: Vec<OsString>) -> Result<Gathered> {
    let is_bare = arguments.len() <= 1;
    match implied::first(program, definition, &arguments) {
        Some(First::Application) => arguments.insert(1, "serve".into()),
        Some(First::Settings(what)) => return Err(what.into()),
        None if is_bare => arguments.push("serve".into()),
        None => {}
    }
    let mut gathered = config::gather(definition, arguments)?;
    if is_bare
        && program.takes_app()
        && !gathered.entries.iter().any(|entry| [APP, MOUNT].contains(&entry.name()))
    {
        gathered.arguments.push("demo".into());
    }
    Ok(gathered)
}

/// The id of APP, and its name in a file.
const APP: &str = "app";
/// The name of the option for applications below a prefix, and its id.
const MOUNT: &str = "mount";
const MOUNTS: &str = "mounts";

/// Says something on stderr. If that is closed, the exit status still says it.
fn tell(program: &Program, what: &dyn Display) {
    let _ = writeln!(io::stderr(), "{}: {what}", program.name());
}

/// Says what went wrong in the log; where that is not there yet, on stderr.
fn tell_error(program: &Program, what: &dyn Display) {
    if log::log_enabled!(log::Level::Error) {
        log::error!("{what}");
    } else {
        tell(program, what);
    }
}

/// Writes what a command is asked for to stdout. A reader that has left, as head(1) does, is no error.
fn print(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(format!("cannot write to stdout: {error}").into()),
        Ok(()) => Ok(()),
    }
}

const EXAMPLES: &str = "\
Examples:
  tidegate                                     serve the demo application, see http://127.0.0.1:8080/
  tidegate myproject.wsgi                      serve a Python application there
  tidegate serve hello --uwsgi /run/app.sock   serve Hello, World on a unix socket
  tidegate request 127.0.0.1:3031 /hello       ask a server without nginx
  tidegate nginx --uwsgi /run/app.sock         what is nginx to be told?
  tidegate top 127.0.0.1:9191                  how are the workers of `tidegate serve --stats 127.0.0.1:9191`?
  tidegate decode packet.bin                   what is in this packet?

`tidegate COMMAND --help` tells all about a command.";

const EXAMPLES_OF_PROGRAM: &str = "\
Examples:
  tidegate serve --http 127.0.0.1:8080    serve, see http://127.0.0.1:8080/
  tidegate request 127.0.0.1:3031 /       ask a server without nginx
  tidegate top 127.0.0.1:9191             how are the workers of `tidegate serve --stats 127.0.0.1:9191`?

`tidegate COMMAND --help` tells all about a command.";

const APPLICATIONS: &str = "\
Applications:
  hello     Hello, World
  environ   what arrived, as text, or as a page to a browser
  echo      the request's body back
  stream    ?chunks=N&size=BYTES&delay=MS; a delay holds the server, as in any such application
  demo      an index page, with those four at /hello, /environ, /echo and /stream";

const SETTINGS: &str = "\
Settings:
  Every option may also stand in a TOML file (--config; deploy/tidegate.toml has them all) or in the environment:
  TIDEGATE_MAX_BODY=10m is --max-body 10m. `tidegate check` says what they come to.

Signals, to the master:
  SIGTERM, SIGQUIT, SIGINT   accept no more, finish what runs (up to --grace), exit with 0; a second one at once
                             (with --drain a SIGTERM has it serve on for so long first)
  SIGHUP                     load the application in new workers, and replace the old ones once those serve
  SIGUSR2                    become a new master, of the program and the settings as they are now, whose workers
                             take the places of the old ones
  SIGUSR1                    open the log files anew
  SIGTTIN, SIGTTOU           one worker more, one less";

const SERVE_EXAMPLES: &str = "\
Examples:
  tidegate serve demo
  tidegate serve hello --uwsgi 127.0.0.1:3031 --uwsgi /run/tidegate.sock --socket-owner :www-data
  tidegate serve demo --http 127.0.0.1:8080 --fastcgi /run/fastcgi.sock --scgi 127.0.0.1:4000
  tidegate serve environ --uwsgi 0.0.0.0:3031 --allow-from 10.0.0.0/8
  tidegate serve mysite.wsgi --mount /api=api:app --static /static=./static
  tidegate serve --config /etc/tidegate.toml   the application, and all else, is named in the file
  tidegate serve stream --trace                the flow of each request, step by step
  RUST_LOG=debug tidegate serve echo";

const SERVE_EXAMPLES_OF_PROGRAM: &str = "\
Examples:
  tidegate serve --uwsgi /run/app.sock --socket-owner :www-data --workers auto
  tidegate serve --http 127.0.0.1:8080 --workers 4 --stats 127.0.0.1:9191
  tidegate serve --config /etc/app.toml
  tidegate serve --trace                       the flow of each request, step by step";

const IN_NGINX: &str = "\
In nginx:
  location / { include uwsgi_params; uwsgi_pass 127.0.0.1:3031; }";
