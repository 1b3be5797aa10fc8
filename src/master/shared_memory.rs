//! Memory that is shared: the scoreboard's, that of the requests in hand, and a flag's. It is shared with every process that is forked from here on.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous};

use super::handover::{Handover, Left};
use crate::process::descriptors;
use crate::telemetry::access_log::InHand;
use crate::telemetry::scoreboard::Scoreboard;

/// What is shared, and the file behind it, by which a new master can have it too.
pub(crate) struct Shared<T: 'static> {
    pub(crate) memory: &'static T,
    /// None where no file may be so large (ulimit -f, LimitFSIZE= of systemd).
    file: Option<File>,
    /// A master before this one has mapped it.
    pub(crate) is_handed: bool,
}

/// Maps the scoreboard: that of the master before, or a fresh one. It stays for as long as the process, and any child of it,
/// lives: some MiB, of which only the rows that are used take memory.
#[allow(unsafe_code)]
pub(crate) fn scoreboard(handover: Option<&Handover>) -> io::Result<Shared<Scoreboard>> {
    let (memory, file, is_handed) = map_file(size_of::<Scoreboard>(), SCOREBOARD, handover)?;
    // SAFETY: the mapping is as long as a Scoreboard and aligned to a page, which is more than its 128 bytes. The kernel
    // fills it with zeros, a valid value of a struct that consists of atomics only (repr(C)); or it is the Scoreboard of this
    // very version, and any bytes are valid atomics. It is never unmapped, so the reference holds for ever; other processes
    // change it through atomics alone.
    Ok(Shared { memory: unsafe { memory.cast::<Scoreboard>().as_ref() }, file, is_handed })
}

/// Maps the requests that workers have in hand: those that the master before has mapped, or none. As with the scoreboard, only
/// what is used takes memory.
#[allow(unsafe_code)]
pub(crate) fn in_hand(handover: Option<&Handover>) -> io::Result<Shared<InHand>> {
    let (memory, file, is_handed) = map_file(size_of::<InHand>(), IN_HAND, handover)?;
    // SAFETY: as with the scoreboard; it consists of AtomicU64 only (repr(C)).
    Ok(Shared { memory: unsafe { memory.cast::<InHand>().as_ref() }, file, is_handed })
}

impl Shared<Scoreboard> {
    pub(super) fn leave(&self, left: &mut Left) {
        leave(SCOREBOARD, self.file.as_ref(), left);
    }
}

impl Shared<InHand> {
    pub(crate) fn leave(&self, left: &mut Left) {
        leave(IN_HAND, self.file.as_ref(), left);
    }
}

fn leave(word: &str, file: Option<&File>, left: &mut Left) {
    if let Some(file) = file {
        let number = left.keep(file);
        left.line(word, format_args!("{number} {}", layout()));
    }
}

/// What is the same where memory means the same.
fn layout() -> String {
    let (version, board, in_hand) = (env!("CARGO_PKG_VERSION"), size_of::<Scoreboard>(), size_of::<InHand>());
    format!("{version}-{board}-{in_hand}")
}

const SCOREBOARD: &str = "scoreboard";
const IN_HAND: &str = "in-hand";

/// Maps a flag, which is not set. It takes a page, for as long as the process, and any child of it, lives.
#[allow(unsafe_code)]
pub(crate) fn shared_flag() -> io::Result<&'static AtomicBool> {
    let memory = map(size_of::<AtomicBool>())?;
    // SAFETY: as with the scoreboard; a zero is a valid AtomicBool, which is `false`.
    Ok(unsafe { memory.cast::<AtomicBool>().as_ref() })
}

/// Maps the file of this name that the master before has left, if it means the same there, or else a new one.
#[allow(unsafe_code)]
fn map_file(
    bytes: usize,
    word: &str,
    handover: Option<&Handover>,
) -> io::Result<(NonNull<c_void>, Option<File>, bool)> {
    let handed = handover.and_then(|handover| {
        let (number, layout_of_it) = handover.one(word)?.split_once(' ')?;
        let number = Some(number).filter(|_| layout_of_it == layout())?;
        handover.descriptor(number).map(File::from)
    });
    let is_handed = handed.is_some();
    let new = || {
        let file = descriptors::memory_file(word)?;
        file.set_len(bytes as u64)?;
        io::Result::Ok(file)
    };
    let Ok(file) = handed.map_or_else(new, Ok) else { return Ok((map(bytes)?, None, false)) };
    let len = NonZeroUsize::new(bytes).expect("no type that is shared is empty");
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a mapping at an address of the kernel's choice touches no memory of ours. The file is this server's alone, as
    // long as that, and nobody makes it shorter.
    let memory = unsafe { mmap(None, len, protection, MapFlags::MAP_SHARED, &file, 0) }?;
    Ok((memory, Some(file), is_handed))
}

#[allow(unsafe_code)]
fn map(bytes: usize) -> io::Result<NonNull<c_void>> {
    let len = NonZeroUsize::new(bytes).expect("no type that is shared is empty");
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of ours.
    Ok(unsafe { mmap_anonymous(None, len, protection, MapFlags::MAP_SHARED) }?)
}
