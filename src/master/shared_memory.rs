//! Memory that is shared: the scoreboard's, that of the requests in hand, and a flag's. It is shared with every process that is forked from here on.

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use crate::telemetry::access_log::InHand;
use crate::telemetry::scoreboard::Scoreboard;

/// Maps a fresh scoreboard. It stays for as long as the process, and any child of it, lives: some MiB, of
/// which only the rows that are used take memory.
#[allow(unsafe_code)]
pub(crate) fn scoreboard() -> io::Result<&'static Scoreboard> {
    let memory = map(size_of::<Scoreboard>())?;
    // SAFETY: the mapping is as long as a Scoreboard and aligned to a page, which is more than its 128 bytes. The kernel
    // fills it with zeros, a valid value of a struct that consists of atomics only (repr(C)). It is never unmapped, so the
    // reference holds for ever; other processes change it through atomics alone.
    Ok(unsafe { memory.cast::<Scoreboard>().as_ref() })
}

/// Maps the requests that workers have in hand: none. As with the scoreboard, only what is used takes memory.
#[allow(unsafe_code)]
pub(crate) fn in_hand() -> io::Result<&'static InHand> {
    let memory = map(size_of::<InHand>())?;
    // SAFETY: as with the scoreboard; it consists of AtomicU64 only (repr(C)).
    Ok(unsafe { memory.cast::<InHand>().as_ref() })
}

/// Maps a flag, which is not set. It takes a page, for as long as the process, and any child of it, lives.
#[allow(unsafe_code)]
pub(crate) fn shared_flag() -> io::Result<&'static AtomicBool> {
    let memory = map(size_of::<AtomicBool>())?;
    // SAFETY: as with the scoreboard; a zero is a valid AtomicBool, which is `false`.
    Ok(unsafe { memory.cast::<AtomicBool>().as_ref() })
}

#[allow(unsafe_code)]
fn map(bytes: usize) -> io::Result<NonNull<c_void>> {
    let len = NonZeroUsize::new(bytes).expect("no type that is shared is empty");
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of ours.
    Ok(unsafe { mmap_anonymous(None, len, protection, MapFlags::MAP_SHARED) }?)
}
