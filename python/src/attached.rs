//! Python's objects as what the worker's threads have of them: they are let go of where Python allows it.

use std::ops::{Deref, DerefMut};

use pyo3::prelude::*;

/// Something with Python objects in it, which is dropped with the GIL. PyO3 would keep them until any thread has it, and
/// run what an object does at its end there: a generator's `finally`, say, on a thread that knows nothing of the request.
pub(crate) struct Attached<T>(Option<T>);

impl<T> Attached<T> {
    pub(crate) fn new(inner: T) -> Self {
        Attached(Some(inner))
    }
}

impl<T> Deref for Attached<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T> DerefMut for Attached<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Attached<T> {
    fn drop(&mut self) {
        Python::attach(|_| drop(self.0.take()));
    }
}
