//! A Python callable as the worker's application.

use pyo3::prelude::*;
use tidegate::cli::Setting;
use tidegate::{AppError, Application, Body, Environ, StartResponse};

use crate::attached::Attached;
use crate::environs::Environs;
use crate::wsgi_errors::Errors;
use crate::{body, failure, lent, start_response, uwsgi};

/// A WSGI application.
pub(crate) struct PythonApplication {
    /// The callable, and what makes its environs.
    objects: Attached<(Py<PyAny>, Environs)>,
    /// It may ask `import uwsgi` for its request.
    has_uwsgi: bool,
}

impl PythonApplication {
    /// The application that is `callable`.
    pub(crate) fn new(callable: &Bound<'_, PyAny>, errors: &Py<Errors>, setting: &Setting) -> PyResult<Self> {
        let environs = Environs::new(callable.py(), errors, setting)?;
        let objects = Attached::new((callable.clone().unbind(), environs));
        Ok(PythonApplication { objects, has_uwsgi: setting.uwsgi.is_some() })
    }

    fn answer(&mut self, py: Python<'_>, mut environ: Environ, handle: StartResponse) -> PyResult<Body> {
        lent::clear(py);
        if self.has_uwsgi {
            uwsgi::begin_request(&handle);
        }
        let (callable, environs) = &mut *self.objects;
        let dict = environs.make(py, &mut environ, &handle)?;
        // What the dict has, it has of its own.
        drop(environ);
        let start_response = start_response::StartResponse::new(handle).into_pyobject(py)?;
        body::of(&callable.bind(py).call1((dict, start_response))?)
    }
}

impl Application for PythonApplication {
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        Python::attach(|py| self.answer(py, environ, start_response).map_err(|error| failure::of(py, &error)))
    }
}
