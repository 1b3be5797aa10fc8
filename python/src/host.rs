//! Python as the command's host: it loads the callables that APP names.

use pyo3::prelude::*;
use tidegate::cli::{Host, Setting};
use tidegate::{AppError, Application};

use crate::application::PythonApplication;
use crate::failure;

/// Loads applications by `tidegate/_loader.py`, which knows how Python names things.
pub(crate) struct PythonHost;

impl Host for PythonHost {
    fn load(&self, app: &str, setting: &Setting) -> Result<Box<dyn Application>, AppError> {
        Python::attach(|py| {
            let load = || -> PyResult<Box<dyn Application>> {
                let loader = py.import("tidegate._loader")?;
                let callable = loader
                    .call_method1("load", (app, setting.search_path.clone(), setting.environment.clone()))?;
                Ok(Box::new(PythonApplication::new(&callable, setting.multiprocess)?))
            };
            load().map_err(|error| failure::at_load(py, &error))
        })
    }
}
