//! Waiting: without the GIL, so that the application's threads run, and with an ear for its signal handlers.

use log::error;
use pyo3::prelude::*;

use crate::{failure, forked};

/// Runs `wait` without the GIL; then the handlers that the application set with signal.signal(), if signals came.
pub(crate) fn detached(py: Python<'_>, wait: &mut (dyn FnMut() + Send)) {
    py.detach(wait);
    if let Err(raised) = py.check_signals() {
        forked::end_child(py, &raised);
        error!("raised by a signal handler: {}", failure::text(py, &raised));
    }
}
