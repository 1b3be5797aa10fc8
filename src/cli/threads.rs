//! The application's threads, as a worker asks the command's host for them.

use std::io;
use std::sync::Arc;

use nix::sys::pthread::Pthread;

use super::demo::Builtin;
use super::options::Options;
use super::{Host, Program, Setting, setup};
use crate::application::{AppError, Application};
use crate::worker::ThreadHost;

/// What begins threads, and has the application for each.
pub(super) struct Threads {
    host: &'static dyn Host,
    builtin: Option<Builtin>,
    app: String,
    setting: Setting,
}

impl Threads {
    pub(super) fn new(program: &Program, host: &'static dyn Host, options: &Options) -> Arc<Self> {
        Arc::new(Threads {
            host,
            builtin: program.builtin(&options.app),
            app: options.app.clone(),
            setting: setup::setting(program, host, options),
        })
    }
}

impl ThreadHost for Threads {
    fn application(&self) -> Result<Box<dyn Application>, AppError> {
        match self.builtin {
            Some(builtin) => Ok(Box::new(builtin)),
            None => self.host.load_on_thread(&self.app, &self.setting),
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

    fn trace(&self, threads: &[Pthread]) {
        self.host.trace(threads);
    }

    fn leave(&self) {
        self.host.leave();
    }
}
