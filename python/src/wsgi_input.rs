//! wsgi.input: the request's body as a file.

use std::io::{self, BufRead, Read};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// wsgi.input. Its methods are io's: a size of None or below 0 is all there is. It ends at CONTENT_LENGTH, and has no
/// fileno().
#[pyclass(module = "tidegate")]
pub(crate) struct Input {
    body: tidegate::Input,
    /// What was not read yet, bytes.
    left: u64,
}

#[pymethods]
impl Input {
    /// Reads at most `size` bytes; b"" at the end.
    #[pyo3(signature = (size=None, /))]
    fn read<'py>(&mut self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let len = self.bounded(size);
        let bytes = PyBytes::new_with(py, len, |buffer| Ok(self.body.read_exact(buffer)?))?;
        self.left -= len as u64;
        Ok(bytes)
    }

    /// Reads to the end of a line, and at most `size` bytes.
    #[pyo3(signature = (size=None, /))]
    fn readline<'py>(&mut self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.line(self.bounded(size))?))
    }

    /// Reads all lines, or as many as have `hint` bytes together.
    #[pyo3(signature = (hint=None, /))]
    fn readlines<'py>(&mut self, py: Python<'py>, hint: Option<isize>) -> PyResult<Bound<'py, PyList>> {
        let hint = hint.and_then(|hint| usize::try_from(hint).ok()).filter(|hint| *hint > 0);
        let lines = PyList::empty(py);
        let mut total = 0;
        while self.left > 0 && hint.is_none_or(|hint| total < hint) {
            let line = self.line(self.bounded(None))?;
            total += line.len();
            lines.append(PyBytes::new(py, &line))?;
        }
        Ok(lines)
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.line(self.bounded(None))?;
        Ok((!line.is_empty()).then(|| PyBytes::new(py, &line)))
    }
}

impl Input {
    pub(crate) fn new(body: tidegate::Input) -> Self {
        Input { left: body.len(), body }
    }

    /// How many bytes a call with this size may read.
    fn bounded(&self, size: Option<isize>) -> usize {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        // A negative size is no usize.
        size.and_then(|size| usize::try_from(size).ok()).map_or(left, |size| size.min(left))
    }

    fn line(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.body).take(bytes_max as u64).read_until(b'\n', &mut line)?;
        self.left -= line.len() as u64;
        Ok(line)
    }
}
