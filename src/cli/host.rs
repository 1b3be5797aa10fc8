//! Where applications come from that are not built in: the package of another language around this command, if any.

use std::io;
use std::path::PathBuf;

use crate::application::{AppError, Application};
use crate::cli::demo::UnknownApplication;
use crate::master::{self, Fork};

/// Finds the application that APP names, where it is none of the built-in ones.
pub trait Host {
    /// Loads the application `app`. The error is what the log shows: why it cannot be loaded.
    ///
    /// It runs in the process that will call the application, and on the same thread.
    fn load(&self, app: &str, setting: &Setting) -> Result<Box<dyn Application>, AppError>;

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

    /// Sees to it that SIGABRT writes to stderr where every thread of this process is, before it ends the process: the
    /// master sends it to a worker whose application does not return. It is called in each worker, once, when the
    /// application is loaded.
    fn trace_on_abort(&self) -> Result<(), AppError> {
        Ok(())
    }
}

/// What an application is loaded into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Where to look for modules before anywhere else (`--pythonpath`), the first of them first.
    pub search_path: Vec<PathBuf>,
    /// Variables of the process's environment to set (`--env`).
    pub environment: Vec<(String, String)>,
    /// Whether other processes may call the application at the same time (wsgi.multiprocess).
    pub multiprocess: bool,
}

/// The host of a program with an application of its own, which this makes.
pub(super) struct Own<F>(pub(super) F);

impl<A: Application + 'static, F: Fn() -> Result<A, AppError>> Host for Own<F> {
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
