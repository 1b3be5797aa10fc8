//! wsgi.errors: the log.

use std::mem;

use log::error;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// wsgi.errors: each line that is written to it is an error line of the log. Any text will do: what is no Unicode, a
/// lone surrogate, is replaced.
#[pyclass(module = "tidegate")]
pub(crate) struct Errors {
    /// A line whose end was not written yet.
    line: String,
}

#[pymethods]
impl Errors {
    /// Appends text; returns its length in characters, as io's do.
    fn write(&mut self, text: &Bound<'_, PyString>) -> PyResult<usize> {
        self.line.push_str(&text.to_string_lossy());
        while let Some(end) = self.line.find('\n') {
            let rest = self.line.split_off(end + 1);
            tell(&mem::replace(&mut self.line, rest));
        }
        if self.line.len() > LINE_BYTES_MAX {
            self.flush();
        }
        text.len()
    }

    /// Writes each of the texts.
    fn writelines(&mut self, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        for line in lines.try_iter()? {
            self.write(line?.cast()?)?;
        }
        Ok(())
    }

    /// Logs a line that has no end yet.
    pub(crate) fn flush(&mut self) {
        if !self.line.is_empty() {
            tell(&mem::take(&mut self.line));
        }
    }
}

impl Errors {
    pub(crate) fn new() -> Self {
        Errors { line: String::new() }
    }
}

fn tell(line: &str) {
    error!(target: "wsgi.errors", "{}", line.trim_end_matches(['\r', '\n']));
}

/// A line is logged without its end when it is longer, bytes: an application that never ends one fills no memory.
const LINE_BYTES_MAX: usize = 64 << 10;
