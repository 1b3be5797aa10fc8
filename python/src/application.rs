//! A Python callable as the worker's application.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tidegate::cli::Setting;
use tidegate::{AppError, Application, Body, Environ, StartResponse};

use crate::attached::Attached;
use crate::environs::Environs;
use crate::wsgi_errors::Errors;
use crate::{body, failure, lent, start_response, uwsgi};

/// A WSGI application.
pub(crate) struct PythonApplication {
    /// The callable, what makes its environs, and the names of the module `uwsgi` where there is one: it may ask that for its
    /// request.
    objects: Attached<(Py<PyAny>, Environs, Option<Py<PyDict>>)>,
}

impl PythonApplication {
    /// The application that is `callable`.
    pub(crate) fn new(callable: &Bound<'_, PyAny>, errors: &Py<Errors>, setting: &Setting) -> PyResult<Self> {
        let py = callable.py();
        let environs = Environs::new(py, errors, setting)?;
        let module = setting.uwsgi.as_ref().map(|_| py.import("uwsgi").map(|module| module.dict().unbind()));
        let objects = Attached::new((callable.clone().unbind(), environs, module.transpose()?));
        Ok(PythonApplication { objects })
    }

    fn answer(&mut self, py: Python<'_>, mut environ: Environ, handle: StartResponse) -> PyResult<Body> {
        lent::clear(py);
        let (callable, environs, module) = &mut *self.objects;
        if module.is_some() {
            uwsgi::begin_request(&handle);
        }
        let dict = environs.make(py, &mut environ, &handle)?;
        // What the dict has, it has of its own.
        drop(environ);
        let start_response = start_response::StartResponse::new(handle).into_pyobject(py)?;
        body::of(&callable.bind(py).call1((dict, start_response))?)
    }

    /// What is to be called after this request.
    fn hook(&self, py: Python<'_>) -> Option<uwsgi::AfterRequest> {
        let (_, _, module) = &*self.objects;
        module.as_ref().and_then(|names| uwsgi::AfterRequest::of(names.bind(py)))
    }
}

impl Application for PythonApplication {
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        Python::attach(|py| {
            let answered = self.answer(py, environ, start_response).map_err(|error| failure::of(py, &error));
            match (answered, self.hook(py)) {
                (Ok(body), Some(hook)) => Ok(body.with_close(move || {
                    Python::attach(|py| hook.call(py));
                    Ok(())
                })),
                (Err(failure), Some(hook)) => {
                    hook.call(py);
                    Err(failure)
                }
                (answered, None) => answered,
            }
        })
    }
}
