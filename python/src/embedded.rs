//! A server in the process of a Python program: what `tidegate/_server.py` runs on a thread.

use std::ffi::c_ulong;
use std::io;
use std::os::unix::thread::RawPthread;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::pthread::pthread_self;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PySystemExit, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use tidegate::cli::{self, EmbeddedError, Host, Setting};
use tidegate::{AppError, Application, Stop, Stopper};

use crate::application::PythonApplication;
use crate::attached::Attached;
use crate::wsgi_errors::Errors;
use crate::{failure, host, threads};

/// A server that listens and is not run yet, or has been.
#[pyclass(frozen, module = "tidegate")]
pub(crate) struct Embedded {
    /// Until it is run.
    server: Mutex<Option<cli::Embedded>>,
    stopper: Stopper,
    /// Those that call the application.
    threads: Arc<Threads>,
    /// The protocol, and where it is spoken.
    #[pyo3(get)]
    addresses: Vec<(String, String)>,
}

#[pymethods]
impl Embedded {
    /// A server of `application`, with options by their names and the values as they would be typed.
    #[new]
    fn new(application: Py<PyAny>, options: Vec<(String, Vec<String>)>, py: Python<'_>) -> PyResult<Self> {
        let errors = Py::new(py, Errors::new())?;
        let threads = Arc::new(Threads::default());
        let objects = Attached::new((application, errors));
        let host = Arc::new(ProcessHost { objects, threads: Arc::clone(&threads) });
        let server = cli::Embedded::new(host, &options).map_err(|error| match error {
            EmbeddedError::Unknown(why) => PyTypeError::new_err(why),
            EmbeddedError::Value(why) => PyValueError::new_err(why),
            EmbeddedError::System(why) => PyOSError::new_err(why),
        })?;
        let (stopper, addresses) = (server.stopper(), server.addresses());
        Ok(Embedded { server: Mutex::new(Some(server)), stopper, threads, addresses })
    }

    /// Serves on this thread until it is stopped.
    fn run(&self) -> PyResult<()> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let server = server.ok_or_else(|| PyRuntimeError::new_err("a server runs once"))?;
        server.run().map_err(|error| PyOSError::new_err(error.to_string()))
    }

    /// Ends it: what runs is finished, within the time that --grace gives it, unless it is to be dropped now.
    fn stop(&self, now: bool) {
        self.stopper.stop(if now { Stop::Now } else { Stop::Gracefully });
    }

    /// Has each call that runs raise SystemExit, at the next line of Python's that it comes to.
    fn interrupt(&self, py: Python<'_>) {
        self.threads.interrupt(py);
    }

    /// Whether the thread that calls this is one of the server's.
    fn is_own_thread(&self) -> bool {
        self.threads.lock().contains(&own())
    }
}

/// The threads that call the application, by the names that Python has for them too.
#[derive(Default)]
struct Threads(Mutex<Vec<c_ulong>>);

impl Threads {
    /// Runs this, during which the thread is one of them. It does not have the GIL.
    fn with_own(&self, run: impl FnOnce()) {
        self.lock().push(own());
        let _listed = Listed(self);
        run();
    }

    #[allow(unsafe_code, reason = "PyO3 has no other word for it")]
    fn interrupt(&self, py: Python<'_>) {
        let raised = py.get_type::<PySystemExit>();
        for thread in self.lock().iter() {
            // SAFETY: this thread has the GIL, and the class is one. That thread is there as long as it is in the list,
            // which is locked; a number that is no thread's would do nothing.
            unsafe { ffi::PyThreadState_SetAsyncExc(*thread as _, raised.as_ptr()) };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<c_ulong>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until this is dropped, also by a panic, the calling thread is one of them: its number may then be another's.
struct Listed<'a>(&'a Threads);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.0.lock().retain(|thread| *thread != own());
    }
}

/// What threading.get_ident() says.
fn own() -> c_ulong {
    pthread_self() as c_ulong
}

/// A callable that is there, in a process that is the program's: its signals and its end are not ours.
struct ProcessHost {
    /// The callable, and wsgi.errors.
    objects: Attached<(Py<PyAny>, Py<Errors>)>,
    threads: Arc<Threads>,
}

impl Host for ProcessHost {
    fn load(&self, _: &str, setting: &Setting) -> Result<Box<dyn Application>, AppError> {
        Python::attach(|py| {
            let (callable, errors) = &*self.objects;
            let application = PythonApplication::new(callable.bind(py), errors, setting);
            Ok(Box::new(application.map_err(|error| failure::of(py, &error))?) as Box<dyn Application>)
        })
    }

    fn has_threads(&self) -> bool {
        true
    }

    fn runs_in_parallel(&self) -> bool {
        host::runs_in_parallel()
    }

    fn begin_thread(&self, name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn FnOnce()>> {
        let own = Arc::clone(&self.threads);
        let run = Box::new(move || own.with_own(run));
        Python::attach(|py| threads::begin(py, &name, run).map_err(|error| failure::of_system(py, &error)))
    }

    fn while_serving(&self, serve: &mut dyn FnMut()) {
        Python::attach(|py| threads::detached(py, &mut || self.threads.with_own(&mut *serve)));
    }

    /// Handlers of signals are run by the program's main thread, which is another.
    fn look_around(&self) {
        Python::attach(|_| self.objects.1.get().flush());
    }

    /// faulthandler(3) tells of all threads where the program has asked it to tell of none on a signal.
    fn trace(&self, _: &[RawPthread]) {
        Python::attach(|py| {
            let told = py.import("faulthandler").and_then(|module| {
                module.call_method1("dump_traceback", (py.import("sys")?.getattr("__stderr__")?,))
            });
            if let Err(error) = told {
                log::error!(
                    "where the application's threads are cannot be told: {}",
                    failure::text(py, &error)
                );
            }
        });
    }
}
