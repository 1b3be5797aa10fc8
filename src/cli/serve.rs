//! `tidegate serve`: an application, its listeners, a worker.

use std::io::{self, Write};

use super::options::{Options, Telling};
use super::{Result, banner, start};
use crate::access_log::AccessLog;
use crate::demo::Builtin;
use crate::listener::{Inherited, Listener};
use crate::observer::{Event, Observer};
use crate::trace::Trace;
use crate::worker::Worker;

/// Serves until a signal ends it.
pub(super) fn run(options: &Options) -> Result<()> {
    let app: Builtin = options.app.parse()?;
    let limits = options.limits();
    start::log(start::level(options.telling.verbose, options.telling.quiet));
    start::log_panics();
    start::raise_descriptors(&limits);

    let mut worker = Worker::new(listen(options)?, app, limits)?;
    if let Some(observer) = observer(&options.telling) {
        worker.observe(observer);
    }
    worker.stopper().on_signals()?;
    let path = if app == Builtin::Demo { "/hello" } else { "/" };
    let banner = banner::banner(app.name(), path, &worker.listeners().collect::<Vec<_>>());
    // Nobody may be reading: stdout is closed, or a pipe whose reader has left. That is no reason not to serve.
    let _ = io::stdout().write_all(banner.as_bytes()).and_then(|()| io::stdout().flush());
    Ok(worker.run()?)
}

fn listen(options: &Options) -> Result<Vec<Listener>> {
    let mut inherited = Inherited::from_environment();
    let mut listeners = Vec::new();
    for (scheme, address, how) in options.listening.addresses() {
        listeners.extend(Listener::bind(scheme, &address, &how, &mut inherited)?);
    }
    Ok(listeners)
}

fn observer(telling: &Telling) -> Option<Box<dyn Observer>> {
    let access_log = || AccessLog::new(Box::new(io::stdout()));
    let trace = || Trace::new(Box::new(io::stdout()));
    match (telling.trace, telling.access_log) {
        (false, false) => None,
        (true, false) => Some(Box::new(trace())),
        (false, true) => Some(Box::new(access_log())),
        (true, true) => Some(Box::new(Both(trace(), access_log()))),
    }
}

/// The story, and its summary behind it.
struct Both(Trace, AccessLog);

impl Observer for Both {
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        self.0.observe(connection, event.clone());
        self.1.observe(connection, event);
    }
}
