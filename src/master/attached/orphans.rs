//! What ends the programs of a master that was killed: its workers know them too. The kernel has told each program of the
//! master's death, but not what it has started, and one may not care.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use log::warn;
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getppid};

use super::super::fork::pid;
use super::program::is_alive;
use crate::process::load::is_exiting;

/// The process groups of a master's programs, in memory that all of its workers share.
#[repr(C)]
pub(crate) struct Orphans {
    master: AtomicI32,
    places: [Place; PROGRAMS_MAX],
}

/// One of them, and the signal that ends it; 0 where there is none.
#[repr(transparent)]
pub(super) struct Place(AtomicU64);

impl Place {
    /// Takes note of a group; `None` once it has ended.
    pub(super) fn set(&self, group: Option<i32>, stop_signal: Signal) {
        let group = group.and_then(|group| u32::try_from(group).ok());
        let both =
            group.map_or(0, |group| u64::from(group) << 32 | u64::from((stop_signal as i32).unsigned_abs()));
        self.0.store(both, Ordering::Release);
    }

    /// Takes the group, so that no other worker has it too.
    fn take(&self) -> Option<(Pid, Signal)> {
        let both = self.0.swap(0, Ordering::Acquire);
        let (group, signal) = (i32::try_from(both >> 32).ok()?, i32::try_from(both & 0xff).ok()?);
        Some((pid(group), Signal::try_from(signal).ok()?)).filter(|_| group > 0)
    }
}

impl Orphans {
    /// This process is their master.
    pub(super) fn begin(&self) {
        self.master.store(Pid::this().as_raw(), Ordering::Relaxed);
    }

    /// Where a program is noted. One that is beyond the places is told by the kernel alone.
    pub(super) fn place(&self, at: usize) -> Option<&Place> {
        self.places.get(at)
    }

    /// These are all there are, in this order.
    pub(super) fn tell(&self, programs: impl Iterator<Item = (Option<i32>, Signal)>) {
        let none = std::iter::repeat((None, Signal::SIGTERM));
        for (place, (group, stop_signal)) in self.places.iter().zip(programs.chain(none)) {
            place.set(group, stop_signal);
        }
    }

    /// Ends them if the master is gone: what it would do itself, and each by one worker. It takes as long as they do, but for
    /// `grace`.
    pub(crate) fn end(&self, grace: Duration) {
        let master = self.master.load(Ordering::Relaxed);
        if getppid().as_raw() == master && !is_exiting(master) {
            return;
        }
        let mut groups: Vec<_> = self.places.iter().filter_map(Place::take).map(Left::new).collect();
        let until = Instant::now() + grace;
        while Instant::now() < until {
            groups.retain_mut(Left::is_there);
            if groups.is_empty() {
                return;
            }
            thread::sleep(LOOK_TIME);
        }
        for Left { group, .. } in groups {
            warn!(
                "attached: process {group} of the master that is gone has not ended in its time (--grace): killed"
            );
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// What is left of a program.
struct Left {
    group: Pid,
    /// What it has started is to be told by this; `None` once it was.
    stop_signal: Option<Signal>,
}

impl Left {
    fn new((group, stop_signal): (Pid, Signal)) -> Self {
        Left { group, stop_signal: Some(stop_signal) }
    }

    /// Whether any process of it is there; what the program has left behind is told to end.
    fn is_there(&mut self) -> bool {
        // The program itself was told by the kernel. A second signal means to some that there is no time.
        if !is_alive(self.group)
            && let Some(signal) = self.stop_signal.take()
        {
            let _ = killpg(self.group, signal);
        }
        killpg(self.group, None) != Err(Errno::ESRCH)
    }
}

/// Programs that are known to the workers.
const PROGRAMS_MAX: usize = 256;
/// Nothing tells a worker of the end of processes that are no children of its own.
const LOOK_TIME: Duration = Duration::from_millis(100);
