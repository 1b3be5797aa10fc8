//! The handlers that the application set with signal.signal(): Python runs them on the main thread, when it is asked.

use log::error;
use pyo3::prelude::*;

use crate::{failure, forked};

/// Runs them, if signals came.
pub(crate) fn hear_signals(py: Python<'_>) {
    if let Err(raised) = py.check_signals() {
        forked::end_child(py, &raised);
        error!("raised by a signal handler: {}", failure::text(py, &raised));
    }
}
