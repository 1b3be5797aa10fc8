//! A piece of a body: bytes, bytearray or memoryview. What Python code may change is copied: it is sent while that runs.

use bytes::Bytes;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyInt, PyMemoryView, PyString};

use crate::lent::lend;
use crate::text::type_name;

/// The bytes of an object; `what` it is, for the error.
pub(crate) fn of(object: &Bound<'_, PyAny>, what: &str) -> PyResult<Bytes> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(lend(bytes));
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

fn exported(object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    match PyBuffer::<u8>::get(object) {
        Ok(buffer) => Ok(buffer.to_vec(object.py())?.into()),
        // Its elements are no bytes: what bytes() makes of them.
        Err(_) => Ok(lend(&object.call_method0("tobytes")?.cast_into::<PyBytes>()?)),
    }
}
