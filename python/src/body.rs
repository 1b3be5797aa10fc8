//! What an application returned, as the body that the worker sends.

use bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyString, PyTuple};
use tidegate::{AppError, Body};

use crate::file_wrapper::{FileWrapper, close};
use crate::text::type_name;
use crate::{chunk, failure};

/// The body of what an application returned. Beside iteration, len() and close() nothing of it is used.
pub(crate) fn of(returned: &Bound<'_, PyAny>) -> PyResult<Body> {
    let py = returned.py();
    let is_list = returned.get_type().is(py.get_type::<PyList>());
    // A list of one chunk is how most small responses are made.
    if is_list
        && let Ok(list) = returned.cast::<PyList>()
        && list.len() == 1
    {
        return Ok(Body::from(chunk::of(&list.get_item(0)?, CHUNK)?.lent()));
    }
    if chunk::is_bytes_like(returned) {
        // PEP 3333 would have it iterated, which gives numbers; uWSGI sends it, and its users rely on that.
        return Ok(Body::from(chunk::of(returned, CHUNK)?.lent()));
    }
    if returned.is_instance_of::<PyString>() || returned.is_none() {
        return Err(not_iterable(returned));
    }
    let body = match returned.cast::<FileWrapper>() {
        Ok(wrapper) => match wrapper.get().body(py)? {
            Some(file) => file,
            None => iterated(returned)?.until_length(),
        },
        Err(_) => iterated(returned)?,
    };
    if is_list || returned.get_type().is(py.get_type::<PyTuple>()) {
        // They have nothing to close.
        return Ok(body);
    }
    let iterable = returned.clone().unbind();
    Ok(body.with_close(move || {
        Python::attach(|py| close(iterable.bind(py)).map_err(|error| failure::of(py, &error)))
    }))
}

fn iterated(returned: &Bound<'_, PyAny>) -> PyResult<Body> {
    let iterator = match returned.try_iter() {
        Ok(iterator) => iterator,
        Err(error)
            if error.is_instance_of::<PyTypeError>(returned.py()) && !returned.hasattr("__iter__")? =>
        {
            return Err(not_iterable(returned));
        }
        Err(error) => {
            // What was returned is closed even so.
            close(returned)?;
            return Err(error);
        }
    };
    let is_only = returned.len().is_ok_and(|len| len == 1);
    let returned = returned.clone().unbind();
    Ok(Body::chunks(Chunks { iterator: iterator.unbind(), returned, is_only }))
}

/// An iterable's chunks.
struct Chunks {
    iterator: Py<PyIterator>,
    returned: Py<PyAny>,
    /// Whether the iterable said that it has one chunk.
    is_only: bool,
}

impl Iterator for Chunks {
    type Item = Result<Bytes, AppError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.is_only = false;
        Python::attach(|py| {
            let object = self.iterator.bind(py).clone().next()?;
            // All of it is written before the application's code runs again.
            let chunk = object.and_then(|object| match chunk::of(&object, CHUNK) {
                Ok(chunk) => Ok(chunk.lent()),
                Err(error) => Err(array_returned(self.returned.bind(py)).unwrap_or(error)),
            });
            Some(chunk.map_err(|error| failure::of(py, &error)))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.is_only { (1, Some(1)) } else { (0, None) }
    }
}

fn not_iterable(returned: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!(
        "the application must return an iterable of bytes, as [b'...'], not {}",
        type_name(returned)
    ))
}

/// What is wrong with an item, where all of it is what was meant.
fn array_returned(returned: &Bound<'_, PyAny>) -> Option<PyErr> {
    let name = type_name(returned);
    chunk::has_tobytes(returned).then(|| {
        PyTypeError::new_err(format!(
            "the application must return an iterable of bytes, as [b'...'], not {name}, whose items are none; return \
             [array.tobytes()]"
        ))
    })
}

const CHUNK: &str = "a chunk of the body";
