//! What a process has of its master when it begins to be a worker.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use log::debug;

use super::abort;
use super::attached::Orphans;
use super::code::Reporter;
use super::signals::{HEARD, Held, Loading};
use crate::limits::Limits;
use crate::net::listener::Listener;
use crate::net::relay::Relay;
use crate::process::fork_watch;
use crate::telemetry::scoreboard::{Recorder, Scoreboard, Slot};
use crate::worker::BareWorker;
use crate::worker::master_link::{MasterLink, word};

/// What a worker is given.
pub(crate) struct WorkerSetup {
    pub(super) number: u32,
    /// No other has had the number before, and the code was loaded for the first time.
    pub(super) is_first: bool,
    /// Where its row is on the scoreboard.
    pub(super) place: usize,
    pub(super) listeners: Vec<Listener>,
    pub(super) link: UnixStream,
    /// There are other workers.
    pub(super) shares: bool,
    pub(super) board: &'static Scoreboard,
    pub(super) slot: &'static Slot,
    /// Where workers pass on to one another what waits.
    pub(super) relay: Option<Relay>,
    /// In development: where it says which files it has loaded.
    pub(super) reporter: Option<Reporter>,
    /// How the one before it has ended, as it loaded the same code.
    pub(super) died_loading: Option<String>,
    pub(super) loading: Loading,
    /// The programs beside the workers, if the master has any.
    pub(super) orphans: Option<&'static Orphans>,
    /// Signals wait until the worker has handlers of its own.
    pub(super) held: Option<Held>,
}

impl WorkerSetup {
    /// Lets signals in: the application is about to be loaded, and a stop ends that at once.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.loading.begin()?;
        fork_watch::begin()?;
        self.slot.set_pid(std::process::id());
        self.held = None;
        Ok(())
    }

    /// Its number among the workers, from 1 on; its successor will have the same.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Whether it takes no other's place.
    pub(crate) fn is_first(&self) -> bool {
        self.is_first
    }

    /// Where its row is on the scoreboard.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// In development: where it says which files it has loaded.
    pub(crate) fn take_reporter(&mut self) -> Option<Reporter> {
        self.reporter.take()
    }

    /// In development: how the worker before it has ended, as it loaded this code. It is not to be loaded again.
    pub(crate) fn take_death(&mut self) -> Option<String> {
        self.died_loading.take()
    }

    /// The programs beside the workers: where the master is gone once this worker leaves, they are its to end.
    pub(crate) fn orphans(&self) -> Option<&'static Orphans> {
        self.orphans
    }

    /// Tells the master that this worker cannot serve, and why.
    pub(crate) fn fail(mut self, why: &str) {
        let why = &why.as_bytes()[..why.len().min(WHY_BYTES_MAX)];
        if let Err(error) = self.link.write_all(&[&[word::FAILED], why].concat()) {
            // The master, which would have read it, is gone.
            debug!("the master does not hear why: {error}");
        }
    }

    /// The worker that it is to be, which serves until the master, a signal or the master's end says so. `prepare` is
    /// given it before it begins, and `reopen_logs` is called when the master says so.
    pub(crate) fn worker(
        self,
        limits: Limits,
        prepare: impl FnOnce(&mut BareWorker),
        reopen_logs: impl FnMut() + Send + 'static,
    ) -> io::Result<BareWorker> {
        let link = MasterLink::new(self.link, self.shares, reopen_logs)?;
        let mut worker = BareWorker::new(self.listeners, limits, Some(link))?;
        worker.record(Recorder::new(self.board, self.slot, Instant::now(), unix_micros()));
        if let Some(relay) = self.relay {
            worker.pass_by(relay);
        }
        prepare(&mut worker);
        worker.stopper().on_signals()?;
        fork_watch::reset_in_children(&HEARD)?;
        abort::prepare(self.slot.abort_sent())?;
        self.loading.end();
        Ok(worker)
    }
}

/// Now, microseconds since 1970.
pub(super) fn unix_micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// The longest reason that a master is told, bytes: a traceback, and less than a socket holds.
const WHY_BYTES_MAX: usize = 64 << 10;
