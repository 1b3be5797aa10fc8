//! A process that has become a new master, and cannot serve: the workers of the master before go on, and it tries again.
//!
//! What is new was tried before, so this is rare: a file that has changed in between, a machine without memory. The pause
//! between two tries grows. A signal that ends the server ends this too.

use std::ffi::OsString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::wait::{WaitStatus, waitpid};

use super::Invocation;
use super::handover::{Handover, next_place};
use super::signals::{ENDS, came_early, hold_back, let_end, wait_for};

/// How this process was started, if it is one that has become a new master.
pub(crate) struct Takeover(Invocation);

impl Takeover {
    /// To be asked before anything else is done.
    pub(crate) fn of_this_process(arguments: impl IntoIterator<Item = OsString>) -> io::Result<Option<Self>> {
        if Handover::unsettled().is_none() {
            return Ok(None);
        }
        Invocation::of_this_process(arguments).map(|invocation| Some(Takeover(invocation)))
    }

    /// Tries once more, after a pause of which it will `tell`, unless all was taken over. Returns the exit status that there
    /// was, or that of the signal which ends it.
    pub(crate) fn again(self, status: u8, tell: &dyn Fn(String)) -> u8 {
        let Some((tries, descriptors)) = Handover::unsettled() else { return status };
        let pause = Duration::from_secs(1 << tries.min(5)).min(PAUSE_MAX);
        tell(format!(
            "reload: process {} cannot serve, as was said; the workers of before go on, and the next try is in {} s",
            std::process::id(),
            pause.as_secs()
        ));
        let _held = hold_back();
        let ended = ended_within(pause);
        if let Some(signal) = ended {
            leave(&descriptors);
            return u8::try_from(128 + signal).unwrap_or(1);
        }
        if let Some(place) = next_place(tries + 1) {
            tell(format!("reload: it cannot try again: {}", self.0.become_it(&place, &descriptors)));
        }
        leave(&descriptors);
        status
    }
}

/// Waits so long; returns the signal that ends the server, if one comes or has come already.
fn ended_within(pause: Duration) -> Option<i32> {
    let came = came_early().into_iter().map(|(signal, _)| signal).find(|signal| ENDS.contains(signal));
    came.or_else(|| wait_for(&ENDS, pause))
}

/// Closes the workers' lines, by which they leave, and waits for their ends. A second signal ends this process at once.
#[allow(unsafe_code)]
fn leave(descriptors: &[i32]) {
    let_end();
    for number in descriptors {
        // SAFETY: it was opened for this process, none of whose code goes on with it.
        drop(unsafe { OwnedFd::from_raw_fd(*number) });
    }
    while !matches!(waitpid(None, None), Err(nix::errno::Errno::ECHILD) | Ok(WaitStatus::StillAlive)) {}
}

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(30);
