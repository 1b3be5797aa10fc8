//! What ends the programs of a master that was killed: its workers know them too. The kernel has told each program of the
//! master's death, but not what it has started, and one may not care.

use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use log::warn;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getppid};

use super::super::fork::pid;
use super::program::is_there;
use crate::process::load::is_exiting;

/// The process groups of a master's programs, in memory that all of its workers share.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Orphans {
    master: AtomicI32,
    /// Of each program the group and what ends it; 0 where there is none.
    programs: [(AtomicI32, AtomicI32); PROGRAMS_MAX],
}

impl Orphans {
    /// This process is their master.
    pub(super) fn begin(&self) {
        self.master.store(Pid::this().as_raw(), Ordering::Relaxed);
    }

    /// Takes note of the group of the program at this place; `None` once it has ended.
    pub(super) fn set(&self, at: usize, group: Option<i32>, stop_signal: Signal) {
        if let Some((place, signal)) = self.programs.get(at) {
            signal.store(stop_signal as i32, Ordering::Relaxed);
            place.store(group.unwrap_or(0), Ordering::Release);
        }
    }

    /// Ends them if the master is gone: what it would do itself, and each by one worker. It takes as long as they do, but for
    /// `grace`.
    pub(crate) fn end(&self, grace: Duration) {
        let master = self.master.load(Ordering::Relaxed);
        if getppid().as_raw() == master && !is_exiting(master) {
            return;
        }
        let taken = self.programs.iter().map(|(place, signal)| (place.swap(0, Ordering::Acquire), signal));
        let taken = taken.filter(|(group, _)| *group > 0);
        let mut groups: Vec<_> =
            taken.map(|(group, signal)| (pid(group), signal.load(Ordering::Relaxed))).collect();
        for (group, signal) in &groups {
            // The program itself has been told by the kernel. A second signal means to some that there is no time.
            if kill(*group, None) == Err(Errno::ESRCH) {
                let _ = killpg(*group, Signal::try_from(*signal).unwrap_or(Signal::SIGTERM));
            }
        }
        let until = Instant::now() + grace;
        loop {
            groups.retain(|(group, _)| is_there(*group));
            if groups.is_empty() {
                return;
            }
            if Instant::now() >= until {
                break;
            }
            thread::sleep(LOOK_TIME);
        }
        for (group, _) in groups {
            warn!(
                "attached: process {group} of the master that is gone has not ended in its time (--grace): killed"
            );
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// Programs that are known to the workers; those behind them are told by the kernel alone.
const PROGRAMS_MAX: usize = 256;
/// Nothing tells a worker of the end of processes that are no children of its own.
const LOOK_TIME: Duration = Duration::from_millis(100);
