//! Whether the kernel has killed for want of memory.

use std::fs;

/// Counts what the kernel's out-of-memory killer has done, on the whole machine.
pub(super) struct OomKills(Option<u64>);

impl OomKills {
    /// The count so far.
    pub(super) fn so_far() -> Self {
        OomKills(count())
    }

    /// Whether there were more since this was last asked. A process that died of SIGKILL then is most likely one.
    pub(super) fn are_more(&mut self) -> bool {
        let now = count();
        let before = std::mem::replace(&mut self.0, now);
        matches!((before, now), (Some(before), Some(now)) if now > before)
    }
}

/// `oom_kill` of /proc/vmstat: kills for a control group's bound are among them (Linux 4.13 and later).
fn count() -> Option<u64> {
    let text = fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.parse().ok()
}
