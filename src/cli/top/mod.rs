//! `tidegate top`: how the workers of a running server are, live.

mod figures;
mod sample;
mod screen;
mod source;
mod table;

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use clap::Args;

use super::{Result, print};
use crate::net::listener::Address;
use sample::Sample;
use screen::{Screen, Turn};

pub(super) const EXAMPLES: &str = "\
ADDR is what the server was given as --stats. q or Ctrl-C ends it.

A row is a worker; a process that still finishes what runs after a reload has a row of its own. REQ/S, AVG and P99 are \
of the last second, or since the server's start where there was none before; BUSY is the part of the time that was not \
spent waiting. THREADS 3/4: three of the application's four threads have a request in hand; WAIT is how many requests \
wait for one. A request stands in its row while the application answers it, and how long it has taken so far; of several \
the one that has run for longest.

Examples:
  tidegate top 127.0.0.1:9191
  tidegate top /run/tidegate/stats.sock
  tidegate top --once 127.0.0.1:9191";

/// What `tidegate top` is given.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The server's --stats: HOST:PORT, /path or unix:/path, or @name.
    #[arg(value_name = "ADDR")]
    addr: Address,

    /// Print one table and end, as where stdout is no terminal.
    #[arg(long)]
    once: bool,
}

/// Shows it until a key or a signal ends it.
pub(super) fn run(options: &Options) -> Result<()> {
    let read = || source::read(&options.addr).map_err(|error| format!("{}: {error}", options.addr));
    let first = read()?;
    if options.once || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return print(table::lines(&first, None, None).join("\n").as_bytes()).and_then(|()| print(b"\n"));
    }
    let mut screen = Screen::open()?;
    let (mut before, mut sample) = (None, first);
    loop {
        let next = Instant::now() + INTERVAL;
        if !show(&mut screen, before.as_ref(), &sample, next)? {
            return Ok(());
        }
        match read() {
            Ok(new) => before = Some(std::mem::replace(&mut sample, new)),
            // It may be about to start again.
            Err(error) => sample.fault = Some(error),
        }
    }
}

/// Shows a sample until it is time for the next. Returns whether there is to be one.
fn show(screen: &mut Screen, before: Option<&Sample>, sample: &Sample, until: Instant) -> Result<bool> {
    loop {
        let (width, height) = screen.size();
        let mut lines = table::lines(sample, before, Some(width));
        lines.truncate(height);
        screen.draw(&lines)?;
        match screen.wait(until) {
            Turn::Over => return Ok(true),
            Turn::Again => {}
            Turn::End => return Ok(false),
        }
    }
}

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
