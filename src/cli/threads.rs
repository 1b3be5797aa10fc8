//! The application's threads, as a worker asks the command's host for them.

use std::io;
use std::os::unix::thread::RawPthread;
use std::sync::Arc;

use log::error;

use super::apps::{App, Mounts};
use super::demo::Builtin;
use super::options::Options;
use super::reload::Reload;
use super::{Host, Program, Setting, apps, setup};
use crate::application::{AppError, Application};
use crate::worker::ThreadHost;

/// What begins threads, and has the applications for each.
pub(super) struct Threads {
    host: &'static dyn Host,
    /// A prefix and a name, and what is built in of that name.
    apps: Vec<(String, String, Option<Builtin>)>,
    setting: Setting,
    /// In development.
    reload: Option<Arc<Reload>>,
}

impl Threads {
    pub(super) fn new(
        program: &Program,
        host: &'static dyn Host,
        options: &Options,
        reload: Option<Arc<Reload>>,
    ) -> Arc<Self> {
        let of = |app: App<'_>| (app.prefix.to_owned(), app.name.to_owned(), program.builtin(app.name));
        Arc::new(Threads {
            host,
            apps: options.apps().into_iter().map(of).collect(),
            setting: setup::setting(program, host, options),
            reload,
        })
    }
}

impl ThreadHost for Threads {
    fn application(&self) -> Result<Box<dyn Application>, AppError> {
        match &self.reload {
            None => self.gather(),
            Some(reload) => reload.application(|| self.gather()),
        }
    }

    fn begin_thread(&self, name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn FnOnce()>> {
        self.host.begin_thread(name, run)
    }

    fn runs_in_parallel(&self) -> bool {
        self.host.runs_in_parallel()
    }

    fn look_around(&self) {
        self.host.look_around();
    }

    fn trace(&self, threads: &[RawPthread]) {
        self.host.trace(threads);
    }

    fn leave(&self) {
        self.host.leave();
    }
}

impl Threads {
    fn gather(&self) -> Result<Box<dyn Application>, AppError> {
        let apps: Vec<_> = self.apps.iter().map(|(prefix, name, _)| App { prefix, name }).collect();
        Mounts::gather(&apps, |app| {
            let builtin =
                self.apps.iter().find_map(|(_, name, builtin)| builtin.filter(|_| name == app.name));
            let found = match builtin {
                Some(builtin) => Ok(Box::new(builtin) as Box<dyn Application>),
                None => self.host.load_on_thread(app.name, &self.setting),
            };
            // The others are there all the same.
            found.or_else(|failure| match apps.as_slice() {
                [_] => Err(app.failed(failure)),
                _ => {
                    error!("{}: every request is answered with 500: {failure}", apps::shown(&[*app]));
                    let why = "the application could not be had on this thread";
                    Ok(Box::new(move |_, _| Err(AppError::new(why))))
                }
            })
        })
    }
}
