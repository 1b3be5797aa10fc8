//! wsgi.file_wrapper: a file as a body, sent by the kernel where it is one.

use std::fs::File;
use std::os::fd::{BorrowedFd, RawFd};

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use tidegate::Body;

use crate::text::type_name;

/// wsgi.file_wrapper(filelike, block_size=8192): an iterable of what `filelike.read(block_size)` gives, whose close()
/// is the file's.
#[pyclass(frozen, subclass, module = "tidegate")]
pub(crate) struct FileWrapper {
    #[pyo3(get)]
    filelike: Py<PyAny>,
    #[pyo3(get)]
    block_size: isize,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, block_size=8192))]
    fn new(filelike: &Bound<'_, PyAny>, block_size: isize) -> PyResult<Self> {
        if !filelike.hasattr(intern!(filelike.py(), "read"))? {
            return Err(PyTypeError::new_err(format!(
                "wsgi.file_wrapper wants an object with read(), not {}",
                type_name(filelike)
            )));
        }
        Ok(FileWrapper { filelike: filelike.clone().unbind(), block_size })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let block = self.filelike.bind(py).call_method1(intern!(py, "read"), (self.block_size,))?;
        Ok(if block.is_truthy()? { Some(block) } else { None })
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        close(self.filelike.bind(py))
    }
}

impl FileWrapper {
    /// The rest of the file from its current position, if the kernel can send it: it has a descriptor, of a regular
    /// file, and what read() gives is what stands there.
    pub(crate) fn body(&self, py: Python<'_>) -> PyResult<Option<Body>> {
        let filelike = self.filelike.bind(py);
        let Some(plain) = plain_file(filelike)? else { return Ok(None) };
        let Ok(descriptor) =
            plain.call_method0(intern!(py, "fileno")).and_then(|number| number.extract::<RawFd>())
        else {
            return Ok(None);
        };
        let file = duplicate(descriptor)?;
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        // What was written to it and stands in its buffer only is part of it too.
        plain.call_method0(intern!(py, "flush"))?;
        let offset: u64 = plain.call_method0(intern!(py, "tell"))?.extract()?;
        Ok(Some(Body::file_from(file, offset)?))
    }
}

/// Calls an object's close(), if it has one.
pub(crate) fn close(object: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(close) = object.getattr_opt(intern!(object.py(), "close"))? {
        close.call0()?;
    }
    Ok(())
}

/// The file of io whose bytes are those of its descriptor. Others have a fileno() too (gzip's, say), which is that of
/// the file below; of wrappers that only add a name (tempfile's, Django's) the wrapped file counts.
fn plain_file<'py>(filelike: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = filelike.py();
    let io = py.import(intern!(py, "io"))?;
    let raw_class = io.getattr(intern!(py, "FileIO"))?;
    let inner = filelike.getattr_opt(intern!(py, "file"))?;
    for candidate in [Some(filelike.clone()), inner].into_iter().flatten() {
        let class = candidate.get_type();
        let is_raw = class.is(&raw_class);
        let is_buffered = class.is(io.getattr(intern!(py, "BufferedReader"))?)
            || class.is(io.getattr(intern!(py, "BufferedRandom"))?);
        if is_raw || (is_buffered && candidate.getattr(intern!(py, "raw"))?.get_type().is(&raw_class)) {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

#[allow(unsafe_code, reason = "a descriptor's number comes from Python")]
fn duplicate(descriptor: RawFd) -> PyResult<File> {
    // SAFETY: the number is what a Python file that is open gave a moment ago, and no other code runs before it is
    // duplicated; if it is -1 or not open after all, that is an error of the call.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    Ok(File::from(borrowed.try_clone_to_owned()?))
}
