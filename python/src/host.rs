//! Python as the command's host: it loads the callables that APP names, and makes processes as Python does.

use std::io;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tidegate::cli::{Fork, Host, Setting};
use tidegate::{AppError, Application};

use crate::application::PythonApplication;
use crate::waiting::detached;
use crate::wsgi_errors::Errors;
use crate::{failure, forked};

/// Loads applications by `tidegate/_loader.py`, which knows how Python names things.
pub(crate) struct PythonHost {
    /// wsgi.errors of every request, from the first load on.
    errors: PyOnceLock<Py<Errors>>,
}

impl PythonHost {
    pub(crate) const fn new() -> Self {
        PythonHost { errors: PyOnceLock::new() }
    }
}

impl Host for PythonHost {
    fn load(&self, app: &str, setting: &Setting) -> Result<Box<dyn Application>, AppError> {
        Python::attach(|py| {
            let load = || -> PyResult<Box<dyn Application>> {
                let errors = self.errors.get_or_try_init(py, || Py::new(py, Errors::new()))?;
                let loader = py.import("tidegate._loader")?;
                let callable = loader
                    .call_method1("load", (app, setting.search_path.clone(), setting.environment.clone()))?;
                Ok(Box::new(PythonApplication::new(&callable, errors, setting.multiprocess)?))
            };
            load().map_err(|error| failure::at_load(py, &error))
        })
    }

    /// os.fork() runs what was given to os.register_at_fork(), and sees to the interpreter's own locks and threads.
    fn fork(&self) -> io::Result<Fork> {
        Python::attach(|py| {
            // What was printed and not written yet would be written by both processes.
            forked::flush(py);
            let pid: i32 = py.import(intern!(py, "os"))?.call_method0(intern!(py, "fork"))?.extract()?;
            Ok(if pid == 0 { Fork::Child } else { Fork::Parent(pid) })
        })
    }

    fn while_waiting(&self, wait: &mut (dyn FnMut() + Send)) {
        Python::attach(|py| {
            // A line that a request left without its end; a thread of the application's may be in the middle of writing.
            if let Some(Ok(mut errors)) = self.errors.get(py).map(|errors| errors.try_borrow_mut(py)) {
                errors.flush();
            }
            detached(py, wait);
        });
    }

    /// faulthandler(3) does that, and for SIGSEGV and the like too.
    fn trace_on_abort(&self) -> Result<(), AppError> {
        Python::attach(|py| {
            let enabled = py.import("faulthandler").and_then(|module| module.call_method0("enable"));
            enabled.map(drop).map_err(|error| failure::of(py, &error))
        })
    }
}
