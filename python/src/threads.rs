//! The application's threads, as Python's own.

use std::io::{self, Write};
use std::os::unix::thread::RawPthread;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use log::error;
use nix::sys::pthread::{Pthread, pthread_kill};
use nix::sys::signal::{SigSet, Signal};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyModule, PyTuple};

use crate::attached::Attached;
use crate::lent;

/// Begins a threading.Thread that runs `run` without the GIL; returns what waits for its end.
///
/// It lives as long as `run`, and so does what Python keeps for it: threading.local and context variables.
pub(crate) fn begin(
    py: Python<'_>,
    name: &str,
    run: Box<dyn FnOnce() + Send>,
) -> PyResult<Box<dyn FnOnce()>> {
    let run = Mutex::new(Some(run));
    let target = PyCFunction::new_closure(
        py,
        None,
        None,
        move |_: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
            let run = run.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(run) = run {
                Python::attach(|py| lent::lending(py, |py| py.detach(run)));
            }
        },
    )?;
    let threading = py.import(intern!(py, "threading"))?;
    let arguments = PyDict::new(py);
    arguments.set_item("target", target)?;
    arguments.set_item("name", name)?;
    // At the interpreter's end none is waited for that does not come back.
    arguments.set_item("daemon", true)?;
    let thread = threading.getattr("Thread")?.call((), Some(&arguments))?;
    let before = threading.call_method1("stack_size", (STACK_BYTES,))?;
    let started = thread.call_method0("start");
    threading.call_method1("stack_size", (before,))?;
    started?;
    let thread = Attached::new(thread.unbind());
    Ok(Box::new(move || {
        Python::attach(|py| {
            let joined = thread.bind(py).call_method1("join", (JOIN_SECONDS,));
            if let Err(error) = joined {
                error!("a thread of the application did not end: {error}");
            }
            drop(thread);
        });
    }))
}

/// Runs `serve` without the GIL.
pub(crate) fn detached(py: Python<'_>, serve: &mut dyn FnMut()) {
    let serve = OnThisThread(serve);
    lent::lending(py, |py| py.detach(move || serve.run()));
}

/// What does not leave its thread.
struct OnThisThread<'a>(&'a mut dyn FnMut());

#[allow(unsafe_code, reason = "PyO3 has no other word for what must not have the GIL")]
// SAFETY: detach() runs it on the thread that calls it, and it has no reference to Python's objects that takes the GIL for
// granted: each of those is had by attaching.
unsafe impl Send for OnThisThread<'_> {}

impl OnThisThread<'_> {
    fn run(self) {
        (self.0)();
    }
}

/// Has the thread that gets TRACE_SIGNAL write where it is, and the one that gets TRACE_ALL_SIGNAL where all are.
pub(crate) fn can_be_traced(faulthandler: &Bound<'_, PyModule>) -> PyResult<()> {
    for (signal, all_threads) in [(TRACE_SIGNAL, false), (TRACE_ALL_SIGNAL, true)] {
        let arguments = PyDict::new(faulthandler.py());
        arguments.set_item("all_threads", all_threads)?;
        faulthandler.call_method("register", (signal as i32,), Some(&arguments))?;
    }
    // The application may have blocked all signals as it was loaded.
    let own = SigSet::from_iter([TRACE_SIGNAL, TRACE_ALL_SIGNAL]);
    own.thread_unblock().map_err(io::Error::from)?;
    Ok(())
}

/// Writes to stderr where these threads are, and then where all are, whether one of them has the GIL or not.
pub(crate) fn trace(threads: &[RawPthread]) {
    let each = threads.iter().map(|thread| (*thread, TRACE_SIGNAL));
    for (thread, signal) in each.chain(threads.first().map(|thread| (*thread, TRACE_ALL_SIGNAL))) {
        if let Err(error) = pthread_kill(thread as Pthread, signal) {
            error!("where a thread is cannot be told: {error}");
        }
        // The signal's handler runs on that thread. Two that wrote at once would write into one another.
        thread::sleep(TRACE_TIME);
    }
}

/// Ends the process, though threads of the application do not come back. What was printed is written, and what the
/// application has asked for at the end is run, if that can be done in time.
pub(crate) fn leave() -> ! {
    let (done, wait) = mpsc::channel();
    let ending = thread::Builder::new().spawn(move || {
        Python::attach(|py| {
            let run = || -> PyResult<()> {
                py.import("atexit")?.call_method0("_run_exitfuncs")?;
                let sys = py.import("sys")?;
                for stream in ["stdout", "stderr"] {
                    sys.getattr(stream)?.call_method0("flush")?;
                }
                Ok(())
            };
            if let Err(error) = run() {
                error!("at the end: {error}");
            }
        });
        let _ = done.send(());
    });
    if ending.is_ok() {
        let _ = wait.recv_timeout(END_TIME);
    }
    let _ = io::stderr().flush();
    tidegate::cli::exit_now(0)
}

/// What writes where a thread is: signals that nothing else sends.
const TRACE_SIGNAL: Signal = Signal::SIGSTKFLT;
const TRACE_ALL_SIGNAL: Signal = Signal::SIGPWR;
/// What a thread has for its stack, bytes: as much as the main thread has by default. With less a recursion that Python
/// itself would end is a crash.
const STACK_BYTES: usize = 8 << 20;
const JOIN_SECONDS: f64 = 1.0;
/// Time in which a thread writes where it is.
const TRACE_TIME: Duration = Duration::from_millis(50);
/// Time for what is to be done at the end.
const END_TIME: Duration = Duration::from_secs(2);
