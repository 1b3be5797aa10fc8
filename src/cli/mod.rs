//! The command: its subcommands, and what they have in common.

mod banner;
mod check;
mod config;
mod decode;
pub mod demo;
mod did_you_mean;
mod host;
mod logs;
mod options;
mod output;
mod request;
mod serve;
mod start;
mod top;
mod values;

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::process::descriptors;
use config::{Configured, Gathered};
use host::NoHost;
pub use host::{Host, Setting};

/// What a subcommand comes to: an error is told in one line, and the exit status is 1.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The application server behind nginx's uwsgi_pass: one event loop, a synchronous application.
///
/// Without a command it does what `tidegate serve demo` does, or what TIDEGATE_APP says.
#[derive(Parser, Debug)]
#[command(name = "tidegate", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve an application to nginx, until SIGTERM or Ctrl-C.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<Configured>),
    /// Say whether `tidegate serve` would do with these options: read all settings, and load the application.
    #[command(after_help = check::EXAMPLES)]
    Check(Box<Configured>),
    /// Show how the workers of a running server are, live.
    #[command(after_help = top::EXAMPLES)]
    Top(top::Options),
    /// Send a request as nginx would, and print the response.
    #[command(after_help = request::EXAMPLES)]
    Request(request::Options),
    /// Print a uwsgi packet: its header, its vars, its body.
    #[command(after_help = decode::EXAMPLES)]
    Decode(decode::Options),
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
    // Before anything else is opened. Without a /dev/null they stay as they are, and that is no reason not to serve.
    let _ = descriptors::fill();
    let definition = definition();
    let Gathered { arguments, entries, warnings } = match gather(&definition, arguments.into_iter().collect())
    {
        Ok(gathered) => gathered,
        Err(error) => {
            tell(&error);
            return 1;
        }
    };
    // The log is not there yet: the settings say how much of it there is to be.
    warnings.iter().for_each(|warning| tell(warning));
    let command = match parse(definition, arguments) {
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
        Command::Serve(configured) => serve::run(host, &configured.options),
        Command::Check(configured) => check::run(host, &configured.options, &entries).map(|()| 0),
        Command::Top(options) => top::run(&options).map(|()| 0),
        Command::Request(options) => request::run(&options).map(|()| 0),
        Command::Decode(options) => decode::run(&options).map(|()| 0),
    };
    run.unwrap_or_else(|error| {
        let error = error.to_string();
        tell(&error);
        if let Some(note) = config::elsewhere(&error, &entries) {
            tell(&note);
        }
        1
    })
}

/// The arguments with what the environment and a file add to them; none at all are `serve demo`.
fn gather(definition: &clap::Command, mut arguments: Vec<OsString>) -> Result<Gathered> {
    let is_bare = arguments.len() <= 1;
    if is_bare {
        arguments.push("serve".into());
    }
    let mut gathered = config::gather(definition, arguments)?;
    if is_bare && !gathered.entries.iter().any(|entry| entry.name() == APP) {
        gathered.arguments.push("demo".into());
    }
    Ok(gathered)
}

/// What clap knows of the command. APP may stand in the environment or in a file: that it is nowhere is found by
/// [`parse`], when all is gathered.
fn definition() -> clap::Command {
    let without_app = |command: clap::Command| command.mut_arg(APP, |app| app.required(false));
    Cli::command().mut_subcommand("serve", without_app).mut_subcommand("check", without_app)
}

/// The id of APP, and its name in a file.
const APP: &str = "app";

fn parse(
    mut definition: clap::Command,
    arguments: Vec<OsString>,
) -> std::result::Result<Command, clap::Error> {
    let mut matches = definition.try_get_matches_from_mut(arguments)?;
    if let Some((name, asked)) = matches.subcommand() {
        let command = definition.find_subcommand_mut(name).expect("clap has matched it");
        // The matches are no help here: of an argument that the subcommand has not, they say in a release build
        // only that nobody gave it.
        if config::has_settings(command) && !asked.contains_id(APP) {
            let message = "which application? Give <APP>, or `app` in the file of --config, or TIDEGATE_APP";
            return Err(command.error(ErrorKind::MissingRequiredArgument, message));
        }
    }
    let cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut definition))?;
    cli.command.ok_or_else(|| definition.error(ErrorKind::MissingSubcommand, "which command?"))
}

/// Says something on stderr. With that closed there is nobody left to tell; the exit status still says it.
fn tell(what: &dyn Display) {
    let _ = writeln!(io::stderr(), "tidegate: {what}");
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
  tidegate serve hello --uwsgi /run/app.sock   serve Hello, World on a unix socket
  tidegate request 127.0.0.1:3031 /hello       ask a server without nginx
  tidegate top 127.0.0.1:9191                  how are the workers of `tidegate serve --stats 127.0.0.1:9191`?
  tidegate decode packet.bin                   what is in this packet?

`tidegate COMMAND --help` tells all about a command.";

const SERVE_EXAMPLES: &str = "\
Applications:
  hello     Hello, World
  environ   what arrived, as text, or as a page to a browser
  echo      the request's body back
  stream    ?chunks=N&size=BYTES&delay=MS; a delay holds the server, as in any such application
  demo      an index page, with those four at /hello, /environ, /echo and /stream

Settings:
  Every option may also stand in a TOML file (--config; deploy/tidegate.toml has them all) or in the environment:
  TIDEGATE_MAX_BODY=10m is --max-body 10m. `tidegate check` says what they come to.

Signals, to the master:
  SIGTERM, SIGQUIT, SIGINT   accept no more, finish what runs (up to --grace), exit with 0; a second one at once
  SIGHUP                     load the code in new workers, and replace the old ones once those serve
  SIGUSR2                    start a new master on the same sockets, and leave once it serves
  SIGUSR1                    open the log files anew
  SIGTTIN, SIGTTOU           one worker more, one less

Examples:
  tidegate serve demo
  tidegate serve hello --uwsgi 127.0.0.1:3031 --uwsgi /run/tidegate.sock --socket-owner :www-data
  tidegate serve demo --http 127.0.0.1:8080 --fastcgi /run/fastcgi.sock --scgi 127.0.0.1:4000
  tidegate serve environ --uwsgi 0.0.0.0:3031 --allow-from 10.0.0.0/8
  tidegate serve --config /etc/tidegate.toml   the application, and all else, is named in the file
  tidegate serve stream --trace                the flow of each request, step by step
  RUST_LOG=debug tidegate serve echo

In nginx:
  location / { include uwsgi_params; uwsgi_pass 127.0.0.1:3031; }";
