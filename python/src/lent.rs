//! Bytes of Python's that the worker sends as they are, and that come back to their own thread to be let go of.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// Runs `serve`, in which this thread lends: it is one of the application's, and what it has lent has come back when that
/// returns.
pub(crate) fn lending(py: Python<'_>, serve: impl FnOnce(Python<'_>)) {
    RETURNED.set(Some(Arc::default()));
    serve(py);
    clear(py);
    RETURNED.set(None);
}

/// The bytes of `object`. Few are copied: that costs less than to have them come back. So is what is given on a thread that
/// the application has made: nobody would let go of it there.
pub(crate) fn lend(object: &Bound<'_, PyBytes>) -> Bytes {
    let bytes = object.as_bytes();
    let is_long = bytes.len() > COPIED_BYTES_MAX;
    match RETURNED.with_borrow(|returned| returned.clone().filter(|_| is_long)) {
        Some(returned) => {
            Bytes::from_owner(Lent { bytes: Some(PyBackedBytes::from(object.clone())), returned })
        }
        None => Bytes::copy_from_slice(bytes),
    }
}

/// Lets go of what has come back to this thread.
pub(crate) fn clear(_py: Python<'_>) {
    let returned = RETURNED
        .with_borrow(|returned| returned.as_ref().map(|returned| std::mem::take(&mut *lock(returned))));
    // Here, where it may run code, with nothing held.
    drop(returned);
}

type Returned = Mutex<Vec<PyBackedBytes>>;

thread_local! {
    /// What has come back, on a thread that lends.
    static RETURNED: RefCell<Option<Arc<Returned>>> = const { RefCell::new(None) };
}

/// It may be dropped by a thread without the GIL, which then is not waited for.
struct Lent {
    bytes: Option<PyBackedBytes>,
    returned: Arc<Returned>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        lock(&self.returned).extend(self.bytes.take());
    }
}

fn lock(returned: &Returned) -> MutexGuard<'_, Vec<PyBackedBytes>> {
    returned.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is copied, bytes: to lend it costs as much as some hundred nanoseconds of copying.
const COPIED_BYTES_MAX: usize = 4 << 10;
