//! How the application is loaded: by a trial, in the master before the fork, or in a worker.

use log::{error, warn};

use super::super::hooks::{self, Moment};
use super::super::reload::Reload;
use super::super::warm_up::warm_up;
use super::super::{Result, apps, setup};
use super::Serving;
use crate::application::{AppError, Application};
use crate::master;
use crate::process::{descriptors, fork_watch};

impl Serving<'_> {
    /// Loads the application as the master will, before the fork, and has it answer what a worker has it answer before it serves.
    /// Where workers load it, theirs is the trial.
    pub(in crate::cli) fn try_to_load(&self) -> Result<()> {
        if !self.options.workers.preload {
            return Ok(());
        }
        let mut app = self.load(None)?;
        if !self.options.loading.warm_up.is_empty() {
            self.begin_worker();
            self.warm_up(&mut app, None)?;
        }
        Ok(())
    }

    /// Loads the application in the master. One that `takes_over` serves in any case, with the workers of before: there was
    /// no fault when it was tried.
    pub(in crate::cli) fn preload(&self, takes_over: bool) -> Result<()> {
        match self.load(None) {
            Ok(app) => *self.app.borrow_mut() = Some(app),
            Err(failure) if takes_over => {
                error!(
                    "reload: the master cannot load the application, and so each new worker tries: {failure}"
                );
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// The application that APP names, with those of `--mount`. What they have closed or blocked as they were loaded is the server's again.
    pub(super) fn load(&self, reload: Option<&Reload>) -> Result<Box<dyn Application>> {
        let hooks = &self.options.process.hooks;
        hooks::run(hooks, &[Moment::PreApp])?;
        let app = self.load_or_answer_500(reload.is_some())?;
        hooks::run(hooks, &[Moment::PostApp])?;
        let taken_back = descriptors::fill()
            .and_then(|()| master::let_signals_in())
            .and_then(|()| master::outlive_readers());
        if let Err(error) = taken_back {
            warn!("stdin, stdout, stderr or signals remain as the application has left them: {error}");
        }
        Ok(app)
    }

    fn load_or_answer_500(&self, in_development: bool) -> Result<Box<dyn Application>> {
        let loaded = setup::load(self.program, self.host, self.options, |app, failure| {
            // In development a page says more than a 500.
            if self.options.loading.need_app || in_development {
                return Err(app.failed(failure));
            }
            error!("{}: every request is answered with 500: {failure}", apps::shown(&[*app]));
            let why = "it could not be loaded: see the log's beginning";
            Ok(Box::new(move |_, _| Err(AppError::new(why))))
        });
        Ok(loaded.map_err(|failure| failure.to_string())?)
    }

    /// Has the application answer what `--warm-up` names.
    pub(super) fn warm_up(&self, app: &mut Box<dyn Application>, reload: Option<&Reload>) -> Result<()> {
        let warmed = warm_up(app, &self.options.loading.warm_up, &self.limits());
        fork_watch::end_child(i32::from(warmed.is_err()));
        match warmed {
            Err(failure) if !self.options.loading.need_app && reload.is_none() => {
                error!("{failure}");
                Ok(())
            }
            warmed => warmed,
        }
    }
}
