//! Strings across the border. WSGI's strings are bytes in disguise: each code point is one byte (PEP 3333, "Unicode
//! Issues").

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyString};

/// The str whose code points are these bytes.
#[allow(unsafe_code, reason = "PyO3 has no latin-1, and a detour by UTF-8 copies twice")]
pub(crate) fn from_latin1<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    let len = ffi::Py_ssize_t::try_from(bytes.len()).expect("a slice is at most isize::MAX bytes");
    // SAFETY: the pointer and the length are those of a slice that lives throughout the call; a null result is
    // turned into the exception that was set.
    let text = unsafe {
        let text = ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), len, std::ptr::null());
        Bound::from_owned_ptr_or_err(py, text)?
    };
    Ok(text.cast_into::<PyString>()?)
}

/// The bytes of a str or bytes object that an application gave: `what` it is, for the error.
pub(crate) fn to_latin1(object: &Bound<'_, PyAny>, what: &str) -> PyResult<Latin1> {
    if let Ok(text) = object.cast::<PyString>() {
        let ascii = PyBackedStr::try_from(text.clone()).ok().filter(|text| text.is_ascii());
        return match ascii {
            Some(ascii) => Ok(Latin1::Ascii(ascii)),
            // It raises UnicodeEncodeError, which says where what cannot be said stands.
            None => encoded(text).map(Latin1::Bytes),
        };
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Latin1::Bytes(bytes.clone().into()));
    }
    Err(PyTypeError::new_err(format!("{what} must be str or bytes, not {}", type_name(object))))
}

/// Bytes that belong to a Python object.
pub(crate) enum Latin1 {
    Ascii(PyBackedStr),
    Bytes(PyBackedBytes),
}

impl AsRef<[u8]> for Latin1 {
    fn as_ref(&self) -> &[u8] {
        match self {
            Latin1::Ascii(text) => text.as_bytes(),
            Latin1::Bytes(bytes) => bytes,
        }
    }
}

/// What an object's type is called, for error messages.
pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object
        .get_type()
        .fully_qualified_name()
        .map_or_else(|_| "an object without a type name".to_owned(), |name| name.to_string())
}

fn encoded(text: &Bound<'_, PyString>) -> PyResult<PyBackedBytes> {
    let py = text.py();
    let bytes = text.call_method1(intern!(py, "encode"), (intern!(py, "latin-1"),))?;
    Ok(bytes.cast_into::<PyBytes>()?.into())
}
