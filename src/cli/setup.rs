//! The steps from the options to an application that is loaded: `tidegate check` ends with them, and `tidegate serve`
//! goes on. What fails here fails both in the same words.

use std::fs;
use std::io;
use std::path::Path;

use nix::sys::stat::{Mode, umask};

use super::apps::{App, Mounts};
use super::options::Options;
use super::{Host, Program, Result, Setting};
use crate::application::{AppError, Application};
use crate::master::Identity;
use crate::net::listener::Owner;
use crate::process::fork_watch;
use crate::static_files::StaticFiles;

/// What the process is prepared for.
pub(super) struct Setup {
    /// The user and the group that it is to run as.
    pub(super) identity: Identity,
    /// The owner of the files that it makes, if that is to be another than the process's user.
    pub(super) owner: Option<Owner>,
    /// The files that go before the application.
    pub(super) files: Option<StaticFiles>,
}

impl Setup {
    /// Goes to the folder and sets the umask that the options name, and finds the user, the group and the folders of the
    /// files that are to be written. No file is made.
    pub(super) fn new(program: &Program, host: &dyn Host, options: &Options) -> Result<Self> {
        if let Some(why) = options.contradiction() {
            return Err(why.into());
        }
        if options.development.reload && !host.has_modules() {
            return Err(NO_MODULES.into());
        }
        fork_watch::begin()?;
        if let Some(folder) = &options.loading.chdir {
            let entered = std::env::set_current_dir(folder);
            entered.map_err(|error| format!("--chdir {}: {error}", folder.display()))?;
        }
        host.check(&setting(program, host, options)).map_err(|why| why.to_string())?;
        if let Some(mode) = options.process.umask {
            umask(Mode::from_bits_truncate(mode));
        }
        let identity = Identity::find(options.process.user.as_deref(), options.process.group.as_deref())?;
        let owner = Owner { user: identity.uid(), group: identity.gid() };
        let telling = &options.telling;
        for path in telling.paths() {
            find_folder(path).map_err(|error| format!("cannot write to {}: {error}", path.display()))?;
        }
        if let Some(path) = &options.process.pidfile {
            find_folder(path).map_err(|error| format!("--pidfile {}: {error}", path.display()))?;
        }
        let owner = Some(owner).filter(|owner| owner.user.or(owner.group).is_some());
        Ok(Setup { identity, owner, files: options.files.open_or_wait(options.loading.uwsgi.is_some())? })
    }
}

/// The application that APP names, and those of `--mount`: a built-in one goes before a module of the same name. `instead` is
/// told of one that cannot be loaded, and has what is served in its place, if the others are to be served all the same.
pub(super) fn load(
    program: &Program,
    host: &dyn Host,
    options: &Options,
    instead: impl Fn(&App<'_>, AppError) -> std::result::Result<Box<dyn Application>, AppError>,
) -> std::result::Result<Box<dyn Application>, AppError> {
    let setting = setting(program, host, options);
    let mut names = Vec::new();
    Mounts::gather(&options.apps(), |app| {
        let loaded = match program.builtin(app.name) {
            Some(builtin) => Ok(Box::new(builtin) as Box<dyn Application>),
            // What is mounted twice is loaded once.
            None if names.contains(&app.name.to_owned()) => host.load_on_thread(app.name, &setting),
            None => host.load(app.name, &setting),
        };
        fork_watch::end_child(i32::from(loaded.is_err()));
        names.push(app.name.to_owned());
        loaded.or_else(|error| instead(app, error))
    })
}

/// What the application is loaded into.
pub(super) fn setting(program: &Program, host: &dyn Host, options: &Options) -> Setting {
    let threads = threads(program, host, options).unwrap_or(1);
    options.loading.setting(options.workers.workers.0.max(1), threads, options.development.reload)
}

/// How many threads of its own the application has in each worker; `None` if it runs on the loop's.
pub(super) fn threads(program: &Program, host: &dyn Host, options: &Options) -> Option<usize> {
    let needs = host.has_threads() && options.apps().iter().any(|app| program.builtin(app.name).is_none());
    options.workers.threads.or(needs.then_some(1))
}

/// What is said of `--reload` where the code is the program itself, which no process reads anew.
pub(super) const NO_MODULES: &str = "\
--reload watches the modules of a Python application, and there are none here. A program is built and started anew: \
`watchexec --restart cargo run -- serve` does that at each save";

/// An error where a file of this path could not be made, for want of a folder.
fn find_folder(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    // With the dot, a file in the folder's place is an error too.
    fs::metadata(path.parent().unwrap_or(&path).join(".")).map(drop)
}
