//! `tidegate serve`: an application on its listeners, served by a master's workers or by this process.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Arc;

use log::{error, info, warn};
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::low_level::exit;

use super::daemon::{Caller, Side, daemonize};
use super::hooks::{self, Moment};
use super::logs::Logs;
use super::option_names::in_options;
use super::options::Options;
use super::plan::{Sockets, plan};
use super::reload::{self, Reload, WithoutPolls};
use super::setup::{self, Setup};
use super::threads::Threads;
use super::warm_up::warm_up;
use super::{Host, Program, Result, apps, around, banner, record, start, stop_bound, tell_error};
use crate::application::{AppError, Application};
use crate::cli::demo::Builtin;
use crate::limits::Limits;
use crate::master::{
    self, Attach, Control, End, EndedWorker, Fork, Handover, Invocation, Left, Master, MasterHooks, PidFile,
    Retirement, WorkerSetup,
};
use crate::net::listener::{Listener, Owner};
use crate::process::descriptors;
use crate::process::fork_watch;
use crate::static_files::StaticFiles;
use crate::telemetry::counted::counted;
use crate::worker::BareWorker;

/// Serves until a signal ends it. Returns the process's exit status.
pub(super) fn run(program: &Program, host: &'static dyn Host, options: &Options) -> Result<u8> {
    // First: before anything else is opened it is where the master before has left it.
    let handover = Handover::receive()?;
    if handover.as_ref().is_some_and(Handover::is_trial) {
        let tried = serve(program, host, options, handover, &RefCell::default());
        let status = tried.unwrap_or_else(|error| {
            tell_error(program, &error);
            1
        });
        // At once: a thread of the application's would keep it.
        exit(status.into());
    }
    // A new master is in the background already.
    if !options.process.daemonize || handover.is_some() {
        return serve(program, host, options, handover, &RefCell::default());
    }
    if let Some(why) = options.contradiction() {
        return Err(why.into());
    }
    match daemonize(host)? {
        Side::Caller => Ok(0),
        Side::Daemon(caller) => {
            let caller = RefCell::new(caller);
            let ended = serve(program, host, options, handover, &caller);
            ended.inspect_err(|error| caller.borrow_mut().fails(&error.to_string()))
        }
    }
}

fn serve(
    program: &Program,
    host: &'static dyn Host,
    options: &Options,
    handover: Option<Handover>,
    caller: &RefCell<Caller>,
) -> Result<u8> {
    let invocation = Invocation::of_this_process(std::env::args_os())?;
    let Setup { identity, owner, files } = Setup::new(program, host, options)?;
    let limits = options.limits();
    let in_development = options.development.reload;
    master::outlive_file_limit()?;
    let (left, is_trial) = (handover.as_ref(), handover.as_ref().is_some_and(Handover::is_trial));
    let logs = open_logs(program, options, owner, left)?;
    start::log(&options.telling, &logs.log);
    start::log_panics();
    start::raise_descriptors(&limits);
    if in_development {
        warn!("{}", reload::NOT_FOR_PRODUCTION);
    }
    options.files.warn_of_missing();

    let process = &options.process;
    hooks::run(&process.hooks, &[Moment::Asap])?;
    let handed = left.map(Handover::sockets).unwrap_or_default();
    let Sockets { mut listeners, stats } = Sockets::bind(options, owner, handed)?;
    let serving = Serving {
        program,
        host,
        options,
        logs,
        files,
        app: RefCell::default(),
        pid_file: RefCell::default(),
        caller,
    };
    if left.is_none() {
        serving.write_pid_file()?;
    }
    let control = process.control.as_deref().filter(|_| !is_trial).map(|path| {
        Control::open(path, owner, left).map_err(|error| format!("--control {}: {error}", path.display()))
    });
    let control = control.transpose()?;
    hooks::run(&process.hooks, &[Moment::PreJail, Moment::PostJail, Moment::AsRoot])?;
    identity.assume()?;
    process.attach.iter().try_for_each(Attach::check)?;
    hooks::run(&process.hooks, &[Moment::AsUser, Moment::InJail])?;

    if options.workers.workers.0 == 0 {
        if left.is_some() {
            return Err(NO_WORKERS.into());
        }
        let has_threads = setup::threads(program, host, options).is_some();
        if options.workers.timeout.is_some() && !has_threads
            || options.workers.drain.is_some()
            || options.workers.retirement() != Retirement::default()
            || options.telling.rotation().is_some()
        {
            warn!(
                "--workers 0: no master looks after --timeout, --drain and --log-max-size, nor after a worker's requests, age \
                 and memory"
            );
        }
        listeners.iter_mut().for_each(Listener::own_file);
        serving.alone(listeners)?;
        return hooks::run(&process.hooks, &[Moment::AsUserAtexit]).map(|()| 0);
    }
    let board = master::scoreboard(left)?;
    around::begin(board.memory, left.is_some());
    if is_trial {
        return serving.try_to_load().map(|()| 0);
    }
    if options.workers.preload {
        serving.preload(left.is_some())?;
    }
    let drain = options.workers.drain.map(|time| time.0);
    if let Some(drain) = drain.filter(|_| left.is_none()) {
        stop_bound::warn_if_short(drain, limits.grace_time_max);
    }
    let plan = plan(options, invocation, control)?;
    hooks::run(&process.hooks, &[Moment::MasterStart])?;
    let master = Master::new(plan, listeners, stats, board, handover, &serving)?;
    match master.run() {
        End::Stopped(status) => {
            if let Err(failure) = hooks::run(&process.hooks, &[Moment::AsUserAtexit]) {
                error!("{failure}");
            }
            serving.logs.finish();
            Ok(status)
        }
        End::Failed(why) => {
            serving.logs.finish();
            Err(why.into())
        }
        End::Worker(setup) => {
            let orphans = setup.orphans();
            let worked = serving.work(*setup);
            if let Some(orphans) = orphans {
                orphans.end(limits.grace_time_max);
            }
            worked.map(|()| 0)
        }
    }
}

/// Opens what is written to.
fn open_logs(
    program: &Program,
    options: &Options,
    owner: Option<Owner>,
    handover: Option<&Handover>,
) -> Result<Logs> {
    let mut logs = Logs::open(&options.telling, options.development.reload, owner, handover)?;
    if options.process.daemonize {
        logs.take_stdout(&options.telling);
    } else if options.apps().iter().any(|app| program.builtin(app.name) == Some(Builtin::Demo)) {
        logs.tell_a_person();
    }
    if options.workers.workers.0 > 0 {
        logs.keep_in_hand(handover)?;
    }
    Ok(logs)
}

/// What serving takes, in the master and in each of its workers.
struct Serving<'a> {
    program: &'a Program,
    host: &'static dyn Host,
    options: &'a Options,
    logs: Logs,
    files: Option<StaticFiles>,
    /// Loaded before the fork (`--preload`); each worker takes its copy.
    app: RefCell<Option<Box<dyn Application>>>,
    pid_file: RefCell<Option<PidFile>>,
    caller: &'a RefCell<Caller>,
}

impl Serving<'_> {
    /// Serves in this process.
    fn alone(&self, listeners: Vec<Listener>) -> Result<()> {
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
    fn work(&self, mut setup: WorkerSetup) -> Result<()> {
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

    /// Loads the application as the master will, before the fork, and has it answer what a worker has it answer before it serves.
    /// Where workers load it, theirs is the trial.
    fn try_to_load(&self) -> Result<()> {
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
    fn preload(&self, takes_over: bool) -> Result<()> {
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

    /// The application that APP names, with those of `--mount`. What they have closed or blocked as they were loaded is the server's again.
    fn load(&self, reload: Option<&Reload>) -> Result<Box<dyn Application>> {
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

    /// Tells the host that this process has the application, and is to serve.
    fn begin_worker(&self) {
        self.host.begin_worker(&setup::setting(self.program, self.host, self.options));
        fork_watch::end_child(0);
    }

    /// Has the application answer what `--warm-up` names.
    fn warm_up(&self, app: &mut Box<dyn Application>, reload: Option<&Reload>) -> Result<()> {
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

    fn write_pid_file(&self) -> Result<()> {
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

const NO_WORKERS: &str = "\
--workers 0 has no master, and this server has one, whose workers serve: to go without, stop it and start it anew";
