//! wsgi.input: the request's body as a file.

use std::io::{self, BufRead, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyList};

/// wsgi.input. Its methods are io's: a size of None or below 0 is all there is. It ends at CONTENT_LENGTH, and has no
/// fileno().
#[pyclass(frozen, module = "tidegate")]
pub(crate) struct Input {
    /// An application may give it to threads of its own: each call has what it reads for itself.
    unread: Mutex<Unread>,
}

/// The body, as far as it was not read yet.
struct Unread {
    body: tidegate::Input,
    /// Its length, bytes.
    left: u64,
}

#[pymethods]
impl Input {
    /// Reads at most `size` bytes; b"" at the end.
    #[pyo3(signature = (size=None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let unread = &mut *self.unread(py);
        let len = unread.bounded(size);
        let bytes = match unread.body.buffer().get(..len) {
            // It needs no zeros first.
            Some(next) => {
                let bytes = PyBytes::new(py, next);
                unread.body.consume(len);
                bytes
            }
            None => PyBytes::new_with(py, len, |buffer| Ok(unread.body.read_exact(buffer)?))?,
        };
        unread.left -= len as u64;
        Ok(bytes)
    }

    /// Reads to the end of a line, and at most `size` bytes.
    #[pyo3(signature = (size=None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let line = self.unread(py).line(size)?;
        Ok(PyBytes::new(py, &line))
    }

    /// Reads all lines, or as many as have `hint` bytes together.
    #[pyo3(signature = (hint=None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<isize>) -> PyResult<Bound<'py, PyList>> {
        let hint = hint.and_then(|hint| usize::try_from(hint).ok()).filter(|hint| *hint > 0);
        let lines = PyList::empty(py);
        let mut total = 0;
        while hint.is_none_or(|hint| total < hint) {
            let line = self.unread(py).line(None)?;
            if line.is_empty() {
                break;
            }
            total += line.len();
            lines.append(PyBytes::new(py, &line))?;
        }
        Ok(lines)
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.unread(py).line(None)?;
        Ok((!line.is_empty()).then(|| PyBytes::new(py, &line)))
    }
}

impl Input {
    pub(crate) fn new(body: tidegate::Input) -> Self {
        Input { unread: Mutex::new(Unread { left: body.len(), body }) }
    }

    /// Nothing of Python's runs while it is held: it could read, on this very thread.
    fn unread(&self, py: Python<'_>) -> MutexGuard<'_, Unread> {
        self.unread.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unread {
    /// How many bytes a call with this size may read.
    fn bounded(&self, size: Option<isize>) -> usize {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        // A negative size is no usize.
        size.and_then(|size| usize::try_from(size).ok()).map_or(left, |size| size.min(left))
    }

    fn line(&mut self, size: Option<isize>) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let bytes_max = self.bounded(size);
        (&mut self.body).take(bytes_max as u64).read_until(b'\n', &mut line)?;
        self.left -= line.len() as u64;
        Ok(line)
    }
}
