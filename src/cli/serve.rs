//! `tidegate serve`: an application, its listeners, a worker.

use std::io::{self, Write};

use log::error;

use super::options::{Options, Telling};
use super::{Host, Result, banner, start};
use crate::access_log::AccessLog;
use crate::application::{AppError, Application};
use crate::demo::Builtin;
use crate::listener::{Inherited, Listener};
use crate::observer::{Event, Observer};
use crate::trace::Trace;
use crate::worker::Worker;

/// Serves until a signal ends it.
pub(super) fn run(host: &dyn Host, options: &Options) -> Result<()> {
    if let Some(folder) = &options.loading.chdir {
        let entered = std::env::set_current_dir(folder);
        entered.map_err(|error| format!("--chdir {}: {error}", folder.display()))?;
    }
    let limits = options.limits();
    start::log(start::level(options.telling.verbose, options.telling.quiet));
    start::log_panics();
    start::raise_descriptors(&limits);

    let listeners = listen(options)?;
    let app = load(host, options)?;
    let mut worker = Worker::new(listeners, app, limits)?;
    if let Some(observer) = observer(&options.telling) {
        worker.observe(observer);
    }
    worker.stopper().on_signals()?;
    let path = if options.app == Builtin::Demo.name() { "/hello" } else { "/" };
    let banner = banner::banner(&options.app, path, &worker.listeners().collect::<Vec<_>>());
    // Nobody may be reading: stdout is closed, or a pipe whose reader has left. That is no reason not to serve.
    let _ = io::stdout().write_all(banner.as_bytes()).and_then(|()| io::stdout().flush());
    Ok(worker.run()?)
}

/// The application that APP names. A built-in one goes before a module of the same name.
fn load(host: &dyn Host, options: &Options) -> Result<Box<dyn Application>> {
    if let Ok(builtin) = options.app.parse::<Builtin>() {
        return Ok(Box::new(builtin));
    }
    match host.load(&options.app, &options.loading.setting()) {
        Ok(app) => Ok(app),
        Err(failure) if options.loading.need_app => Err(failure.to_string().into()),
        Err(failure) => {
            error!("{}: every request is answered with 500: {failure}", options.app);
            let why = "it could not be loaded: see the log's beginning";
            let answer = move |_, _| Err(AppError::new(why));
            Ok(Box::new(answer))
        }
    }
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
