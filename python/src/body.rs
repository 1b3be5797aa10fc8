//! What an application returned, as the body that the worker sends.

use bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyString, PyTuple};
use tidegate::{AppError, Body};

use crate::attached::Attached;
use crate::file_wrapper::{FileWrapper, close};
use crate::text::type_name;
use crate::{chunk, failure, lent};

/// The body of what an application returned. Beside iteration, len() and close() nothing of it is used.
pub(crate) fn of(returned: &Bound<'_, PyAny>) -> PyResult<Body> {
    let py = returned.py();
    let is_list = returned.get_type().is(py.get_type::<PyList>());
    // A list of one chunk is how most small responses are made.
    if is_list
        && let Ok(list) = returned.cast::<PyList>()
        && list.len() == 1
    {
        return Ok(whole(chunk::of(&list.get_item(0)?, CHUNK)?));
    }
    if chunk::is_bytes_like(returned) {
        // PEP 3333 would have it iterated, which gives numbers; uWSGI sends it, and its users rely on that.
        return Ok(whole(chunk::of(returned, CHUNK)?));
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
    let iterable = Attached::new(returned.clone().unbind());
    Ok(body.with_close(move || {
        Python::attach(|py| {
            lent::clear(py);
            let closed = close(iterable.bind(py)).map_err(|error| failure::of(py, &error));
            // Here, where it may run code.
            drop(iterable);
            closed
        })
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
    Ok(Body::chunks(Chunks { objects: Attached::new((iterator.unbind(), returned)), is_only }))
}

/// One chunk. If it is long, it is let go of once it is sent, and not when this thread happens to be called next.
fn whole(chunk: Bytes) -> Body {
    let is_long = chunk.len() > LONG_BYTES_MIN;
    let body = Body::from(chunk);
    if !is_long {
        return body;
    }
    body.with_close(|| {
        Python::attach(lent::clear);
        Ok(())
    })
}

/// An iterable's chunks.
struct Chunks {
    /// The iterator, and what the application returned.
    objects: Attached<(Py<PyIterator>, Py<PyAny>)>,
    /// Whether the iterable said that it has one chunk.
    is_only: bool,
}

impl Iterator for Chunks {
    type Item = Result<Bytes, AppError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.is_only = false;
        Python::attach(|py| {
            lent::clear(py);
            let (iterator, returned) = &*self.objects;
            let object = iterator.bind(py).clone().next()?;
            let chunk = object.and_then(|object| {
                chunk::of(&object, CHUNK).map_err(|error| array_returned(returned.bind(py)).unwrap_or(error))
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
/// A chunk that is not kept longer than it is needed, bytes.
const LONG_BYTES_MIN: usize = 64 << 10;
