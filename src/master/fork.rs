//! A second process that goes on where this one stands.

use std::io;

use nix::unistd::{ForkResult, Pid};

/// Which of the two processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// The one that was there before; the new one's number.
    Parent(i32),
    /// The new one.
    Child,
}

/// Forks this process, which must have no other thread that matters: the child has none but the calling one.
#[allow(unsafe_code)]
pub fn fork() -> io::Result<Fork> {
    // SAFETY: the child may use only what other threads cannot have left locked. The master starts no thread before
    // it forks; a language with threads has a fork of its own (Host::fork), which sees to them.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Fork::Parent(child.as_raw())),
        ForkResult::Child => Ok(Fork::Child),
    }
}

/// The number of a process as the system's calls want it.
pub(super) fn pid(number: i32) -> Pid {
    Pid::from_raw(number)
}
