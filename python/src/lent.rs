//! Bytes of Python's that the worker sends as they are, and that come back to their own thread to be let go of.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// The bytes of `object`. Few are copied: that costs less than to have them come back.
pub(crate) fn lend(object: &Bound<'_, PyBytes>) -> Bytes {
    let bytes = object.as_bytes();
    if bytes.len() <= COPIED_BYTES_MAX {
        return Bytes::copy_from_slice(bytes);
    }
    let returned = RETURNED.with(Arc::clone);
    Bytes::from_owner(Lent { bytes: Some(PyBackedBytes::from(object.clone())), returned })
}

/// Lets go of what has come back to this thread.
pub(crate) fn clear(_py: Python<'_>) {
    RETURNED.with(|returned| {
        let returned = std::mem::take(&mut *lock(returned));
        drop(returned);
    });
}

type Returned = Mutex<Vec<PyBackedBytes>>;

thread_local! {
    static RETURNED: Arc<Returned> = Arc::default();
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
