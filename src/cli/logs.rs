//! Where is written what happens: the log, the access log, the trace.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;

use super::Result;
use super::log_remote::{Pump, Remote};
use super::log_target::LogTarget;
use super::options::{Rotation, Telling};
use super::output::Output;
use super::record::{LogFormat, Record};
use crate::master::{EndedWorker, Handover, Left, Shared, in_hand};
use crate::net::datagram::DatagramAddress;
use crate::net::listener::Owner;
use crate::process::load::since_boot;
use crate::telemetry::access_log::{AccessLog, Format, InHand, Selection};
use crate::telemetry::local_time::{LocalTime, since_1970};
use crate::telemetry::observer::{Event, Observer};
use crate::telemetry::trace::Trace;

/// The outputs of a server.
#[derive(Clone)]
pub(super) struct Logs {
    /// A file, or stderr.
    pub(super) log: Output,
    /// The banner's, the trace's, and the access log's unless that has a file.
    pub(super) stdout: Output,
    /// What the process was started with, if the log has taken its stdout and stderr.
    stdio: Option<(Output, Output)>,
    /// If it is wanted.
    access: Option<Output>,
    access_format: Format,
    selection: Selection,
    /// The requests that workers have in hand, if a master is there to tell of them, and when the times there begin.
    in_hand: Option<(Arc<Shared<InHand>>, Instant)>,
    trace: bool,
    /// What sends the application's words, where the log is no file.
    pump: Option<Arc<Pump>>,
    rotation: Option<Rotation>,
}

impl Logs {
    /// Opens those that `telling` asks for; files that are made are `owner`'s. A file for the log is the
    /// process's stdout and stderr too; the server's own lines for stdout go where that was.
    pub(super) fn open(
        telling: &Telling,
        in_development: bool,
        owner: Option<Owner>,
        handover: Option<&Handover>,
    ) -> Result<Self> {
        let stderr = Output::standard(io::stderr())?;
        let stdout = Output::standard(io::stdout())?.beside(&stderr);
        let stdio = telling.log_target().map(|_| (stdout.clone(), stderr.clone()));
        let (log, mut pump) = match telling.log_target() {
            Some(target) => open(target, owner, true)?,
            None => (stderr, None),
        };
        if let (Some(pump), Some(handover)) = (&mut pump, handover) {
            pump.take_over(handover)?;
        }
        let (log, pump) = (log.beside(&stdout), pump.map(Arc::new));
        let access = match telling.access_log_target() {
            Some(target) => Some(open(target, owner, false)?.0.beside(&stdout).beside(&log)),
            None => telling.wants_access_log(in_development).then(|| stdout.clone()),
        };
        let access_format = telling.access_log_format.clone().unwrap_or_default();
        let (selection, trace) = (telling.selection(), telling.trace);
        let rotation = telling.rotation();
        let logs = Logs {
            log,
            stdout,
            stdio,
            access,
            access_format,
            selection,
            in_hand: None,
            trace,
            pump,
            rotation,
        };
        logs.take_stdio();
        Ok(logs)
    }

    /// Has the log take what is written to stdout and stderr, if it is not there that it goes.
    pub(super) fn take_stdio(&self) {
        if self.stdio.is_some() {
            self.log.become_stdout();
            self.log.become_stderr();
        }
    }

    /// Leaves to a new master, which this process becomes, what it was started with, and what workers of this one still write to.
    pub(super) fn leave(&self, left: &mut Left) {
        if let Some((stdout, stderr)) = &self.stdio {
            stdout.become_stdout();
            stderr.become_stderr();
        }
        if let Some(pump) = &self.pump {
            pump.leave(left);
        }
        if let Some((in_hand, zero)) = &self.in_hand {
            in_hand.leave(left);
            let zero = since_boot().saturating_sub(zero.elapsed());
            left.line(IN_HAND_SINCE, format_args!("{} {:?}", zero.as_nanos(), self.access_format));
        }
    }

    /// Has a person at a terminal see each request, if no option says how.
    pub(super) fn tell_a_person(&mut self) {
        if self.access.is_none() && !self.trace && self.stdout.is_terminal() {
            self.access = Some(self.stdout.clone());
        }
    }

    /// Has all that was for stdout go to the log: nobody reads stdout.
    pub(super) fn take_stdout(&mut self, telling: &Telling) {
        self.stdout = self.log.clone();
        if telling.access_log_target().is_none() {
            self.access = self.access.take().map(|_| self.log.clone());
        }
    }

    /// Where the log goes that has no file.
    pub(super) fn stderr() -> io::Result<Output> {
        Output::standard(io::stderr())
    }

    /// Looks whether files were moved away, and moves those away that have become too large; returns whether there were any,
    /// which all processes are to open anew.
    pub(super) fn rotate(&self) -> bool {
        let outputs = || [Some(&self.log), self.access.as_ref()].into_iter().flatten();
        if outputs().filter(|output| output.was_moved()).count() > 0 {
            return true;
        }
        let Some(Rotation { bytes_max, suffix }) = &self.rotation else { return false };
        let suffix = LocalTime::default().text(suffix, since_1970()).to_owned();
        outputs().filter(|output| output.rotate(*bytes_max, &suffix)).count() > 0
    }

    /// The last words of this process, which others may still be sending.
    pub(super) fn finish(&self) {
        let Some(pump) = &self.pump else { return };
        // Whoever writes to stderr now, the process was started with that.
        self.stdout.become_stdout();
        self.stdout.become_stderr();
        if self.log.close_pipe().is_ok() {
            pump.finish();
        }
    }

    /// Opens the files anew.
    pub(super) fn reopen(&self) {
        let (is_stdout, is_stderr) = (self.log.is_stdout(), self.log.is_stderr());
        self.log.reopen();
        if self.log.has_name() && is_stdout {
            self.log.become_stdout();
        }
        if self.log.has_name() && is_stderr {
            self.log.become_stderr();
        }
        if let Some(access) = &self.access {
            access.reopen();
        }
    }

    /// Has a request whose worker dies have its line too: the master's to call, before it forks. Those of the workers that the
    /// master before has left are among them, if lines are to have the same form.
    pub(super) fn keep_in_hand(&mut self, handover: Option<&Handover>) -> Result<()> {
        if self.access.is_none() {
            return Ok(());
        }
        let zero_of = |handover: &Handover| {
            let (zero, format) = handover.one(IN_HAND_SINCE)?.split_once(' ')?;
            let since = since_boot().checked_sub(Duration::from_nanos(zero.parse().ok()?))?;
            (format == format!("{:?}", self.access_format)).then(|| Instant::now().checked_sub(since))?
        };
        let zero = handover.and_then(zero_of);
        let in_hand = in_hand(handover.filter(|_| zero.is_some()))?;
        self.in_hand = Some((Arc::new(in_hand), zero.unwrap_or_else(Instant::now)));
        Ok(())
    }

    /// Tells of what a worker that has ended had in hand.
    pub(super) fn ended(&self, worker: &EndedWorker) {
        let (Some(output), Some((in_hand, zero))) = (&self.access, &self.in_hand) else { return };
        AccessLog::new(Box::new(output.clone()), self.access_format.clone(), Some(worker.number))
            .of(self.selection.clone())
            .of_process(worker.pid)
            .ended(in_hand.memory, worker.place, *zero, worker.abort_sent);
    }

    /// What writes the access log and the trace, if any is wanted; of a master's worker with its number, and its place on
    /// the scoreboard.
    pub(super) fn observer(&self, worker: Option<(u32, usize)>) -> Option<Box<dyn Observer + Send>> {
        let access_log = self.access.as_ref().map(|output| {
            let number = worker.map(|(number, _)| number);
            let log = AccessLog::new(Box::new(output.clone()), self.access_format.clone(), number)
                .of(self.selection.clone());
            match (&self.in_hand, worker) {
                (Some((in_hand, zero)), Some((_, place))) => log.in_hand(in_hand.memory, place, *zero),
                _ => log,
            }
        });
        let trace = self.trace.then(|| Trace::new(Box::new(self.stdout.clone())));
        match (trace, access_log) {
            (None, None) => None,
            (Some(trace), None) => Some(Box::new(trace)),
            (None, Some(access_log)) => Some(Box::new(access_log)),
            (Some(trace), Some(access_log)) => Some(Box::new(Both(trace, access_log))),
        }
    }
}

/// Opens what lines are to go to.
fn open(target: &LogTarget, owner: Option<Owner>, takes_stdio: bool) -> Result<(Output, Option<Pump>)> {
    match target {
        LogTarget::Standard => Ok((Output::standard(io::stdout())?, None)),
        LogTarget::File(path) => Ok((Output::open(path, owner)?, None)),
        LogTarget::Descriptor(number) => Ok((Output::descriptor(*number)?, None)),
        LogTarget::Datagrams(address, syslog) => {
            let remote = Remote::new(address, syslog.clone());
            let remote =
                remote.map_err(|error| format!("cannot send lines to {}: {error}", shown(address)))?;
            Ok(Output::remote(remote, takes_stdio)?)
        }
    }
}

fn shown(address: &DatagramAddress) -> String {
    match address {
        DatagramAddress::Unix(path) => path.display().to_string(),
        DatagramAddress::Udp { host, port } => format!("{host}:{port}"),
    }
}

/// The story, and its summary behind it.
struct Both(Trace, AccessLog);

impl Observer for Both {
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        self.0.observe(connection, event);
        self.1.observe(connection, event);
    }
}

/// The log's own lines. Of those that it cannot take it tells itself, with the first that it takes again.
pub(super) struct OwnLines {
    output: Output,
    format: LogFormat,
    lost: u64,
    /// What the system said of the last that was lost.
    why: String,
}

impl OwnLines {
    pub(super) fn new(output: Output, format: LogFormat) -> Self {
        OwnLines { output, format, lost: 0, why: String::new() }
    }
}

impl Write for OwnLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        let written = if self.lost == 0 {
            self.output.write_all(line)
        } else {
            let time = Record::time_of(line, self.format);
            let said = format!("the log: it is written again; lines lost: {} ({})", self.lost, self.why);
            let said = Record::new(&time, Level::Warn, module_path!(), &said).written(self.format);
            self.output.write_all(&[said.as_bytes(), line].concat())
        };
        match &written {
            Ok(()) => self.lost = 0,
            Err(error) => {
                self.lost += 1;
                self.why = error.to_string();
            }
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the line begins with that says from when on times count in what is in hand, and in which form lines are.
const IN_HAND_SINCE: &str = "in-hand-since";
