//! A child that the application has forked, and that ends as Python code ends: by an exception.

use std::io::Write;

use pyo3::exceptions::PySystemExit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyInt;
use tidegate::cli;

use crate::text::type_name;

/// Ends this process if it is such a child. sys.exit() says the status, as it does in a program of its own; any other
/// exception is shown, and is status 1. What the child has printed is written.
pub(crate) fn end_child(py: Python<'_>, error: &PyErr) {
    if !cli::is_child() {
        return;
    }
    let status = if error.is_instance_of::<PySystemExit>(py) {
        exit_status(error.value(py))
    } else {
        error.display(py);
        1
    };
    flush(py);
    cli::end_child(status);
}

/// Writes what was printed. That a stream is None or closed, or has no reader or no room, is no error here.
pub(crate) fn flush(py: Python<'_>) {
    for stream in ["stdout", "stderr"] {
        let _ = py
            .import(intern!(py, "sys"))
            .and_then(|sys| sys.getattr(stream))
            .and_then(|stream| stream.call_method0(intern!(py, "flush")));
    }
}

/// sys.exit(): None is 0, a number is itself, and anything else is told on stderr.
fn exit_status(exit: &Bound<'_, PyAny>) -> i32 {
    let Ok(code) = exit.getattr(intern!(exit.py(), "code")) else { return 1 };
    if code.is_none() {
        return 0;
    }
    if code.is_instance_of::<PyInt>() {
        return code.extract().unwrap_or(-1);
    }
    let text = code.str().map_or_else(|_| type_name(&code), |text| text.to_string_lossy().into_owned());
    let _ = writeln!(std::io::stderr(), "{text}");
    1
}
