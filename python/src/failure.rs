//! An exception as the log shows it.

use std::io;

use pyo3::intern;
use pyo3::prelude::*;
use tidegate::AppError;

use crate::forked;

/// What an application raised, with its traceback: SystemExit and KeyboardInterrupt too, which end no worker.
pub(crate) fn of(py: Python<'_>, error: &PyErr) -> AppError {
    forked::end_child(py, error);
    AppError::new(text(py, error))
}

/// Why an application cannot be loaded, as the loader explains it.
pub(crate) fn at_load(py: Python<'_>, app: &str, error: &PyErr) -> AppError {
    forked::end_child(py, error);
    let explained = py
        .import("tidegate._loader")
        .and_then(|loader| loader.call_method1("explain", (app, error.value(py), error.traceback(py))))
        .and_then(|text| text.extract::<String>());
    AppError::new(explained.unwrap_or_else(|_| text(py, error)))
}

/// An exception where the system's errors are told: its text alone, which may be dropped without the GIL.
pub(crate) fn of_system(py: Python<'_>, error: &PyErr) -> io::Error {
    io::Error::other(text(py, error))
}

/// The exception as Python prints it. traceback(3) survives a broken `__str__` or `__repr__`; if it fails even so, as
/// it does without memory, the exception's type and words must do.
pub(crate) fn text(py: Python<'_>, error: &PyErr) -> String {
    let formatted = || -> PyResult<String> {
        let (class, value, traceback) = (error.get_type(py), error.value(py), error.traceback(py));
        let lines = py
            .import(intern!(py, "traceback"))?
            .call_method1(intern!(py, "format_exception"), (class, value, traceback))?;
        let mut text = String::new();
        for line in lines.try_iter()? {
            text.push_str(&line?.str()?.to_string_lossy());
        }
        Ok(text.trim_end().to_owned())
    };
    formatted().unwrap_or_else(|second| {
        let name = |error: &PyErr| {
            error.get_type(py).name().map_or_else(|_| "?".to_owned(), |name| name.to_string())
        };
        // What it says may be all that there is to know: traceback(3) is not found where Python's own files cannot be read.
        let said = error
            .value(py)
            .str()
            .map_or_else(|_| String::new(), |said| format!(": {}", said.to_string_lossy()));
        format!("{}{said} (its traceback cannot be shown: {})", name(error), name(&second))
    })
}
