//! A piece of a body: bytes, bytearray or memoryview, held until it is written and never copied on the way.

use std::slice;

use bytes::Bytes;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyInt, PyMemoryView, PyString};

use crate::text::type_name;

/// Bytes that belong to Python.
pub(crate) enum Chunk {
    /// A bytes object, which never changes.
    Unchanging(Bytes),
    /// Memory that Python code may change, though not free, while this lives.
    Exported(Bytes),
}

impl Chunk {
    /// The bytes as they will be when they are written: for what is written before anything else runs.
    pub(crate) fn lent(self) -> Bytes {
        match self {
            Chunk::Unchanging(bytes) | Chunk::Exported(bytes) => bytes,
        }
    }

    /// The bytes as they are now.
    pub(crate) fn unchanging(self) -> Bytes {
        match self {
            Chunk::Unchanging(bytes) => bytes,
            Chunk::Exported(bytes) => Bytes::copy_from_slice(&bytes),
        }
    }
}

/// The bytes of an object; `what` it is, for the error.
pub(crate) fn of(object: &Bound<'_, PyAny>, what: &str) -> PyResult<Chunk> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Chunk::Unchanging(Bytes::from_owner(PyBackedBytes::from(bytes.clone()))));
    }
    if is_bytes_like(object) {
        return exported(object);
    }
    Err(PyTypeError::new_err(format!(
        "{what} must be bytes, bytearray or memoryview, not {}{}",
        type_name(object),
        advice(object)
    )))
}

/// How an object becomes bytes that is none, if that is plain.
fn advice(object: &Bound<'_, PyAny>) -> &'static str {
    if object.is_instance_of::<PyString>() {
        "; encode() makes bytes of text"
    } else if has_tobytes(object) {
        "; its tobytes() makes bytes of it"
    } else if object.is_instance_of::<PyInt>() {
        "; bytes([...]) makes bytes of numbers"
    } else {
        ""
    }
}

/// Whether it is an array, of Python's or of numpy's, say: it has bytes, but its items are none.
pub(crate) fn has_tobytes(object: &Bound<'_, PyAny>) -> bool {
    object.hasattr(intern!(object.py(), "tobytes")).unwrap_or(false)
}

/// Whether it is one of those that a chunk may be.
pub(crate) fn is_bytes_like(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyBytes>()
        || object.is_instance_of::<PyByteArray>()
        || object.is_instance_of::<PyMemoryView>()
}

fn exported(object: &Bound<'_, PyAny>) -> PyResult<Chunk> {
    match PyBuffer::<u8>::get(object) {
        Ok(buffer) if buffer.is_c_contiguous() => Ok(Chunk::Exported(Bytes::from_owner(Exported(buffer)))),
        // Elements that are no bytes, or do not lie side by side: what bytes() makes of them.
        _ => {
            let copy = object.call_method0("tobytes")?.cast_into::<PyBytes>()?;
            Ok(Chunk::Unchanging(Bytes::from_owner(PyBackedBytes::from(copy))))
        }
    }
}

/// A buffer whose memory stays where it is: while it is exported, a bytearray cannot be resized.
struct Exported(PyBuffer<u8>);

impl AsRef<[u8]> for Exported {
    #[allow(unsafe_code, reason = "the buffer protocol hands out pointers")]
    fn as_ref(&self) -> &[u8] {
        if self.0.len_bytes() == 0 {
            return &[];
        }
        // SAFETY: the buffer is C-contiguous, so its memory is len_bytes bytes, and it stays so while the buffer is
        // held. Python code could change them, but none runs while a slice is in use: a slice lives for one write
        // of the worker, which holds the GIL.
        unsafe { slice::from_raw_parts(self.0.buf_ptr().cast(), self.0.len_bytes()) }
    }
}
