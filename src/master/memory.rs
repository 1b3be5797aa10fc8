//! The scoreboard's memory: shared with every process that is forked from here on.

use std::io;
use std::num::NonZeroUsize;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use crate::scoreboard::Scoreboard;

/// Maps a fresh scoreboard. It stays for as long as the process, and any child of it, lives: some hundred KiB, of
/// which only the rows that are used take memory.
#[allow(unsafe_code)]
pub fn scoreboard() -> io::Result<&'static Scoreboard> {
    let len = NonZeroUsize::new(size_of::<Scoreboard>()).expect("a scoreboard has rows");
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of ours.
    let memory = unsafe { mmap_anonymous(None, len, protection, MapFlags::MAP_SHARED) }?;
    // SAFETY: the mapping is as long as a Scoreboard and aligned to a page, which is more than its 128 bytes. The kernel
    // fills it with zeros, a valid value of a struct that consists of atomics only (repr(C)). It is never unmapped, so the
    // reference holds for ever; other processes change it through atomics alone.
    Ok(unsafe { memory.cast::<Scoreboard>().as_ref() })
}
