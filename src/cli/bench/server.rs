//! The server's side: what a process and all that came of it have cost.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::process::load::{parent_of, processor_time_of};

/// A server's first process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pid: i32,
}

/// The server's processes at a moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample(BTreeMap<i32, Process>);

#[derive(Clone, Copy, Debug, Default)]
struct Process {
    processor: Duration,
    switches: Switches,
}

/// Context switches: by a wait, and by the system.
#[derive(Clone, Copy, Debug, Default)]
struct Switches {
    voluntary: u64,
    involuntary: u64,
}

/// What the server spent between two moments.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    pub(super) pid: i32,
    pub(super) processes: usize,
    pub(super) processor: Duration,
    /// Resident at the end, bytes, in all processes; what they share counts for each.
    pub(super) resident: u64,
    /// The most that the largest of them ever had, bytes.
    pub(super) peak: u64,
    pub(super) voluntary: u64,
    pub(super) involuntary: u64,
}

impl Server {
    /// The process of this number; `None` if there is none, or not for this user to see.
    pub(super) fn new(pid: i32) -> Option<Server> {
        processor_time_of(pid).filter(|_| pid > 0).map(|_| Server { pid })
    }

    pub(super) fn sample(&self) -> Sample {
        let processes = family(self.pid).into_iter().map(|pid| {
            let processor = processor_time_of(pid).unwrap_or_default();
            (pid, Process { processor, switches: switches(pid) })
        });
        Sample(processes.collect())
    }

    /// What was spent since `before`. What ended meanwhile has taken its figures with it.
    pub(super) fn cost(&self, before: &Sample) -> Cost {
        let after = self.sample();
        let mut cost = Cost { pid: self.pid, processes: after.0.len(), ..Cost::default() };
        for (pid, process) in &after.0 {
            let before = before.0.get(pid).copied().unwrap_or_default();
            cost.processor += process.processor.saturating_sub(before.processor);
            cost.voluntary += process.switches.voluntary.saturating_sub(before.switches.voluntary);
            cost.involuntary += process.switches.involuntary.saturating_sub(before.switches.involuntary);
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            cost.resident += field(&status, "VmRSS:") << 10;
            cost.peak = cost.peak.max(field(&status, "VmHWM:") << 10);
        }
        cost
    }
}

/// `root`, and every process that it, or one of those, has started and that still runs.
pub(super) fn family(root: i32) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let all = entries.filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        Some((pid, parent_of(pid)?))
    });
    descendants(root, &all.collect::<Vec<_>>())
}

fn descendants(root: i32, processes: &[(i32, i32)]) -> Vec<i32> {
    let mut family = vec![root];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(processes.iter().filter(|(_, other)| *other == parent).map(|(pid, _)| pid));
        at += 1;
    }
    family
}

/// Those of all its threads.
fn switches(pid: i32) -> Switches {
    let mut switches = Switches::default();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        switches.voluntary += field(&status, "voluntary_ctxt_switches:");
        switches.involuntary += field(&status, "nonvoluntary_ctxt_switches:");
    }
    switches
}

/// The number behind `name`; 0 where there is none.
fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_all_that_came_of_one() {
        let processes = [(1, 0), (7, 1), (9, 8), (8, 7), (10, 1), (11, 7)];
        assert_eq!(descendants(7, &processes), [7, 8, 11, 9]);
        assert_eq!(descendants(10, &processes), [10]);
    }

    #[test]
    fn a_process_and_its_child_are_seen() {
        let own = i32::try_from(std::process::id()).unwrap();
        let server = Server::new(own).unwrap();
        let before = server.sample();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let cost = server.cost(&before);
        let family = family(own);
        child.kill().and_then(|()| child.wait()).unwrap();
        assert!(family.contains(&i32::try_from(child.id()).unwrap()), "{family:?}");
        assert!(cost.processes > 1 && 0 < cost.peak && cost.peak <= cost.resident + cost.peak);
        assert!(Server::new(0).is_none() && Server::new(-1).is_none());
    }

    #[test]
    fn a_field_is_the_number_behind_its_name() {
        let status = "Name:\tfloor\nVmHWM:\t    1508 kB\nvoluntary_ctxt_switches:\t7\n";
        assert_eq!((field(status, "VmHWM:"), field(status, "voluntary_ctxt_switches:")), (1508, 7));
        assert_eq!(field(status, "VmRSS:"), 0);
    }
}
