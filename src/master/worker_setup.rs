//! What a process has of its master when it begins to be a worker.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use log::debug;

use super::abort;
use super::signals::{HEARD, Held, Loading};
use crate::application::Application;
use crate::limits::Limits;
use crate::net::listener::Listener;
use crate::process::fork_watch;
use crate::telemetry::scoreboard::{Recorder, Slot};
use crate::worker::Worker;
use crate::worker::master_link::{MasterLink, word};

/// What a worker is given.
pub(crate) struct WorkerSetup {
    pub(super) listeners: Vec<Listener>,
    pub(super) link: UnixStream,
    /// There are other workers.
    pub(super) shares: bool,
    pub(super) slot: &'static Slot,
    pub(super) loading: Loading,
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

    /// Tells the master that this worker cannot serve, and why.
    pub(crate) fn fail(mut self, why: &str) {
        let why = &why.as_bytes()[..why.len().min(WHY_BYTES_MAX)];
        if let Err(error) = self.link.write_all(&[&[word::FAILED], why].concat()) {
            // The master, which would have read it, is gone.
            debug!("the master does not hear why: {error}");
        }
    }

    /// Serves to the end: until the master, a signal or the master's end says so. `prepare` is given the worker
    /// before it begins, and `reopen_logs` is called when the master says so.
    pub(crate) fn serve<A: Application>(
        self,
        application: A,
        limits: Limits,
        prepare: impl FnOnce(&mut Worker<A>),
        reopen_logs: impl FnMut() + 'static,
    ) -> io::Result<()> {
        let link = MasterLink::new(self.link, self.shares, reopen_logs)?;
        let mut worker = Worker::led(self.listeners, application, limits, link)?;
        worker.record(Recorder::new(self.slot, Instant::now(), unix_micros()));
        prepare(&mut worker);
        worker.stopper().on_signals()?;
        fork_watch::reset_in_children(&HEARD)?;
        abort::prepare()?;
        self.loading.end();
        worker.run()
    }
}

/// Now, microseconds since 1970.
pub(super) fn unix_micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// The longest reason that a master is told, bytes: a traceback, and less than a socket holds.
const WHY_BYTES_MAX: usize = 64 << 10;
