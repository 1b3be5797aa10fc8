//! The language that an application is written in, as its threads need it.

use std::io;
use std::os::unix::thread::RawPthread;
use std::thread;

use crate::application::{AppError, Application};

/// What a worker needs of the language that its application is written in.
pub(crate) trait ThreadHost: Send + Sync {
    /// The application on the calling thread, which is not the one that loaded it.
    fn application(&self) -> Result<Box<dyn Application>, AppError>;

    /// Whether quick calls of the application are to run in parallel; if not, a thread that has nothing to do is left alone
    /// until a call lasts.
    fn runs_in_parallel(&self) -> bool {
        true
    }

    /// Begins a thread that is called `name` and runs `run`; returns what waits for its end.
    fn begin_thread(&self, name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn FnOnce()>>;

    /// The same for the thread that drives the loop while all others run the application.
    fn begin_watcher(&self, name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn FnOnce()>> {
        let thread = thread::Builder::new().name(name).spawn(run)?;
        Ok(Box::new(move || drop(thread.join())))
    }

    /// Looks, on the main thread, after what the language does in between: handlers of signals.
    fn look_around(&self);

    /// Writes to stderr where these threads are, and then where all are.
    fn trace(&self, threads: &[RawPthread]);

    /// Ends the process: an application's thread did not come back, and nothing can be waited for. If it returns, because the
    /// process is not this worker's to end, that thread is left behind.
    fn leave(&self);
}
