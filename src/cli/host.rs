//! Where applications come from that are not built in: the package of another language around this command, if any.

use std::io;
use std::os::unix::thread::RawPthread;
use std::path::PathBuf;
use std::thread;

use crate::application::{AppError, Application};
use crate::cli::demo::UnknownApplication;
use crate::master::{self, Fork};

/// Finds the application that APP names, where it is none of the built-in ones.
///
/// An application may have threads of its own (`--threads`): each serves one request at a time.
pub trait Host: Sync {
    /// Says what of the setting cannot be, before anything is bound: in the process that the workers are forked of, where no
    /// application has been loaded.
    fn check(&self, _setting: &Setting) -> Result<(), AppError> {
        Ok(())
    }

    /// Loads the application `app`. The error is what the log shows: why it cannot be loaded.
    ///
    /// It runs in the process that will call the application, and on the same thread.
    fn load(&self, app: &str, setting: &Setting) -> Result<Box<dyn Application>, AppError>;

    /// This process is one that serves, and has the application: it was loaded here, or before the fork (`--preload`).
    fn begin_worker(&self, _setting: &Setting) {}

    /// The application that [`load`](Host::load) has loaded, for the thread that calls this, which is another one.
    fn load_on_thread(&self, app: &str, setting: &Setting) -> Result<Box<dyn Application>, AppError> {
        self.load(app, setting)
    }

    /// Whether what it loads has modules, files of code that a new process reads anew: `--reload` watches them.
    fn has_modules(&self) -> bool {
        false
    }

    /// The files that were loaded since this was last asked, and the folders of modules, which end with a slash. Those that a
    /// load has failed in are among them. What is installed, and changes no more, is not.
    fn new_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Whether what it loads is to have threads of its own, as one request must not run where another is open.
    fn has_threads(&self) -> bool {
        false
    }

    /// Whether quick calls run in parallel on the application's threads. Where a lock, as Python's GIL, has the threads compute
    /// one at a time they do not, and a second thread is woken only for a call that lasts a millisecond. It is asked once the
    /// application is loaded.
    fn runs_in_parallel(&self) -> bool {
        true
    }

    /// Begins a thread that is called `name` and runs `run`; returns what waits for its end.
    fn begin_thread(&self, name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn FnOnce()>> {
        let thread = thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(run)?;
        Ok(Box::new(move || drop(thread.join())))
    }

    /// Runs `serve`, which serves to the worker's end. A lock that the application's threads want, as Python's GIL, is let go
    /// of meanwhile: each call of the application takes it.
    fn while_serving(&self, serve: &mut dyn FnMut()) {
        serve();
    }

    /// Looks, on the main thread, after what the language does in between: handlers of signals.
    fn look_around(&self) {}

    /// Writes to stderr where these threads of the application are, which do not come back, and then where all are.
    fn trace(&self, _threads: &[RawPthread]) {}

    /// Ends the process at once: a thread of the application did not come back, and nothing waits for it.
    fn leave(&self) -> ! {
        signal_hook::low_level::exit(0)
    }

    /// Makes a second process, in which the calling thread goes on. A language with hooks for a fork runs them.
    ///
    /// The master calls it on the thread that called [`run`](super::run), and in the child `run` returns, when the
    /// worker is over, as it does in the parent when the master is.
    fn fork(&self) -> io::Result<Fork> {
        master::fork()
    }

    /// Runs `wait`, in which the master or a worker sleeps. A host that holds a lock which other threads want, as
    /// Python's GIL, lets go of it meanwhile.
    fn while_waiting(&self, wait: &mut (dyn FnMut() + Send)) {
        wait();
    }

    /// Writes what the language has printed and not written yet: this process becomes another program.
    fn flush(&self) {}

    /// Sees to it that SIGABRT writes to stderr where every thread of this process is, before it ends the process: the
    /// master sends it to a worker whose application does not return. It is called in each worker, once, when the
    /// application is loaded.
    fn trace_on_abort(&self) -> Result<(), AppError> {
        Ok(())
    }
}

/// The stack of an application's thread, bytes: what main threads have, and what recursion up to a language's own bound
/// takes. With 2 MiB, which is std's, Python 3.12 crashes in a deep recursion.
const STACK_BYTES: usize = 8 << 20;

/// What an application is loaded into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Where to look for modules before anywhere else (`--pythonpath`), the first of them first.
    pub search_path: Vec<PathBuf>,
    /// Variables of the process's environment to set (`--env`).
    pub environment: Vec<(String, String)>,
    /// The virtual environment whose packages are to be found (`--virtualenv`).
    pub virtualenv: Option<PathBuf>,
    /// The process's arguments as the application is to see them, in a shell's words (`--pyargv`).
    pub arguments: Option<String>,
    /// Modules to load before the application (`--import`).
    pub imports: Vec<String>,
    /// How many processes may call the application at the same time.
    pub workers: u32,
    /// How many threads of each may.
    pub threads: usize,
    /// Where uWSGI's configuration is served: its options as they were given, which its module tells to applications.
    pub uwsgi: Option<Vec<(String, Option<String>)>>,
    /// Whether files are saved while they are loaded (`--reload`).
    pub development: bool,
}

/// The host of a program with an application of its own, which this makes.
pub(super) struct Own<F>(pub(super) F);

impl<A: Application + 'static, F: Fn() -> Result<A, AppError> + Sync> Host for Own<F> {
    fn load(&self, _: &str, _: &Setting) -> Result<Box<dyn Application>, AppError> {
        Ok(Box::new((self.0)()?))
    }
}

/// The host of the command alone, which has the built-in applications and no others.
pub(super) struct NoHost;

impl Host for NoHost {
    fn load(&self, app: &str, _: &Setting) -> Result<Box<dyn Application>, AppError> {
        let unknown = UnknownApplication::new(app);
        Err(AppError::new(format!("{unknown}; for a Python application: pip install tidegate")))
    }
}
