//! The options of `tidegate serve` that say what is loaded, and into what.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::cli::host::Setting;
use crate::cli::values::{assignment, mount};
use crate::cli::warm_up::target;

#[derive(Args, Debug)]
#[command(next_help_heading = "Loading")]
pub(in crate::cli) struct Loading {
    /// Go to DIR first: all paths and modules are looked for from there.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) chdir: Option<PathBuf>,

    /// Look for Python modules in DIR before anywhere else. May be given several times.
    #[arg(long, value_name = "DIR")]
    pythonpath: Vec<PathBuf>,

    /// Find the packages of the virtual environment DIR, which must be of this Python's version, in place of those beside this
    /// command.
    #[arg(long, value_name = "DIR")]
    virtualenv: Option<PathBuf>,

    /// Have sys.argv be these words, which are split as by a shell, behind the command's name.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pyargv: Option<String>,

    /// Import a Python module, or ./file.py, before the application. May be given several times.
    #[arg(long, value_name = "MODULE")]
    import: Vec<String>,

    /// Where uWSGI's configuration is served (`tidegate uwsgi`): its options as they were given, for `import uwsgi`.
    #[arg(skip)]
    pub(in crate::cli) uwsgi: Option<Vec<(String, Option<String>)>>,

    /// Set a variable of the process's environment before a Python application is loaded. May be given several
    /// times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    env: Vec<(String, String)>,

    /// Serve the application APP at paths below PREFIX, as /api=api:app: SCRIPT_NAME has the prefix, and PATH_INFO what is
    /// behind it. May be given several times; the longest goes first, and APP without a prefix has the rest.
    /// docs/prefixes.md has nginx's side too.
    #[arg(long = "mount", value_name = "PREFIX=APP", value_parser = mount)]
    pub(super) mounts: Vec<(String, String)>,

    /// Whether to end with status 1 if the application cannot be loaded; else each request is answered with 500.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub(in crate::cli) need_app: bool,

    /// Have each new worker answer a GET of PATH before it serves. May be given several times.
    ///
    /// PATH is /path?query, or http://HOST/path where the application wants its own host. If it raises, or answers with a
    /// status of 500 or more, that is as if it could not be loaded: a start fails, a reload keeps the old workers.
    #[arg(long, value_name = "PATH", value_parser = target)]
    pub(in crate::cli) warm_up: Vec<String>,
}

impl Loading {
    /// Where modules are looked for before anywhere else.
    pub(in crate::cli) fn search_path(&self) -> &[PathBuf] {
        &self.pythonpath
    }

    /// What the application is loaded into, by so many workers of so many threads.
    pub(in crate::cli) fn setting(&self, workers: u32, threads: usize, development: bool) -> Setting {
        Setting {
            search_path: self.pythonpath.clone(),
            environment: self.env.clone(),
            virtualenv: self.virtualenv.clone(),
            arguments: self.pyargv.clone(),
            imports: self.import.clone(),
            workers,
            threads,
            uwsgi: self.uwsgi.clone(),
            development,
        }
    }
}
