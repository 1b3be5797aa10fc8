//! What the kernel counts for a process: CPU time, memory, open descriptors.

use std::fs;
use std::io;
use std::time::Duration;

/// CPU time of all threads so far: in nanoseconds where the kernel keeps schedstat, else in ticks.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        match fs::read_to_string(task?.path().join("schedstat")) {
            Ok(text) => sum += Duration::from_nanos(number(text.split_ascii_whitespace().next())?),
            // No schedstat here, or a thread that ended since its folder was listed.
            Err(_) => return ticks(pid),
        }
    }
    Ok(sum)
}

/// `pid` and every process that it, or one of those, has started and that still runs.
pub fn family(pid: u32) -> io::Result<Vec<u32>> {
    let processes = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        // One that has ended since the folder was read has no parent any more.
        .filter_map(|pid| Some((pid, parent(pid).ok()?)));
    Ok(descendants(pid, &processes.collect::<Vec<_>>()))
}

/// Memory of a process in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// VmRSS: resident now.
    pub resident: u64,
    /// VmHWM: the most that was ever resident.
    pub peak: u64,
}

/// What `pid` holds resident.
pub fn memory(pid: u32) -> io::Result<Memory> {
    let status = status(pid)?;
    Ok(Memory { resident: kibibytes(&status, "VmRSS:")?, peak: kibibytes(&status, "VmHWM:")? })
}

/// How many descriptors `pid` has open: a server that accepted N connections has N more.
pub fn descriptors(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Whether a tracer holds every thread of `pid`.
pub fn is_traced(pid: u32) -> bool {
    status(pid).is_ok_and(|status| field(&status, "TracerPid:").is_some_and(|tracer| tracer != "0"))
}

/// The machine in a few words: processor, number of cores, kernel.
pub fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = release.trim().split(['-', '+']).next().unwrap_or_default();
    format!("{model}, {cores} cores, Linux {version}")
}

fn status(pid: u32) -> io::Result<String> {
    fs::read_to_string(format!("/proc/{pid}/status"))
}

/// utime and stime of /proc/PID/stat, in ticks of the 100 Hz that Linux promises to user space.
fn ticks(pid: u32) -> io::Result<Duration> {
    let stat = stat(pid)?;
    let mut fields = stat.split_ascii_whitespace().skip(11);
    Ok(Duration::from_millis(10 * (number(fields.next())? + number(fields.next())?)))
}

fn parent(pid: u32) -> io::Result<u32> {
    Ok(number(stat(pid)?.split_ascii_whitespace().nth(1))? as u32)
}

/// The fields of /proc/PID/stat from the state on: the command before them may hold spaces.
fn stat(pid: u32) -> io::Result<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    Ok(stat.rsplit(')').next().unwrap_or_default().to_owned())
}

/// `root` first, then its children, theirs, and so on; `processes` are pairs of a process and its parent.
fn descendants(root: u32, processes: &[(u32, u32)]) -> Vec<u32> {
    let mut family = vec![root];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(processes.iter().filter(|(_, other)| *other == parent).map(|(pid, _)| pid));
        at += 1;
    }
    family
}

fn kibibytes(status: &str, name: &str) -> io::Result<u64> {
    Ok(number(field(status, name))? << 10)
}

/// The first word behind `name`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()
}

fn number(word: Option<&str>) -> io::Result<u64> {
    word.and_then(|word| word.parse().ok())
        .ok_or_else(|| io::Error::other("no figure in /proc: has it ended?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_fields_are_kibibytes() {
        let status = "Name:\tfloor\nVmHWM:\t    1508 kB\nTracerPid:\t0\n";
        assert_eq!(kibibytes(status, "VmHWM:").unwrap(), 1508 * 1024);
        assert_eq!(field(status, "TracerPid:"), Some("0"));
        assert!(kibibytes(status, "VmRSS:").is_err());
    }

    #[test]
    fn a_family_is_all_that_came_of_one() {
        let processes = [(1, 0), (7, 1), (9, 8), (8, 7), (10, 1), (11, 7)];
        assert_eq!(descendants(7, &processes), [7, 8, 11, 9]);
        assert_eq!(descendants(10, &processes), [10]);
    }

    #[test]
    fn a_child_is_of_the_family() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let family = family(std::process::id()).unwrap();
        child.kill().and_then(|()| child.wait()).unwrap();
        assert!(family[0] == std::process::id() && family.contains(&child.id()), "{family:?}");
    }

    #[test]
    fn this_process_can_be_read() {
        let pid = std::process::id();
        let memory = memory(pid).unwrap();
        assert!(0 < memory.resident && memory.resident <= memory.peak);
        assert!(cpu_time(pid).is_ok() && ticks(pid).is_ok());
        assert!(descriptors(pid).unwrap() > 2);
    }
}
