//! How often a server calls the system, counted by the kernel itself: perf_event_open(2), with the tracepoint at which every
//! system call begins. strace could tell it too, and would make the server many times slower meanwhile.

use std::fs;
use std::io::{self, ErrorKind};

use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};
use rustix::io::Errno;

/// A counter for each thread of some processes, and for what those start.
pub(super) struct Syscalls(Vec<Counter>);

impl Syscalls {
    /// Is ready to count for these processes, which the system may not allow.
    pub(super) fn of(processes: impl IntoIterator<Item = i32>) -> Result<Syscalls, String> {
        let tracepoint = tracepoint()?;
        let mut counters = Vec::new();
        for thread in processes.into_iter().flat_map(threads) {
            let counter = Builder::new(Tracepoint::with_id(tracepoint))
                .observe_pid(thread)
                .any_cpu()
                // A tracepoint is in the kernel.
                .include_kernel()
                .inherit(true)
                .build();
            match counter {
                Ok(counter) => counters.push(counter),
                // The thread has ended meanwhile.
                Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => {}
                Err(error) => return Err(format!("perf_event_open: {error}{}", cure(&error))),
            }
        }
        Ok(Syscalls(counters))
    }

    /// Counts from here on.
    pub(super) fn begin(&mut self) {
        for counter in &mut self.0 {
            // A counter of a thread that has ended counts nothing more.
            let _ = counter.enable();
        }
    }

    /// How many there were.
    pub(super) fn count(&mut self) -> u64 {
        self.0.iter_mut().filter_map(|counter| counter.read().ok()).sum()
    }
}

/// The number of the kernel's tracepoint at which a system call begins.
fn tracepoint() -> Result<u64, String> {
    let mut failed = None;
    for folder in ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"] {
        let file = format!("{folder}/events/raw_syscalls/sys_enter/id");
        match fs::read_to_string(&file) {
            Ok(text) => {
                return text
                    .trim()
                    .parse()
                    .map_err(|_| format!("{file} holds {:?}, which is no number", text.trim()));
            }
            Err(error) => failed = failed.or(Some(format!("cannot read {file}: {error}{}", cure(&error)))),
        }
    }
    Err(failed.unwrap_or_default())
}

fn threads(process: i32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

fn cure(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => ": root may (CAP_PERFMON)",
        ErrorKind::NotFound => ": it wants a kernel with tracefs, which a container may not have",
        _ => "",
    }
}
