//! What the process gets before it serves: its log, its panics' form, its descriptors.

use std::io::{self, Write};
use std::panic;
use std::sync::{Mutex, PoisonError};

use env_logger::{Builder, Target};
use log::{LevelFilter, error, warn};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;

use super::logs::OwnLines;
use super::option_names::in_options;
use super::options::Telling;
use super::output::Output;
use super::record::{LogFormat, Record};
use crate::limits::Limits;

/// Starts the log on `output`, at the level that the options ask for unless RUST_LOG has other wishes.
pub(super) fn log(telling: &Telling, output: &Output) {
    let format = telling.log_format;
    *LOG.lock().unwrap_or_else(PoisonError::into_inner) = Some(OwnLines::new(output.clone(), format));
    Builder::new()
        .target(Target::Pipe(Box::new(Log)))
        .filter_level(level(telling.verbose, telling.quiet))
        .parse_default_env()
        .format(move |out, record| {
            let time = match format {
                LogFormat::Text => out.timestamp().to_string(),
                LogFormat::Json => out.timestamp_millis().to_string(),
            };
            let message = in_options(&record.args().to_string());
            let record = Record::new(&time, record.level(), record.target(), &message);
            out.write_all(record.written(format).as_bytes())
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
    let Some(allowed) = allow_descriptors() else { return };
    let wanted = limits.connections_count_max as u64;
    if allowed < wanted {
        warn!(
            "only {allowed} files and sockets may be open at once (ulimit -Hn, or LimitNOFILE= of systemd), \
             fewer than the {wanted} connections of --max-connections; the rest will wait"
        );
    }
}

/// Raises that bound as far as this process may. Returns what it is now, if that is known.
pub(super) fn allow_descriptors() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    Some(if raised.is_ok() { hard } else { soft })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_v_and_q_is_a_level() {
        let levels = [(0, 2), (0, 1), (0, 0), (1, 0), (2, 0)].map(|(v, q)| level(v, q));
        assert_eq!(levels, [1, 2, 3, 4, 5].map(|at| LevelFilter::iter().nth(at).unwrap()));
    }
}
