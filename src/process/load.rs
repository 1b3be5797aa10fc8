//! What the system does with a thread or a process: whether it runs, and for how long it has.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, gettid};

/// A thread of this process, as the system knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadLoad {
    thread: Pid,
}

impl ThreadLoad {
    /// The calling thread's.
    pub(crate) fn here() -> Self {
        ThreadLoad { thread: gettid() }
    }

    /// The processor's time that it has used; `None` if it has ended.
    pub(crate) fn processor_time(self) -> Option<Duration> {
        // As Linux makes the clock of a thread out of its number (clock_getcpuclockid(3), CPUCLOCK_PERTHREAD).
        let clock = ClockId::from_raw((!self.thread.as_raw() << 3) | PER_THREAD_SCHEDULED);
        clock_gettime(clock).ok().map(Duration::from)
    }

    /// Whether it runs, or would run if a processor were free: it does not wait for anything else.
    pub(crate) fn is_runnable(self) -> bool {
        state(&format!("/proc/self/task/{}/stat", self.thread)) == Some('R')
    }
}

/// The processor's time that a process has used, in it and for it in the system; `None` if it has ended.
#[cfg(feature = "command")]
pub(crate) fn processor_time_of(process: i32) -> Option<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(process)).ok()?;
    clock_gettime(clock).ok().map(Duration::from)
}

/// The time of the clock that Instant counts by, which all processes share.
#[cfg(feature = "command")]
pub(crate) fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}

/// The letter for what a process does; `None` if it has ended.
#[cfg(feature = "command")]
pub(crate) fn state_of(process: i32) -> Option<char> {
    state(&format!("/proc/{process}/stat"))
}

/// The process that has started a process, or that looks after it by now; `None` if it has ended.
#[cfg(feature = "command")]
pub(crate) fn parent_of(process: i32) -> Option<i32> {
    behind_name(&format!("/proc/{process}/stat"))?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The processor's time of all children of a process that have ended and that it has waited for, with theirs; `None` if it has
/// ended itself.
#[cfg(feature = "command")]
pub(crate) fn ended_children_time_of(process: i32) -> Option<Duration> {
    let fields = behind_name(&format!("/proc/{process}/stat"))?;
    // Of the system's and of their own; `cutime` and `cstime`, the 16th and 17th field of all.
    let ticks = fields.split_ascii_whitespace().skip(13).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<Result<u64, _>>().ok()?;
    Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Whether a process is on its way out, or gone. Its descriptors are closed a moment before its children have another parent.
#[cfg(feature = "command")]
pub(crate) fn is_exiting(process: i32) -> bool {
    let Some(fields) = behind_name(&format!("/proc/{process}/stat")) else { return true };
    let flags = fields.split(' ').nth(6).and_then(|flags| flags.parse::<u32>().ok());
    flags.is_some_and(|flags| flags & PF_EXITING != 0)
}

fn state(path: &str) -> Option<char> {
    behind_name(path)?.chars().next()
}

/// The fields behind the name: the state, the parent and others (proc_pid_stat(5)).
fn behind_name(path: &str) -> Option<String> {
    let stat = fs::read_to_string(path).ok()?;
    // The name, in brackets, may hold anything.
    stat.rsplit_once(") ").map(|(_, fields)| fields.to_owned())
}

/// `CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED`.
const PER_THREAD_SCHEDULED: i32 = 4 | 2;
/// Of a process's flags in /proc: it is ending.
#[cfg(feature = "command")]
const PF_EXITING: u32 = 4;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::process::eventually;

    #[test]
    #[cfg(feature = "command")]
    fn a_process_that_is_ending_is_told_from_one_that_lives() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let number = i32::try_from(child.id()).unwrap();
        assert!(!is_exiting(number));
        child.kill().unwrap();
        // Nobody has waited for it yet.
        eventually(|| is_exiting(number));
        child.wait().unwrap();
        assert!(is_exiting(number));
    }

    #[test]
    fn a_thread_that_computes_is_runnable_and_its_time_grows() {
        let here = ThreadLoad::here();
        let before = here.processor_time().unwrap();
        eventually(|| here.processor_time().unwrap() >= before + Duration::from_millis(2));
        assert!(here.is_runnable());
    }

    #[test]
    fn a_thread_that_waits_is_not_runnable_and_its_time_stands() {
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let waiting = thread::spawn(move || {
            tell.send(ThreadLoad::here()).unwrap();
            let _ = ended.recv();
        });
        let load = told.recv().unwrap();
        eventually(|| !load.is_runnable());
        let time = load.processor_time().unwrap();
        assert_eq!(load.processor_time(), Some(time));
        drop(end);
        waiting.join().unwrap();
        assert!(!load.is_runnable());
        assert_eq!(load.processor_time(), None);
    }
}
