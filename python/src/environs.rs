//! The environ of each request as a Python dict.
//!
//! Requests of one front end are much alike: a few shapes of variables, the same names in the same order, and most
//! values the same as last time. So the last request of each [`Shape`] is kept as a dict, what differs is changed in it,
//! and the application gets a copy, which CPython makes in one go.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use tidegate::cli::Setting;
use tidegate::{Environ, StartResponse};

use crate::file_wrapper::FileWrapper;
use crate::interned_names::InternedNames;
use crate::shape::{Shape, outline};
use crate::start_response::Disconnected;
use crate::wsgi_errors::Errors;
use crate::wsgi_input::Input;

/// Makes environs.
pub(crate) struct Environs {
    /// What is the same in every environ, and what is empty where a request does not say it.
    constants: Py<PyDict>,
    names: InternedNames,
    /// The shapes that requests had of late, the last one first.
    shapes: Vec<Shape>,
}

impl Environs {
    pub(crate) fn new(py: Python<'_>, errors: &Py<Errors>, setting: &Setting) -> PyResult<Self> {
        let constants = PyDict::new(py);
        for (key, value) in [
            ("wsgi.multithread", setting.threads > 1),
            ("wsgi.multiprocess", setting.workers > 1),
            ("wsgi.run_once", false),
            ("wsgi.input_terminated", true),
        ] {
            constants.set_item(PyString::intern(py, key), PyBool::new(py, value))?;
        }
        constants.set_item(PyString::intern(py, "wsgi.version"), (1, 0))?;
        constants.set_item(PyString::intern(py, "wsgi.errors"), errors)?;
        for key in ["SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"] {
            constants.set_item(PyString::intern(py, key), "")?;
        }
        constants.set_item(PyString::intern(py, "wsgi.file_wrapper"), py.get_type::<FileWrapper>())?;
        constants.set_item(PyString::intern(py, "tidegate.version"), env!("CARGO_PKG_VERSION"))?;
        if setting.uwsgi.is_some() {
            let module = py.import("uwsgi")?;
            for (key, name) in [("uwsgi.version", "version"), ("uwsgi.node", "hostname")] {
                constants.set_item(PyString::intern(py, key), module.getattr(name)?)?;
            }
        }
        // A request without a body has this; it has no state that two could see of each other.
        constants.set_item(
            PyString::intern(py, "wsgi.input"),
            Input::new(tidegate::Input::default()).into_pyobject(py)?,
        )?;
        Ok(Environs { constants: constants.unbind(), names: InternedNames::default(), shapes: Vec::new() })
    }

    /// The environ of a request.
    pub(crate) fn make<'py>(
        &mut self,
        py: Python<'py>,
        environ: &mut Environ,
        start_response: &StartResponse,
    ) -> PyResult<Bound<'py, PyDict>> {
        let dict = self.copy(py, environ)?;
        let input = environ.take_input();
        if !input.is_empty() {
            dict.set_item(intern!(py, "wsgi.input"), Input::new(input).into_pyobject(py)?)?;
        }
        let disconnected = Disconnected::new(start_response.clone());
        dict.set_item(intern!(py, "tidegate.disconnected"), disconnected.into_pyobject(py)?)?;
        Ok(dict)
    }

    /// A dict of the request's variables and the constants, which the application may have.
    fn copy<'py>(&mut self, py: Python<'py>, environ: &Environ) -> PyResult<Bound<'py, PyDict>> {
        let outline = outline(environ);
        match self.shapes.iter().position(|shape| shape.fits(environ, outline)) {
            Some(at) => {
                self.shapes[at].change_to(py, environ)?;
                self.shapes[..=at].rotate_right(1);
            }
            None => {
                let shape = Shape::new(self.constants.bind(py), &mut self.names, environ, outline)?;
                if shape.is_large() {
                    return Ok(shape.into_dict(py));
                }
                self.shapes.truncate(SHAPES_COUNT_MAX - 1);
                self.shapes.insert(0, shape);
            }
        }
        self.shapes[0].dict(py).copy()
    }
}

/// Shapes that are kept, a count: a few browsers and clients, each with its own headers, with a body and without.
const SHAPES_COUNT_MAX: usize = 16;
