//! `tidegate serve`: an application on its listeners, served by a master's workers or by this process.

use std::cell::RefCell;

use log::{error, warn};
use signal_hook::low_level::exit;

use super::daemon::{Caller, Side, daemonize};
use super::hooks::{self, Moment};
use super::logs::Logs;
use super::options::Options;
use super::plan::{Sockets, plan};
use super::serving::Serving;
use super::setup::{self, Setup};
use super::{Host, Program, Result, around, reload, start, stop_bound, tell_error};
use crate::cli::demo::Builtin;
use crate::master::{self, Attach, Control, End, Handover, Invocation, Master, Retirement};
use crate::net::listener::{Listener, Owner};

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
    let Sockets { listeners, stats } = Sockets::bind(options, owner, handed)?;
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
        return if left.is_some() { Err(NO_WORKERS.into()) } else { without_master(&serving, listeners) };
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

/// Serves in this process.
fn without_master(serving: &Serving<'_>, mut listeners: Vec<Listener>) -> Result<u8> {
    let options = serving.options;
    let has_threads = setup::threads(serving.program, serving.host, options).is_some();
    if options.workers.timeout.is_some() && !has_threads
        || options.workers.drain.is_some()
        || options.workers.retirement() != Retirement::default()
        || options.telling.rotation().is_some()
    {
        warn!(
            "--workers 0: no master looks after --timeout, --drain and --log-max-size, nor after a worker's requests, age and \
             memory"
        );
    }
    listeners.iter_mut().for_each(Listener::own_file);
    serving.alone(listeners)?;
    hooks::run(&options.process.hooks, &[Moment::AsUserAtexit]).map(|()| 0)
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

const NO_WORKERS: &str = "\
--workers 0 has no master, and this server has one, whose workers serve: to go without, stop it and start it anew";
