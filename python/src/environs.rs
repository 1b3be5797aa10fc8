//! The environ of each request as a Python dict.
//!
//! Requests of one front end are much alike: the same variables in the same order, most of them with the same values.
//! So the last request's dict is kept, what differs is changed in it, and the application gets a copy, which CPython
//! makes in one go.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use tidegate::{Environ, StartResponse};

use crate::errors::Errors;
use crate::file_wrapper::FileWrapper;
use crate::input::Input;
use crate::start_response::Disconnected;
use crate::text::from_latin1;

/// Makes environs.
pub(crate) struct Environs {
    /// What is the same in every environ, and what is empty where a request does not say it.
    constants: Py<PyDict>,
    errors: Py<Errors>,
    /// The last request's environ, without what is that request's own. No application ever sees it.
    last: Py<PyDict>,
    /// The names that requests had, interned: an application that looks one up finds the same object.
    keys: HashMap<Vec<u8>, Py<PyString>>,
    /// The variables in `last`, in wire order.
    variables: Vec<Variable>,
    url_scheme: &'static str,
}

/// A variable as it was in the last request.
struct Variable {
    name: Vec<u8>,
    /// `None` for a name that is the server's own: what the peer says under it is dropped.
    key: Option<Py<PyString>>,
    value: Vec<u8>,
}

impl Environs {
    pub(crate) fn new(py: Python<'_>, multiprocess: bool) -> PyResult<Self> {
        let constants = PyDict::new(py);
        for (key, value) in [
            ("wsgi.multithread", false),
            ("wsgi.multiprocess", multiprocess),
            ("wsgi.run_once", false),
            ("wsgi.input_terminated", true),
        ] {
            constants.set_item(PyString::intern(py, key), PyBool::new(py, value))?;
        }
        constants.set_item(PyString::intern(py, "wsgi.version"), (1, 0))?;
        let errors = Py::new(py, Errors::new())?;
        constants.set_item(PyString::intern(py, "wsgi.errors"), &errors)?;
        for key in ["SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"] {
            constants.set_item(PyString::intern(py, key), "")?;
        }
        constants.set_item(PyString::intern(py, "wsgi.file_wrapper"), py.get_type::<FileWrapper>())?;
        constants.set_item(PyString::intern(py, "tidegate.version"), env!("CARGO_PKG_VERSION"))?;
        // A request without a body has this; it has no state that two could see of each other.
        constants.set_item(
            PyString::intern(py, "wsgi.input"),
            Input::new(tidegate::Input::default()).into_pyobject(py)?,
        )?;
        Ok(Environs {
            last: constants.copy()?.unbind(),
            constants: constants.unbind(),
            errors,
            keys: HashMap::new(),
            variables: Vec::new(),
            url_scheme: "",
        })
    }

    /// The environ of a request.
    pub(crate) fn make<'py>(
        &mut self,
        py: Python<'py>,
        environ: &mut Environ,
        start_response: &StartResponse,
    ) -> PyResult<Bound<'py, PyDict>> {
        if !self.update(py, environ)? {
            self.rebuild(py, environ)?;
        }
        let dict = self.last.bind(py).copy()?;
        let input = environ.take_input();
        if !input.is_empty() {
            dict.set_item(pyo3::intern!(py, "wsgi.input"), Input::new(input).into_pyobject(py)?)?;
        }
        let disconnected = Disconnected::new(start_response.clone());
        dict.set_item(pyo3::intern!(py, "tidegate.disconnected"), disconnected.into_pyobject(py)?)?;
        Ok(dict)
    }

    /// Logs what was written to wsgi.errors without a line end.
    pub(crate) fn flush_errors(&self, py: Python<'_>) {
        // A thread of the application's may be in the middle of writing.
        if let Ok(mut errors) = self.errors.try_borrow_mut(py) {
            errors.flush();
        }
    }

    /// Changes the last request's environ to this one's, if it has the same names in the same order.
    fn update(&mut self, py: Python<'_>, environ: &Environ) -> PyResult<bool> {
        let last = self.last.bind(py);
        let mut variables = self.variables.iter_mut();
        for (name, value) in environ.iter() {
            let Some(variable) = variables.next().filter(|variable| variable.name == name) else {
                return Ok(false);
            };
            if let Some(key) = &variable.key
                && variable.value != value
            {
                last.set_item(key, from_latin1(py, value)?)?;
                variable.value.clear();
                variable.value.extend_from_slice(value);
            }
        }
        if variables.next().is_some() {
            return Ok(false);
        }
        self.set_scheme(py, environ)?;
        Ok(true)
    }

    fn rebuild(&mut self, py: Python<'_>, environ: &Environ) -> PyResult<()> {
        let last = self.constants.bind(py).copy()?;
        self.variables.clear();
        for (name, value) in environ.iter() {
            let mut key = None;
            if !SERVER_OWNED.iter().any(|prefix| name.starts_with(prefix)) {
                let name = self.key(py, name)?;
                last.set_item(&name, from_latin1(py, value)?)?;
                key = Some(name.unbind());
            }
            self.variables.push(Variable { name: name.to_vec(), key, value: value.to_vec() });
        }
        self.last = last.unbind();
        self.url_scheme = "";
        self.set_scheme(py, environ)
    }

    fn key<'py>(&mut self, py: Python<'py>, name: &[u8]) -> PyResult<Bound<'py, PyString>> {
        if let Some(key) = self.keys.get(name) {
            return Ok(key.bind(py).clone());
        }
        match std::str::from_utf8(name) {
            Ok(text)
                if self.keys.len() < KEYS_COUNT_MAX && name.len() <= KEY_BYTES_MAX && text.is_ascii() =>
            {
                let key = PyString::intern(py, text);
                self.keys.insert(name.to_vec(), key.clone().unbind());
                Ok(key)
            }
            _ => from_latin1(py, name),
        }
    }

    fn set_scheme(&mut self, py: Python<'_>, environ: &Environ) -> PyResult<()> {
        let scheme = environ.url_scheme();
        if self.url_scheme != scheme {
            self.last
                .bind(py)
                .set_item(pyo3::intern!(py, "wsgi.url_scheme"), PyString::intern(py, scheme))?;
            self.url_scheme = scheme;
        }
        Ok(())
    }
}

/// Names that are kept, a count, and the longest of them, bytes. Clients make names up as they like, and CPython keeps
/// some interned strings for ever; what browsers and front ends send is far less.
const KEYS_COUNT_MAX: usize = 512;
const KEY_BYTES_MAX: usize = 64;

/// How the keys begin that a peer cannot set.
const SERVER_OWNED: [&[u8]; 2] = [b"wsgi.", b"tidegate."];
