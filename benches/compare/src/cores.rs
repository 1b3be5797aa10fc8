//! One core for the server, another for the load, so that neither takes the other's time.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores; None on a machine (or in a container) that lends only one.
pub struct Cores(Option<Pair>);

struct Pair {
    server: CpuSet,
    load: CpuSet,
}

impl Cores {
    /// Takes two of the cores that this process may use, and moves this thread to the load's.
    pub fn choose() -> io::Result<Cores> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        // The first core serves most interrupts: the server gets the quieter one.
        let (Some(first), Some(second)) = (cores.next(), cores.next()) else {
            return Ok(Cores::one());
        };
        let pair = Pair { server: only(second), load: only(first) };
        sched_setaffinity(None, &pair.load)?;
        Ok(Cores(Some(pair)))
    }

    /// Leaves everything where it is.
    pub fn one() -> Cores {
        Cores(None)
    }

    /// Whether the server has a core of its own.
    pub fn are_two(&self) -> bool {
        self.0.is_some()
    }

    /// Runs `spawn` on the server's core: a process started by it inherits that, with all threads
    /// that it will ever start.
    pub fn on_servers_core<T>(&self, spawn: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let Some(pair) = &self.0 else {
            return spawn();
        };
        sched_setaffinity(None, &pair.server)?;
        let spawned = spawn();
        sched_setaffinity(None, &pair.load)?;
        spawned
    }
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}
