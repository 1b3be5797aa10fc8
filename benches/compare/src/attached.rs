//! Tools that watch a running server from outside: strace for its system calls, perf for what the
//! machine can count of it. Each attaches, lets some work be done, is interrupted, and leaves a summary.
//!
//! An `Err` is what the table says instead of a figure.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cores::Cores;
use crate::procfs;

/// For a tool to attach, and again to write its summary.
const PATIENCE: Duration = Duration::from_secs(5);

/// perf does not say when it has attached.
const PERF_START: Duration = Duration::from_millis(300);

/// System calls by name, the most frequent first, that `pid` makes during `work`.
pub fn system_calls(
    pid: u32,
    folder: &Path,
    cores: &Cores,
    work: impl FnOnce() -> io::Result<()>,
) -> Result<Vec<(String, u64)>, String> {
    let summary = folder.join("strace.txt");
    let mut strace = Command::new("strace");
    strace.args(["-c", "-f", "-p", &pid.to_string(), "-o"]).arg(&summary);
    let mut watch = Watch::start(strace, cores).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "no strace".to_owned(),
        _ => error.to_string(),
    })?;
    let deadline = Instant::now() + PATIENCE;
    while !procfs::is_traced(pid) {
        if watch.has_ended() || Instant::now() > deadline {
            return Err("strace may not attach".into());
        }
        sleep(Duration::from_millis(5));
    }
    let text = watch.finish(work, &summary).map_err(|error| error.to_string())?;
    parse_strace(&text).ok_or_else(|| "no summary from strace".into())
}

/// What perf can count of a process that runs at full speed.
#[derive(Clone, Copy)]
pub enum Event {
    /// The kernel's included. A virtual machine often has no counter for them.
    Instructions,
    /// Without strace's slowing down, but not which. Needs the tracing file system and its permission.
    SystemCalls,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Event::Instructions => "instructions",
            Event::SystemCalls => "raw_syscalls:sys_enter",
        }
    }

    /// Whether there is a perf, and it counts this here.
    pub fn is_counted(self, folder: &Path) -> bool {
        let summary = folder.join("perf.txt");
        let mut perf = self.perf_stat(&summary);
        let ran = perf.arg("true").stdin(Stdio::null()).stderr(Stdio::null()).status();
        let text = fs::read_to_string(&summary).unwrap_or_default();
        ran.is_ok_and(|status| status.success()) && parse_perf(&text).is_some()
    }

    /// How many of them `pid` makes during `work`.
    pub fn count(
        self,
        pid: u32,
        folder: &Path,
        cores: &Cores,
        work: impl FnOnce() -> io::Result<()>,
    ) -> Result<u64, String> {
        let summary = folder.join("perf.txt");
        let mut perf = self.perf_stat(&summary);
        perf.args(["-p", &pid.to_string()]);
        let watch = Watch::start(perf, cores).map_err(|error| error.to_string())?;
        sleep(PERF_START);
        let text = watch.finish(work, &summary).map_err(|error| error.to_string())?;
        parse_perf(&text).ok_or_else(|| "no count from perf".into())
    }

    fn perf_stat(self, summary: &Path) -> Command {
        let mut perf = Command::new("perf");
        perf.args(["stat", "-x", ",", "-e", self.name(), "-o"]).arg(summary);
        perf
    }
}

/// A tool at work. Killed when dropped, which detaches it.
struct Watch(Child);

impl Watch {
    /// On the server's core, where it runs while the server is stopped, and takes none of the load's time.
    fn start(mut command: Command, cores: &Cores) -> io::Result<Watch> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Watch(cores.on_servers_core(|| command.spawn())?))
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Does the work, interrupts the tool as Ctrl-C would, and reads what it wrote.
    fn finish(mut self, work: impl FnOnce() -> io::Result<()>, summary: &Path) -> io::Result<String> {
        work()?;
        kill_process(Pid::from_child(&self.0), Signal::INT)?;
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep(Duration::from_millis(5));
        }
        fs::read_to_string(summary)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The table of `strace -c`: the calls stand in the fourth column, the name in the last, and
/// between them the errors, if there were any.
fn parse_strace(summary: &str) -> Option<Vec<(String, u64)>> {
    let mut calls: Vec<(String, u64)> = (summary.lines())
        .filter_map(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let count = words.get(3)?.parse().ok()?;
            let name = words.get(4..)?.last()?;
            (*name != "total").then(|| ((*name).to_owned(), count))
        })
        .collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    (!calls.is_empty()).then_some(calls)
}

/// One line of comma-separated values, the count first; other lines are comments or empty.
fn parse_perf(summary: &str) -> Option<u64> {
    let line = summary.lines().find(|line| !line.starts_with('#') && line.contains(','))?;
    line.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strace_counts_stand_before_the_errors() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 53.27    0.198362          14      4250       250 accept4
 15.43    0.057475           4      4000           sendto
  0.00    0.000000           0       251           epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.255837          30      8501       250 total
";
        let calls = parse_strace(summary).unwrap();
        let calls: Vec<_> = calls.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(calls, [("accept4", 4250), ("sendto", 4000), ("epoll_wait", 251)]);
    }

    #[test]
    fn an_empty_strace_summary_is_none() {
        assert_eq!(parse_strace(""), None);
        assert_eq!(parse_strace("strace: Process 7 detached\n"), None);
    }

    #[test]
    fn perf_counts_or_does_not() {
        let head = "# started on a day\n\n";
        assert_eq!(parse_perf(&format!("{head}123456,,instructions,1000,100.00,,\n")), Some(123_456));
        assert_eq!(parse_perf(&format!("{head}<not supported>,,instructions,0,100.00,,\n")), None);
    }
}
