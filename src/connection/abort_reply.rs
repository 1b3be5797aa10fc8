//! What a process says on a connection if it is aborted while the application answers there.
//!
//! The worker's thread sets it, and a signal's handler on the same thread takes it; there is one such connection at
//! a time. It is set around every call of the application, so it costs three stores and no system call.

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering, compiler_fence};

/// Sets what is said on `descriptor`: `words`, or, where they are empty, that the response is broken off. `None`:
/// no reply is sent.
pub(crate) fn set(descriptor: Option<i32>, words: &'static [u8]) {
    // While they change, no reply is sent.
    DESCRIPTOR.store(NONE, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    if let Some(descriptor) = descriptor {
        WORDS.store(words.as_ptr().cast_mut(), Ordering::Relaxed);
        LEN.store(words.len(), Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        DESCRIPTOR.store(descriptor, Ordering::Relaxed);
    }
}

/// Takes what was set: descriptor, first byte and length. It may be called from a signal's handler.
#[cfg(feature = "command")]
pub(crate) fn take() -> Option<(i32, *const u8, usize)> {
    let descriptor = DESCRIPTOR.swap(NONE, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    let words = (WORDS.load(Ordering::Relaxed).cast_const(), LEN.load(Ordering::Relaxed));
    (descriptor != NONE).then_some((descriptor, words.0, words.1))
}

const NONE: i32 = -1;

static DESCRIPTOR: AtomicI32 = AtomicI32::new(NONE);
static WORDS: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static LEN: AtomicUsize = AtomicUsize::new(0);
