//! wsgi.errors: the log.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::error;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// wsgi.errors: each line that is written to it is an error line of the log. Any text will do: what is no Unicode, a
/// lone surrogate, is replaced.
#[pyclass(frozen, module = "tidegate")]
pub(crate) struct Errors {
    /// A line whose end was not written yet. All threads write here.
    line: Mutex<String>,
}

#[pymethods]
impl Errors {
    /// Appends text; returns its length in characters, as io's do.
    fn write(&self, text: &Bound<'_, PyString>) -> PyResult<usize> {
        let (added, mut lines) = (text.to_string_lossy(), Vec::new());
        {
            let line = &mut *self.line();
            line.push_str(&added);
            while let Some(end) = line.find('\n') {
                let rest = line.split_off(end + 1);
                lines.push(mem::replace(line, rest));
            }
            if line.len() > LINE_BYTES_MAX {
                lines.push(mem::take(line));
            }
        }
        lines.iter().for_each(|line| tell(line));
        text.len()
    }

    /// Writes each of the texts.
    fn writelines(&self, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        for line in lines.try_iter()? {
            self.write(line?.cast()?)?;
        }
        Ok(())
    }

    /// Logs a line that has no end yet.
    pub(crate) fn flush(&self) {
        let line = mem::take(&mut *self.line());
        if !line.is_empty() {
            tell(&line);
        }
    }
}

impl Errors {
    pub(crate) fn new() -> Self {
        Errors { line: Mutex::default() }
    }

    /// It is not held while anything of Python's runs, or the log is written.
    fn line(&self) -> MutexGuard<'_, String> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(line: &str) {
    error!(target: "wsgi.errors", "{}", line.trim_end_matches(['\r', '\n']));
}

/// A line is logged without its end when it is longer, bytes: an application that never ends one fills no memory.
const LINE_BYTES_MAX: usize = 64 << 10;
