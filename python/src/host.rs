//! Python as the command's host: it loads the callables that APP names, and makes processes as Python does.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::thread::RawPthread;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use tidegate::cli::{Fork, Host, Setting};
use tidegate::{AppError, Application};

use crate::application::PythonApplication;
use crate::wsgi_errors::Errors;

use crate::{failure, forked, threads, waiting};

/// Loads applications by `tidegate/_loader.py`, which knows how Python names things.
pub(crate) struct PythonHost {
    /// wsgi.errors of every request, from the first load on.
    errors: PyOnceLock<Py<Errors>>,
    /// What was loaded, by its name.
    callables: Mutex<BTreeMap<String, Py<PyAny>>>,
}

impl PythonHost {
    pub(crate) const fn new() -> Self {
        PythonHost { errors: PyOnceLock::new(), callables: Mutex::new(BTreeMap::new()) }
    }
}

impl Host for PythonHost {
    fn check(&self, setting: &Setting) -> Result<(), AppError> {
        let Setting { virtualenv, arguments, uwsgi, .. } = setting;
        if virtualenv.is_none() && arguments.is_none() && uwsgi.is_none() {
            return Ok(());
        }
        Python::attach(|py| {
            let check = || {
                let asked = (virtualenv.clone(), arguments.as_deref(), uwsgi.is_some());
                py.import("tidegate._loader")?.call_method1("check", asked).map(drop)
            };
            check().map_err(|error| failure::at_load(py, "", &error))
        })
    }

    fn load(&self, app: &str, setting: &Setting) -> Result<Box<dyn Application>, AppError> {
        Python::attach(|py| {
            let load = || -> PyResult<Box<dyn Application>> {
                let errors = self.errors.get_or_try_init(py, || Py::new(py, Errors::new()))?;
                if setting.development {
                    modules(py)?.call_method0("keep_no_fresh_bytecode")?;
                }
                let loader = py.import("tidegate._loader")?;
                let callable = loader.call_method1("load", asked(py, app, setting)?)?;
                let application = PythonApplication::new(&callable, errors, setting)?;
                let before = self.callables().insert(app.to_owned(), callable.unbind());
                drop(before);
                Ok(Box::new(application))
            };
            load().map_err(|error| {
                let failure = failure::at_load(py, app, &error);
                // Only --reload asks for it. The failure is told in any case.
                let _ = modules(py).and_then(|modules| modules.call_method1("failed", (error.value(py),)));
                failure
            })
        })
    }

    /// Under `tidegate uwsgi` it is what uWSGI's post_fork_hook is for.
    fn begin_worker(&self, setting: &Setting) {
        if setting.uwsgi.is_none() {
            return;
        }
        Python::attach(|py| {
            let begun = || py.import("tidegate._uwsgi")?.call_method0("begin_worker").map(drop);
            if let Err(error) = begun() {
                let failure = failure::of(py, &error);
                log::error!("uwsgi.post_fork_hook: {failure}");
            }
        });
    }

    fn load_on_thread(&self, app: &str, setting: &Setting) -> Result<Box<dyn Application>, AppError> {
        Python::attach(|py| {
            let callable = self.callables().get(app).map(|callable| callable.clone_ref(py));
            let (Some(callable), Some(errors)) = (callable, self.errors.get(py)) else {
                return Err(AppError::new(format!("{app} is not loaded")));
            };
            let application = PythonApplication::new(callable.bind(py), errors, setting);
            Ok(Box::new(application.map_err(|error| failure::of(py, &error))?) as Box<dyn Application>)
        })
    }

    fn has_modules(&self) -> bool {
        true
    }

    fn new_files(&self) -> Vec<PathBuf> {
        Python::attach(|py| {
            let files = modules(py).and_then(|modules| modules.call_method0("new_files")?.extract());
            files.unwrap_or_else(|error: PyErr| {
                log::warn!("--reload: the files of the modules are not known: {}", failure::text(py, &error));
                Vec::new()
            })
        })
    }

    fn has_threads(&self) -> bool {
        true
    }

    /// Without the GIL they do. What the application has imported may have had it switched on.
    fn runs_in_parallel(&self) -> bool {
        runs_in_parallel()
    }

    fn begin_thread(&self, name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn FnOnce()>> {
        Python::attach(|py| threads::begin(py, &name, run).map_err(|error| failure::of_system(py, &error)))
    }

    fn while_serving(&self, serve: &mut dyn FnMut()) {
        Python::attach(|py| threads::detached(py, serve));
    }

    fn look_around(&self) {
        Python::attach(|py| {
            self.flush_errors(py);
            waiting::hear_signals(py);
        });
    }

    fn trace(&self, threads: &[RawPthread]) {
        threads::trace(threads);
    }

    fn leave(&self) -> ! {
        threads::leave()
    }

    /// os.fork() runs what was given to os.register_at_fork(), and sees to the interpreter's own locks and threads.
    fn fork(&self) -> io::Result<Fork> {
        Python::attach(|py| {
            // What was printed and not written yet would be written by both processes.
            forked::flush(py);
            let fork = || -> PyResult<i32> {
                py.import(intern!(py, "os"))?.call_method0(intern!(py, "fork"))?.extract()
            };
            let pid = fork().map_err(|error| failure::of_system(py, &error))?;
            Ok(if pid == 0 { Fork::Child } else { Fork::Parent(pid) })
        })
    }

    fn flush(&self) {
        Python::attach(|py| {
            self.flush_errors(py);
            forked::flush(py);
        });
    }

    fn while_waiting(&self, wait: &mut (dyn FnMut() + Send)) {
        Python::attach(|py| {
            self.flush_errors(py);
            py.detach(wait);
            waiting::hear_signals(py);
        });
    }

    /// faulthandler(3) does that, and for SIGSEGV and the like too.
    fn trace_on_abort(&self) -> Result<(), AppError> {
        Python::attach(|py| {
            let enabled = py.import("faulthandler").and_then(|module| {
                module.call_method0("enable")?;
                threads::can_be_traced(&module)
            });
            enabled.map_err(|error| failure::of(py, &error))
        })
    }
}

/// What `load()` is given.
fn asked<'py>(py: Python<'py>, app: &str, setting: &Setting) -> PyResult<Bound<'py, PyTuple>> {
    let Setting { search_path, environment, virtualenv, arguments, imports, uwsgi, .. } = setting.clone();
    let uwsgi = uwsgi.map(|options| (options, setting.workers, setting.threads));
    (app, search_path, environment, virtualenv, arguments, imports, uwsgi).into_pyobject(py)
}

/// What knows the modules' files.
fn modules(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("tidegate._modules")
}

/// Whether there is no GIL.
pub(crate) fn runs_in_parallel() -> bool {
    Python::attach(|py| {
        let is_gil_enabled =
            || py.import(intern!(py, "sys"))?.call_method0(intern!(py, "_is_gil_enabled"))?.extract();
        // Before 3.13 nobody asks.
        !is_gil_enabled().unwrap_or(true)
    })
}

impl PythonHost {
    /// Logs a line that a request left without its end.
    fn flush_errors(&self, py: Python<'_>) {
        if let Some(errors) = self.errors.get(py) {
            errors.get().flush();
        }
    }

    fn callables(&self) -> MutexGuard<'_, BTreeMap<String, Py<PyAny>>> {
        self.callables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
