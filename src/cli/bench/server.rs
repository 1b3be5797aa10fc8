//! The server's side: what a process and all that came of it have cost.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use super::syscalls::Syscalls;
use crate::process::load::{ended_children_time_of, parent_of, processor_time_of};

/// A server's first process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pid: i32,
    /// Whether its system calls are counted.
    traces: bool,
}

/// What the server spends from a moment on, for as long as it is looked at.
pub(super) struct Meter {
    server: Server,
    /// Its processes when they were last looked at.
    last: BTreeMap<i32, Process>,
    syscalls: Option<Syscalls>,
    spent: Cost,
}

/// A process, and what it came to until it was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Process {
    processor: Duration,
    /// The same of its children that have ended, with theirs.
    ended: Duration,
    voluntary: u64,
    involuntary: u64,
}

/// What the server spent.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    pub(super) pid: i32,
    /// How many there were at last.
    pub(super) processes: usize,
    pub(super) processor: Duration,
    /// Resident at last, bytes, in all processes; what they share counts for each.
    pub(super) resident: u64,
    /// The most that the largest of them ever had, bytes.
    pub(super) peak: u64,
    pub(super) voluntary: u64,
    pub(super) involuntary: u64,
    /// System calls, where they were counted.
    pub(super) syscalls: Option<u64>,
}

impl Server {
    /// The process of this number; `None` if there is none, or not for this user to see.
    pub(super) fn new(pid: i32) -> Option<Server> {
        processor_time_of(pid).filter(|_| pid > 0).map(|_| Server { pid, traces: false })
    }

    /// Has its system calls counted, which may not be allowed.
    pub(super) fn trace(&mut self) -> Result<(), String> {
        self.traces = true;
        Syscalls::of(family(self.pid)).map(drop)
    }

    /// Is ready to count what is spent.
    pub(super) fn meter(&self) -> Meter {
        let syscalls = if self.traces { Syscalls::of(family(self.pid)).ok() } else { None };
        let spent = Cost { pid: self.pid, ..Cost::default() };
        Meter { server: *self, last: BTreeMap::new(), syscalls, spent }
    }

    fn processes(&self) -> BTreeMap<i32, Process> {
        let seen = |pid| Some((pid, Process::of(pid)?));
        family(self.pid).into_iter().filter_map(seen).collect()
    }
}

impl Meter {
    /// Counts from now on.
    pub(super) fn begin(&mut self) {
        self.last = self.server.processes();
        self.weigh();
        if let Some(syscalls) = &mut self.syscalls {
            syscalls.begin();
        }
    }

    /// Adds what was spent since the last look. A process that ends is in its parent's figures if that waits for it, else
    /// its own are known up to here.
    pub(super) fn look(&mut self) {
        let now = self.server.processes();
        if now.is_empty() {
            return;
        }
        self.spent.processor += spent(&self.last, &now);
        for (pid, process) in &now {
            let before = self.last.get(pid).copied().unwrap_or_default();
            self.spent.voluntary += process.voluntary.saturating_sub(before.voluntary);
            self.spent.involuntary += process.involuntary.saturating_sub(before.involuntary);
        }
        self.last = now;
        self.weigh();
    }

    /// The memory of those that there are.
    fn weigh(&mut self) {
        (self.spent.processes, self.spent.resident) = (self.last.len(), 0);
        for pid in self.last.keys() {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            self.spent.resident += field(&status, "VmRSS:") << 10;
            self.spent.peak = self.spent.peak.max(field(&status, "VmHWM:") << 10);
        }
    }

    /// All that was spent until now.
    pub(super) fn end(mut self) -> Cost {
        self.look();
        self.spent.syscalls = self.syscalls.as_mut().map(Syscalls::count);
        self.spent
    }
}

/// What the processes of `now` and those that ended have used since `before`.
fn spent(before: &BTreeMap<i32, Process>, now: &BTreeMap<i32, Process>) -> Duration {
    let (mut own, mut ended) = (Duration::ZERO, Duration::ZERO);
    for (pid, process) in now {
        let then = before.get(pid).copied().unwrap_or_default();
        own += process.processor.saturating_sub(then.processor);
        ended += process.ended.saturating_sub(then.ended);
    }
    // What a process used before it was last looked at is counted already.
    let gone = before.iter().filter(|(pid, _)| !now.contains_key(pid));
    let known: Duration = gone.map(|(_, process)| process.processor + process.ended).sum();
    own + ended.saturating_sub(known)
}

impl Process {
    /// `None` if it has ended.
    fn of(pid: i32) -> Option<Process> {
        let processor = processor_time_of(pid)?;
        let mut process = Process { processor, ended: ended_children_time_of(pid)?, ..Process::default() };
        // Those of all its threads.
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            process.voluntary += field(&status, "voluntary_ctxt_switches:");
            process.involuntary += field(&status, "nonvoluntary_ctxt_switches:");
        }
        Some(process)
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

/// The number behind `name`; 0 where there is none.
fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

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
        let mut meter = Server::new(own).unwrap().meter();
        meter.begin();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        meter.look();
        let (cost, family) = (meter.end(), family(own));
        child.kill().and_then(|()| child.wait()).unwrap();
        assert!(family.contains(&i32::try_from(child.id()).unwrap()), "{family:?}");
        assert!(cost.processes > 1 && 0 < cost.peak && 0 < cost.resident, "{cost:?}");
        assert!(Server::new(0).is_none() && Server::new(-1).is_none());
    }

    #[test]
    fn what_a_process_has_used_is_counted_once_though_it_ends() {
        let seconds = |processor, ended| Process {
            processor: Duration::from_secs(processor),
            ended: Duration::from_secs(ended),
            ..Process::default()
        };
        let before = BTreeMap::from([(1, seconds(10, 100)), (2, seconds(5, 0)), (3, seconds(7, 0))]);
        // 2 has used 2 more and ended, 4 has come and used 3, and another has come, used 1 and ended.
        let now = BTreeMap::from([(1, seconds(11, 108)), (3, seconds(9, 0)), (4, seconds(3, 0))]);
        assert_eq!(spent(&before, &now), Duration::from_secs(1 + 2 + 3 + 2 + 1));
        // Nobody has waited for 2: what it used since then is lost, and nothing else.
        let now = BTreeMap::from([(1, seconds(11, 100)), (3, seconds(9, 0))]);
        assert_eq!(spent(&before, &now), Duration::from_secs(3));
    }

    /// A shell that starts one that works and ends, and so on.
    #[test]
    fn children_that_end_are_counted() {
        let script = "read line; for i in 1 2 3; do sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'; done; echo; read line";
        let mut shell = std::process::Command::new("sh")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let server = Server::new(i32::try_from(shell.id()).unwrap()).unwrap();
        let mut meter = server.meter();
        meter.begin();
        let mut stdin = shell.stdin.take().unwrap();
        stdin.write_all(b"\n").unwrap();
        shell.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let cost = meter.end();
        drop(stdin);
        shell.wait().unwrap();
        // Nobody has looked at them while they were there.
        assert!(cost.processor > Duration::from_millis(20), "{cost:?}");
    }

    #[test]
    fn a_field_is_the_number_behind_its_name() {
        let status = "Name:\tfloor\nVmHWM:\t    1508 kB\nvoluntary_ctxt_switches:\t7\n";
        assert_eq!((field(status, "VmHWM:"), field(status, "voluntary_ctxt_switches:")), (1508, 7));
        assert_eq!(field(status, "VmRSS:"), 0);
    }
}
