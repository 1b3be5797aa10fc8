//! The command: its subcommands, and what they have in common.

mod banner;
mod decode;
mod host;
mod options;
mod request;
mod serve;
mod start;
mod values;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use host::NoHost;
pub use host::{Host, Setting};

/// What a subcommand comes to: an error is told in one line, and the exit status is 1.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The application server behind nginx's uwsgi_pass: one event loop, a synchronous application.
///
/// Without a command it does what `tidegate serve demo` does.
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
    Serve(Box<options::Options>),
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
pub fn run(host: &dyn Host, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // --help and --version are "errors" too, on stdout.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let command = cli.command.unwrap_or_else(|| {
        Cli::parse_from(["tidegate", "serve", "demo"]).command.expect("a command stands there")
    });
    let run = match command {
        Command::Serve(options) => serve::run(host, &options),
        Command::Request(options) => request::run(&options),
        Command::Decode(options) => decode::run(&options),
    };
    match run {
        Ok(()) => 0,
        Err(error) => {
            // With stderr closed there is nobody left to tell; the status still says it.
            let _ = writeln!(io::stderr(), "tidegate: {error}");
            1
        }
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
  tidegate serve hello --uwsgi /run/app.sock   serve Hello, World on a unix socket
  tidegate request 127.0.0.1:3031 /hello       ask a server without nginx
  tidegate decode packet.bin                   what is in this packet?

`tidegate COMMAND --help` tells all about a command.";

const SERVE_EXAMPLES: &str = "\
Applications:
  hello     Hello, World
  environ   what arrived, as text, or as a page to a browser
  echo      the request's body back
  stream    ?chunks=N&size=BYTES&delay=MS; a delay holds the server, as in any such application
  demo      an index page, with those four at /hello, /environ, /echo and /stream

Signals:
  SIGTERM, SIGQUIT, SIGINT   accept no more, finish what runs (up to --grace), exit with 0
  a second SIGINT            exit at once

Examples:
  tidegate serve demo
  tidegate serve hello --uwsgi 127.0.0.1:3031 --uwsgi /run/tidegate.sock --socket-owner :www-data
  tidegate serve demo --http 127.0.0.1:8080 --fastcgi /run/fastcgi.sock --scgi 127.0.0.1:4000
  tidegate serve environ --uwsgi 0.0.0.0:3031 --allow-from 10.0.0.0/8
  tidegate serve stream --trace                the flow of each request, step by step
  RUST_LOG=debug tidegate serve echo

In nginx:
  location / { include uwsgi_params; uwsgi_pass 127.0.0.1:3031; }";
