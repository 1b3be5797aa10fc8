//! `--reload`, in a worker: it tells the master which files are loaded, and shows what has failed to whoever asks.

mod application;
mod page;
mod polls;
mod traceback;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use log::{Level, log, warn};

use super::Host;
use super::options::Options;
use crate::application::{AppError, Application};
use crate::master::{CodePlan, Reporter};
use application::{Failed, Shown};
use page::Page;
pub(super) use polls::WithoutPolls;

/// What is said when a server starts so.
pub(super) const NOT_FOR_PRODUCTION: &str = "\
--reload is for development and not for production: whoever can connect is shown tracebacks and source, and each saved file \
replaces the code that serves";

/// What the master watches beside what the workers tell of. It is asked for in the folder of `--chdir`.
pub(super) fn code_plan(options: &Options) -> io::Result<CodePlan> {
    let root = std::env::current_dir()?;
    let mut folders = vec![root.clone()];
    folders.extend(options.loading.search_path().iter().map(|folder| root.join(folder)));
    for app in options.apps() {
        // That of ./folder/file.py, which may not be there yet.
        let (target, _) = app.name.split_once(':').unwrap_or((app.name, ""));
        if target.contains('/') {
            folders.extend(Path::new(target).parent().map(|folder| root.join(folder)));
        }
    }
    Ok(CodePlan { folders, includes: options.development.reload_include.clone(), root })
}

/// What a worker has of it.
pub(super) struct Reload {
    host: &'static dyn Host,
    reporter: Reporter,
    /// Which load this is, in a word that no other has.
    load: String,
    /// Why the application cannot be served.
    failure: OnceLock<Arc<Page>>,
}

impl Reload {
    pub(super) fn new(host: &'static dyn Host, reporter: Reporter) -> Self {
        let load = format!("{}-{}", std::os::unix::process::parent_id(), reporter.generation());
        Reload { host, reporter, load, failure: OnceLock::new() }
    }

    /// The application as the worker of this number serves it: a page, if it could not be loaded. The master is told of the files.
    pub(super) fn loaded(
        self: &Arc<Self>,
        loaded: Result<Box<dyn Application>, String>,
        number: u32,
    ) -> Result<Box<dyn Application>, String> {
        self.tell(loaded.is_err());
        if let Err(failure) = &loaded {
            // Of several workers, who all load the same code, one tells of it.
            let level = if number == 1 { Level::Error } else { Level::Debug };
            log!(level, "the application cannot be served; a page says so, until a save mends it: {failure}");
            let page = Page::of_load(failure, &self.load);
            let _ = self.failure.set(Arc::new(page));
        }
        let application = self.application(|| loaded.map_err(AppError::new));
        application.map_err(|failure| failure.to_string())
    }

    /// The same on another thread, for which `make` has the application that was loaded.
    pub(super) fn application(
        self: &Arc<Self>,
        make: impl FnOnce() -> Result<Box<dyn Application>, AppError>,
    ) -> Result<Box<dyn Application>, AppError> {
        let application = match self.failure.get() {
            Some(page) => Box::new(Failed::new(Arc::clone(page))),
            None => make()?,
        };
        Ok(Box::new(Shown::new(application, Arc::clone(self))))
    }

    /// Tells the master of files that were loaded since this was last done.
    fn tell(&self, has_failed: bool) {
        if let Err(error) = self.reporter.report(has_failed, || -> Vec<PathBuf> { self.host.new_files() }) {
            warn!("--reload: the master does not hear which files are loaded: {error}");
        }
    }
}
