//! Threads for a worker in a process that is not its own.

use std::io;
use std::os::unix::thread::RawPthread;
use std::thread::JoinHandle;

use super::host::ThreadHost;
use crate::application::{AppError, Application};

/// What makes the application on each thread, and what begins threads.
pub(in crate::worker) struct LibraryHost<M, S> {
    pub(in crate::worker) make: M,
    pub(in crate::worker) spawn: S,
}

impl<A, M, S> ThreadHost for LibraryHost<M, S>
where
    A: Application + 'static,
    M: Fn() -> Result<A, AppError> + Send + Sync,
    S: Fn(String, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> + Send + Sync,
{
    fn application(&self) -> Result<Box<dyn Application>, AppError> {
        Ok(Box::new((self.make)()?))
    }

    fn begin_thread(&self, name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn FnOnce()>> {
        let thread = (self.spawn)(name, run)?;
        Ok(Box::new(move || drop(thread.join())))
    }

    fn begin_watcher(&self, name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn FnOnce()>> {
        self.begin_thread(name, run)
    }

    fn look_around(&self) {}

    fn trace(&self, _: &[RawPthread]) {}

    fn leave(&self) {}
}
