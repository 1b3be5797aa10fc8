//! How much memory a process has.

use std::fs;

use nix::unistd::{SysconfVar, sysconf};

/// In bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: u64,
    /// Virtual.
    pub(crate) vsz: u64,
}

impl Memory {
    /// That of a process by its number; `None` where /proc does not tell.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let mut pages = statm.split(' ').map(|number| number.parse::<u64>().ok());
        let (vsz, rss) = (pages.next()??, pages.next()??);
        let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok().flatten()?).ok()?;
        Some(Memory { rss: rss * page, vsz: vsz * page })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_some() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.vsz >= memory.rss && memory.rss > 1 << 20, "{memory:?}");
        assert!(Memory::of(u32::MAX).is_none());
    }
}
