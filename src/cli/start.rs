//! What the process gets before it serves: its log, its panics' form, its descriptors.

use std::io::{self, Write};
use std::panic;
use std::sync::{Mutex, PoisonError};

use env_logger::{Builder, Target};
use log::{Level, LevelFilter, error, warn};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;

use super::logs::OwnLines;
use super::option_names::in_options;
use super::options::Telling;
use super::output::Output;
use crate::limits::Limits;

/// Starts the log on `output`, at the level that the options ask for unless RUST_LOG has other wishes.
///
/// `2026-11-22T16:00:00Z WARN message`; from debug on with the module, which only its developers care for.
pub(super) fn log(telling: &Telling, output: &Output) {
    *LOG.lock().unwrap_or_else(PoisonError::into_inner) = Some(OwnLines::new(output.clone()));
    Builder::new()
        .target(Target::Pipe(Box::new(Log)))
        .filter_level(level(telling.verbose, telling.quiet))
        .parse_default_env()
        .format(|out, record| {
            let (time, level) = (out.timestamp(), record.level());
            let message = harmless(&in_options(&record.args().to_string()));
            if level >= Level::Debug {
                writeln!(out, "{time} {level} {}: {message}", record.target())
            } else {
                writeln!(out, "{time} {level} {message}")
            }
        })
        .try_init()
        // A process that runs a second command, as Python code may, keeps the first one's level.
        .ok();
}

/// Where the log goes: what the last command has said.
static LOG: Mutex<Option<OwnLines>> = Mutex::new(None);

struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map_or(Ok(()), |log| log.write_all(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A message whose words may be a client's: it cannot pass for another line of the log, nor steer a terminal.
/// An application's error may well have several lines; all but the first are indented.
fn harmless(message: &str) -> String {
    let mut harmless = String::with_capacity(message.len());
    for c in message.trim_end().chars() {
        match c {
            '\n' => harmless.push_str("\n    "),
            c if c.is_control() && c != '\t' => harmless.extend(c.escape_default()),
            c => harmless.push(c),
        }
    }
    harmless
}

/// The level that so many -v or -q ask for.
fn level(verbose: u8, quiet: u8) -> LevelFilter {
    match (verbose, quiet) {
        (0, 0) => LevelFilter::Info,
        (0, 1) => LevelFilter::Warn,
        (0, _) => LevelFilter::Error,
        (1, _) => LevelFilter::Debug,
        (_, _) => LevelFilter::Trace,
    }
}

/// Says so if an application's code is about to run with root's rights.
pub(super) fn warn_of_root() {
    if geteuid().is_root() {
        warn!(
            "the application runs as root: whoever finds a hole in it owns this machine; --user www-data (systemd: User=) \
             gives it another user once the sockets are open"
        );
    }
}

/// Makes a panic one line of the log. The worker survives those of the application.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("a value that is no text");
        match panic.location() {
            Some(place) => error!("panic at {place}: {}", message.escape_debug()),
            None => error!("panic: {}", message.escape_debug()),
        }
    }));
}

/// Lets the process open as many descriptors as it may: a shell's usual 1,024 are fewer than our connections.
pub(super) fn raise_descriptors(limits: &Limits) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    let allowed = if raised.is_ok() { hard } else { soft };
    let wanted = limits.connections_count_max as u64;
    if allowed < wanted {
        warn!(
            "only {allowed} files and sockets may be open at once (ulimit -Hn, or LimitNOFILE= of systemd), \
             fewer than the {wanted} connections of --max-connections; the rest will wait"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_passes_for_no_other_line() {
        let message = "caf\u{e9}:\tone\n2026-11-22T16:00:00Z INFO two\r\x1b[1m\n";
        let want = "caf\u{e9}:\tone\n    2026-11-22T16:00:00Z INFO two\\r\\u{1b}[1m";
        assert_eq!(harmless(message), want);
    }

    #[test]
    fn each_v_and_q_is_a_level() {
        let levels = [(0, 2), (0, 1), (0, 0), (1, 0), (2, 0)].map(|(v, q)| level(v, q));
        assert_eq!(levels, [1, 2, 3, 4, 5].map(|at| LevelFilter::iter().nth(at).unwrap()));
    }
}
