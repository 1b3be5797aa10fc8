//! The names of variables as Python strings.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::text::from_latin1;

/// The names that requests had, interned: an application that looks one up finds the same object.
#[derive(Default)]
pub(crate) struct InternedNames {
    interned: HashMap<Vec<u8>, Py<PyString>>,
}

impl InternedNames {
    /// The string for a name.
    pub(crate) fn of<'py>(&mut self, py: Python<'py>, name: &[u8]) -> PyResult<Bound<'py, PyString>> {
        if let Some(key) = self.interned.get(name) {
            return Ok(key.bind(py).clone());
        }
        let room = self.interned.len() < KEYS_COUNT_MAX && name.len() <= KEY_BYTES_MAX;
        match std::str::from_utf8(name) {
            Ok(text) if room && text.is_ascii() => {
                let key = PyString::intern(py, text);
                self.interned.insert(name.to_vec(), key.clone().unbind());
                Ok(key)
            }
            _ => from_latin1(py, name),
        }
    }
}

/// Names that are kept, a count, and the longest of them, bytes. Clients make names up as they like, and CPython keeps
/// some interned strings for ever; what browsers and front ends send is far less.
const KEYS_COUNT_MAX: usize = 512;
const KEY_BYTES_MAX: usize = 64;
