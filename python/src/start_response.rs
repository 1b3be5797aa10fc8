//! start_response, and the two callables that come with it: write() and tidegate.disconnected.

use pyo3::exceptions::{PyAssertionError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use tidegate::StartError;

use crate::chunk;
use crate::text::{Latin1, to_latin1, type_name};

/// start_response(status, headers, exc_info=None) -> write
#[pyclass(frozen, module = "tidegate")]
pub(crate) struct StartResponse {
    handle: tidegate::StartResponse,
}

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, headers, /, exc_info=None))]
    fn __call__(
        &self,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Write> {
        let status = to_latin1(status, "status")?;
        let headers = fields(headers)?;
        let exc_info = exc_info.map(raised).transpose()?;
        let started = match exc_info {
            Some(_) => self.handle.replace(status, headers),
            None => self.handle.start(status, headers),
        };
        match (started, exc_info) {
            (Ok(()), _) => Ok(Write { handle: self.handle.clone() }),
            (Err(StartError::Sent), Some(raised)) => Err(raised),
            (Err(StartError::Head(error)), _) => Err(PyValueError::new_err(error.to_string())),
            (Err(error), _) => Err(PyAssertionError::new_err(error.to_string())),
        }
    }
}

impl StartResponse {
    pub(crate) fn new(handle: tidegate::StartResponse) -> Self {
        StartResponse { handle }
    }
}

/// write(data): PEP 3333's way for applications that cannot return an iterable.
#[pyclass(frozen, module = "tidegate")]
pub(crate) struct Write {
    handle: tidegate::StartResponse,
}

#[pymethods]
impl Write {
    #[pyo3(signature = (data, /))]
    fn __call__(&self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(self.handle.write(chunk::of(data, "what is given to write()")?)?)
    }
}

/// environ['tidegate.disconnected']: whether the client has gone, or the response is over.
#[pyclass(frozen, module = "tidegate")]
pub(crate) struct Disconnected {
    handle: tidegate::StartResponse,
}

#[pymethods]
impl Disconnected {
    fn __call__(&self) -> bool {
        self.handle.is_disconnected()
    }
}

impl Disconnected {
    pub(crate) fn new(handle: tidegate::StartResponse) -> Self {
        Disconnected { handle }
    }
}

/// The header fields of a list of pairs.
fn fields(headers: &Bound<'_, PyAny>) -> PyResult<Vec<(Latin1, Latin1)>> {
    if let Ok(list) = headers.cast::<PyList>() {
        return list.iter().map(|pair| field(&pair)).collect();
    }
    Err(PyTypeError::new_err(format!(
        "headers must be a list of (name, value) tuples, not {}",
        type_name(headers)
    )))
}

fn field(pair: &Bound<'_, PyAny>) -> PyResult<(Latin1, Latin1)> {
    match pair.cast::<PyTuple>() {
        Ok(pair) if pair.len() == 2 => Ok((
            to_latin1(&pair.get_item(0)?, "a header's name")?,
            to_latin1(&pair.get_item(1)?, "a header's value")?,
        )),
        Ok(pair) => Err(PyTypeError::new_err(format!(
            "a header must be a tuple (name, value), not one of {}",
            pair.len()
        ))),
        Err(_) => Err(PyTypeError::new_err(format!(
            "a header must be a tuple (name, value), not {}",
            type_name(pair)
        ))),
    }
}

/// The exception of sys.exc_info(), to be raised again.
fn raised(exc_info: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let Some(info) = exc_info.cast::<PyTuple>().ok().filter(|info| info.len() == 3) else {
        return Err(PyTypeError::new_err(format!(
            "exc_info must be what sys.exc_info() gives, a tuple of three, not {}",
            type_name(exc_info)
        )));
    };
    let (class, value, traceback) = (info.get_item(0)?, info.get_item(1)?, info.get_item(2)?);
    // A class alone is an exception of it, as with `raise`.
    let value = if value.is_none() { class.call0()? } else { value };
    value.call_method1(intern!(info.py(), "with_traceback"), (traceback,))?;
    Ok(PyErr::from_value(value))
}
