//! What serves: the application and all that belongs to it, in the master and in each of its workers.

mod loading;

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Arc;

use log::{error, info, warn};
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};

use super::daemon::Caller;
use super::hooks::{self, Moment};
use super::logs::Logs;
use super::option_names::in_options;
use super::options::Options;
use super::reload::{Reload, WithoutPolls};
use super::threads::Threads;
use super::{Host, Program, Result, apps, banner, record, setup, start};
use crate::application::Application;
use crate::cli::demo::Builtin;
use crate::limits::Limits;
use crate::master::{EndedWorker, Fork, Left, MasterHooks, PidFile, WorkerSetup};
use crate::net::listener::Listener;
use crate::process::fork_watch;
use crate::static_files::StaticFiles;
use crate::telemetry::counted::counted;
use crate::worker::BareWorker;

/// What serving takes, in the master and in each of its workers.
pub(super) struct Serving<'a> {
    pub(super) program: &'a Program,
    pub(super) host: &'static dyn Host,
    pub(super) options: &'a Options,
    pub(super) logs: Logs,
    pub(super) files: Option<StaticFiles>,
    /// Loaded before the fork (`--preload`); each worker takes its copy.
    pub(super) app: RefCell<Option<Box<dyn Application>>>,
    pub(super) pid_file: RefCell<Option<PidFile>>,
    pub(super) caller: &'a RefCell<Caller>,
}

impl Serving<'_> {
    /// Serves in this process.
    pub(super) fn alone(&self, listeners: Vec<Listener>) -> Result<()> {
        let mut app = self.load(None)?;
        hooks::run(&self.options.process.hooks, &Moment::of_accepting(1, true))?;
        self.begin_worker();
        self.warm_up(&mut app, None)?;
        let mut worker = BareWorker::new(listeners, self.limits(), None)?;
        self.prepare(&mut worker, None);
        worker.stopper().on_signals()?;
        fork_watch::reset_in_children(&[SIGTERM, SIGQUIT, SIGINT])?;
        self.announce(&worker.listeners().collect::<Vec<_>>());
        Ok(self.run(worker, app, None)?)
    }

    /// Serves as one of the master's workers.
    pub(super) fn work(&self, mut setup: WorkerSetup) -> Result<()> {
        record::is_worker(setup.number());
        // It is the master that tells whoever waits.
        self.caller.take();
        let reload = setup.take_reporter().map(|reporter| Arc::new(Reload::new(self.host, reporter)));
        let hooks = &self.options.process.hooks;
        let accepting = Moment::of_accepting(setup.number(), setup.is_first());
        let load = || {
            hooks::run(hooks, &[Moment::PostFork])?;
            let loaded = self.app.take().map_or_else(|| self.load(reload.as_deref()), Ok);
            loaded.and_then(|mut app| {
                hooks::run(hooks, &accepting)?;
                self.begin_worker();
                self.warm_up(&mut app, reload.as_deref()).map(|()| app)
            })
        };
        let loaded = match setup.take_death() {
            None => load(),
            Some(why) => Err(format!("the process that loaded the code has ended: {why}").into()),
        };
        let loaded = match &reload {
            None => loaded,
            Some(reload) => reload
                .loaded(loaded.map_err(|failure| failure.to_string()), setup.number())
                .map_err(Into::into),
        };
        let app = match loaded {
            Ok(app) => app,
            Err(failure) => {
                setup.fail(&failure.to_string());
                return Ok(());
            }
        };
        if let Err(failure) = self.host.trace_on_abort() {
            warn!("a worker that is aborted will not tell where it was: {failure}");
        }
        let logs = self.logs.clone();
        let who = (setup.number(), setup.place());
        let prepare = |worker: &mut _| self.prepare(worker, Some(who));
        let worker = setup.worker(self.limits(), prepare, move || logs.reopen())?;
        Ok(self.run(worker, app, reload)?)
    }

    fn run(
        &self,
        worker: BareWorker,
        app: Box<dyn Application>,
        reload: Option<Arc<Reload>>,
    ) -> io::Result<()> {
        let (mut given, mut result) = (Some((worker, app, reload)), Ok(()));
        self.host.while_serving(&mut || {
            let Some((worker, app, reload)) = given.take() else { return };
            result = match setup::threads(self.program, self.host, self.options) {
                None => worker.run(app),
                Some(count) => {
                    let threads = Threads::new(self.program, self.host, self.options, reload);
                    worker.run_with_threads(count, app, threads)
                }
            };
        });
        result
    }

    fn limits(&self) -> Limits {
        let mut limits = self.options.limits();
        if setup::threads(self.program, self.host, self.options).is_some() {
            limits.call_time_max = self.options.workers.timeout.map(|time| time.0);
        }
        limits
    }

    /// Gives a worker what it has of the command around it.
    fn prepare(&self, worker: &mut BareWorker, who: Option<(u32, usize)>) {
        if let Some(observer) = self.logs.observer(who) {
            worker.observe(match self.options.development.reload {
                false => observer,
                true => Box::new(WithoutPolls::new(observer)),
            });
        }
        if let Some(files) = &self.files {
            worker.serve_files(files.clone());
        }
        worker.add_fields(&self.options.listening.fields);
        worker.name_bounds(in_options);
    }

    /// Tells the host that this process has the application, and is to serve.
    fn begin_worker(&self) {
        self.host.begin_worker(&setup::setting(self.program, self.host, self.options));
        fork_watch::end_child(0);
    }

    /// Says where it serves: in the log, and on stdout with what a newcomer wants to know.
    fn announce(&self, listeners: &[&Listener]) {
        self.caller.borrow_mut().serves();
        self.log_start(listeners);
        let apps = self.options.apps();
        let (path, below) = match apps.first() {
            Some(app) if self.program.builtin(app.name) == Some(Builtin::Demo) => ("/hello", app.prefix),
            Some(app) => ("/", app.prefix),
            None => ("/", ""),
        };
        let path = format!("{below}{path}");
        let (shown, with_nginx) = (apps::shown(&apps), self.logs.stdout.is_terminal());
        let banner = banner::banner(self.program.name(), &shown, &path, listeners, with_nginx);
        // stdout may be closed, or a pipe whose reader has left. That is no reason not to serve.
        let _ = self.logs.stdout.clone().write_all(banner.as_bytes());
        if apps.iter().any(|app| self.program.builtin(app.name).is_none()) {
            start::warn_of_root();
        }
    }

    fn log_start(&self, listeners: &[&Listener]) {
        let addresses: Vec<String> = (listeners.iter())
            .map(|listener| format!("{}://{}", listener.protocol(), listener.address()))
            .collect();
        let workers = &self.options.workers;
        let processes = match (workers.workers.0 as usize, workers.by_need()) {
            (0, _) => "in one process".to_owned(),
            (count, Some(plan)) => format!("with {} to {}", plan.min, counted(count, "worker", "workers")),
            (count, None) => format!("with {}", counted(count, "worker", "workers")),
        };
        let threads = setup::threads(self.program, self.host, self.options)
            .map(|count| format!(" of {}", counted(count, "thread", "threads")));
        info!(
            "serves {} on {}, {processes}{}",
            apps::shown(&self.options.apps()),
            addresses.join(", "),
            threads.unwrap_or_default()
        );
    }

    pub(super) fn write_pid_file(&self) -> Result<()> {
        if let Some(path) = &self.options.process.pidfile {
            let written = PidFile::write(path);
            let written = written.map_err(|error| format!("--pidfile {}: {error}", path.display()))?;
            *self.pid_file.borrow_mut() = Some(written);
        }
        Ok(())
    }
}

impl MasterHooks for Serving<'_> {
    fn fork(&self) -> io::Result<Fork> {
        self.host.fork()
    }

    fn while_waiting(&self, wait: &mut (dyn FnMut() + Send)) {
        self.host.while_waiting(wait);
    }

    fn serving(&self, listeners: &[Listener]) {
        // The file of a master before is left alone until this one, the same process, serves.
        if self.pid_file.borrow().is_none()
            && let Err(error) = self.write_pid_file()
        {
            error!("{error}");
        }
        self.announce(&listeners.iter().collect::<Vec<_>>());
    }

    fn ended(&self, worker: &EndedWorker) {
        self.logs.ended(worker);
    }

    fn reopen_logs(&self) {
        self.logs.reopen();
    }

    fn rotate_logs(&self) -> bool {
        self.logs.rotate()
    }

    fn leave(&self, left: &mut Left) {
        self.host.flush();
        self.logs.leave(left);
    }

    fn stay(&self) {
        self.logs.take_stdio();
    }
}
