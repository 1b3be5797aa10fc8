//! What `import uwsgi` asks the server: of its workers, and of the request of the thread that asks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use tidegate::{StartResponse, cli};

use crate::attached::Attached;
use crate::failure;

/// The request that this thread is called with, from here on.
pub(crate) fn begin_request(handle: &StartResponse) {
    REQUEST.with_borrow_mut(|current| {
        let count = current.as_ref().map_or(0, |before| before.count + 1);
        if let Some(number) = current.take().and_then(|before| before.number) {
            numbered().remove(&number);
        }
        *current = Some(Request { handle: handle.clone(), number: None, count });
    });
}

/// `uwsgi.after_req_hook`: what the application has called after each request.
pub(crate) struct AfterRequest(Attached<Py<PyAny>>);

impl AfterRequest {
    /// That which is among the names of the module, if any is.
    pub(crate) fn of(names: &Bound<'_, PyDict>) -> Option<Self> {
        let hook = names.get_item(intern!(names.py(), "after_req_hook")).ok().flatten()?;
        Some(AfterRequest(Attached::new(hook.unbind())))
    }

    /// Calls it. Its failure is nobody's response.
    pub(crate) fn call(self, py: Python<'_>) {
        if let Err(error) = self.0.call0(py) {
            log::error!("uwsgi.after_req_hook: {}", failure::of(py, &error));
        }
    }
}

struct Request {
    handle: StartResponse,
    /// Once it was asked for.
    number: Option<i32>,
    /// Requests of this thread before it.
    count: u64,
}

thread_local! {
    static REQUEST: RefCell<Option<Request>> = const { RefCell::new(None) };
}

/// Requests whose numbers were asked for: another thread may ask whether their clients are there.
fn numbered() -> MutexGuard<'static, HashMap<i32, StartResponse>> {
    static NUMBERED: LazyLock<Mutex<HashMap<i32, StartResponse>>> = LazyLock::new(Mutex::default);
    NUMBERED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn of_request<T>(ask: impl FnOnce(&mut Request) -> T) -> PyResult<T> {
    REQUEST.with_borrow_mut(|current| match current {
        Some(request) => Ok(ask(request)),
        None => Err(PyRuntimeError::new_err(
            "this thread has no request: ask on the one that the application is called on",
        )),
    })
}

/// How many requests this thread has had before this one.
#[pyfunction]
pub(crate) fn request_count() -> PyResult<u64> {
    of_request(|request| request.count)
}

/// The number of this thread's request.
#[pyfunction]
pub(crate) fn connection_number() -> PyResult<i32> {
    static LAST: AtomicI32 = AtomicI32::new(0);
    of_request(|request| {
        *request.number.get_or_insert_with(|| {
            let number = FIRST_NUMBER + (LAST.fetch_add(1, Ordering::Relaxed) & NUMBERS_MASK);
            numbered().insert(number, request.handle.clone());
            number
        })
    })
}

/// Whether the client of the request with this number is there.
#[pyfunction]
pub(crate) fn is_connected(number: i32) -> bool {
    let handle = numbered().get(&number).cloned();
    handle.is_some_and(|handle| !handle.is_disconnected())
}

/// Gives the access log a variable of this thread's request.
#[pyfunction]
pub(crate) fn set_note(name: &str, value: &[u8]) -> PyResult<()> {
    of_request(|request| request.handle.set_note(name, value))
}

/// What was given it under this name.
#[pyfunction]
pub(crate) fn note(py: Python<'_>, name: &str) -> PyResult<Option<Py<PyBytes>>> {
    let note = of_request(|request| request.handle.note(name))?;
    Ok(note.map(|note| PyBytes::new(py, &note).unbind()))
}

/// Writes a line to the log.
#[pyfunction]
pub(crate) fn log_line(line: &[u8]) {
    log::info!(target: "uwsgi", "{}", String::from_utf8_lossy(line));
}

/// What each worker does and has done.
#[pyfunction]
pub(crate) fn workers_now(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let told = |worker: &cli::WorkerNow| {
        let dict = PyDict::new(py);
        dict.set_item("id", worker.number)?;
        dict.set_item("pid", worker.pid)?;
        dict.set_item("is_ready", worker.is_ready)?;
        dict.set_item("is_busy", worker.is_busy)?;
        dict.set_item("requests", worker.requests)?;
        dict.set_item("exceptions", worker.exceptions)?;
        dict.set_item("tx", worker.bytes_out)?;
        dict.set_item("rss", worker.rss_bytes)?;
        dict.set_item("vsz", worker.vsz_bytes)?;
        dict.set_item("running_time", worker.running_micros)?;
        dict.set_item("last_spawn", worker.started_at)?;
        dict.set_item("respawn_count", worker.respawns)?;
        Ok(dict)
    };
    cli::workers_now().iter().map(told).collect()
}

/// Requests that all workers have answered.
#[pyfunction]
pub(crate) fn requests_so_far() -> u64 {
    cli::requests_so_far()
}

/// The number of this process among the workers.
#[pyfunction]
pub(crate) fn own_number() -> u32 {
    cli::own_number()
}

/// The master's process.
#[pyfunction]
pub(crate) fn master_process() -> u32 {
    cli::master_process()
}

/// When the master began.
#[pyfunction]
pub(crate) fn started_at() -> u64 {
    cli::started_at()
}

/// Whether the code is loaded anew.
#[pyfunction]
pub(crate) fn is_reload() -> bool {
    cli::is_reload()
}

/// Numbers of requests begin here: no process has so many descriptors open, so that a system call with one of them fails.
const FIRST_NUMBER: i32 = 1 << 30;
const NUMBERS_MASK: i32 = FIRST_NUMBER - 1;
