//! One attached program, and what becomes of it.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use log::{error, info, warn};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::super::backoff::Backoff;
use super::super::file_watch::FileWatch;
use super::super::fork::pid;
use super::super::pid_file::number_in;
use super::Attach;
use super::orphans::Place;
use super::start::{start, start_apart};
use crate::process::load::state_of;

/// A program, from the first start to the master's end.
pub(super) struct Program {
    attach: Attach,
    files: FileWatch,
    backoff: Backoff,
    stage: Stage,
    /// How often it was started, a count.
    pub(super) starts: u64,
}

/// How far it is.
enum Stage {
    /// It is to be started.
    Down,
    Up {
        child: i32,
        since: Instant,
    },
    /// It was told to end, and has until then.
    Leaving {
        child: i32,
        until: Instant,
    },
    /// It is in the background: this is the number in its file, since when it is there, and when it was last seen.
    Apart {
        pid: Option<i32>,
        since: Instant,
        seen: Instant,
    },
}

impl Program {
    pub(super) fn new(attach: Attach) -> Self {
        let files = FileWatch::new(attach.touch.clone());
        Program { attach, files, backoff: Backoff::default(), stage: Stage::Down, starts: 0 }
    }

    /// One that runs already, and goes on.
    pub(super) fn running(attach: Attach, child: i32, since: Instant, starts: u64) -> Self {
        Program { stage: Stage::Up { child, since }, starts, ..Program::new(attach) }
    }

    /// It, if it is the master's child: how it was asked for, and since when it runs.
    pub(super) fn told(&self, now: Instant) -> Option<(&Attach, i32, Instant)> {
        match self.stage {
            Stage::Up { child, since } => Some((&self.attach, child, since)),
            Stage::Leaving { child, .. } => Some((&self.attach, child, now)),
            Stage::Down | Stage::Apart { .. } => None,
        }
    }

    /// Whether there is none of it.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.stage, Stage::Down)
    }

    /// How it was asked for.
    pub(super) fn attach(&self) -> &Attach {
        &self.attach
    }

    pub(super) fn command(&self) -> &str {
        &self.attach.command
    }

    /// Whether the server stops when it ends.
    pub(super) fn is_vital(&self) -> bool {
        self.attach.is_vital
    }

    /// The process that is the master's child.
    pub(super) fn child(&self) -> Option<i32> {
        match self.stage {
            Stage::Up { child, .. } | Stage::Leaving { child, .. } => Some(child),
            Stage::Down | Stage::Apart { .. } => None,
        }
    }

    /// The process that it is.
    pub(super) fn pid(&self) -> Option<i32> {
        match self.stage {
            Stage::Apart { pid, .. } => pid,
            _ => self.child(),
        }
    }

    /// Starts it if it is to be started.
    pub(super) fn start(&mut self, now: Instant, place: Option<&'static Place>) {
        if !matches!(self.stage, Stage::Down) || self.backoff.until(now).is_some() {
            return;
        }
        if let Some(pid) = self.attach.pid_file.as_deref().and_then(living) {
            info!("attached: {self} runs already (pid {pid})");
            self.stage = Stage::Apart { pid: Some(pid), since: now, seen: now };
            return;
        }
        let started = match self.attach.pid_file.as_deref().filter(|_| self.attach.is_sent_apart) {
            Some(file) => start_apart(&self.attach, file)
                .map(|pid| (pid, Stage::Apart { pid: Some(pid), since: now, seen: now })),
            None => start(&self.attach, place).map(|child| (child, Stage::Up { child, since: now })),
        };
        match started {
            Ok((pid, stage)) => {
                info!("attached: {self} starts (pid {pid})");
                self.starts += 1;
                self.stage = stage;
            }
            Err(error) => {
                self.backoff.failed(now);
                let pause = self.backoff.failed(now).as_secs_f64();
                error!("attached: {self} cannot be started; the next try is in {pause} s: {error}");
            }
        }
    }

    /// Takes note of its end; returns whether it has ended by itself just now.
    pub(super) fn follow(&mut self, now: Instant) -> bool {
        match &mut self.stage {
            Stage::Up { child, since } => {
                let since = *since;
                let Some(ending) = ended(*child) else { return false };
                self.has_ended(ending, since, now)
            }
            Stage::Leaving { child, until } => {
                let group = pid(*child);
                // What it has started may take longer than itself.
                if ended(*child).is_some() && !is_there(group) {
                    info!("attached: {self} has ended");
                    self.stage = Stage::Down;
                } else if now >= *until {
                    *until = now + AGAIN;
                    warn!("attached: {self} has not ended in its time (--grace): killed");
                    signal(group, Signal::SIGKILL);
                }
                false
            }
            Stage::Down | Stage::Apart { .. } => false,
        }
    }

    fn has_ended(&mut self, ending: Option<ExitStatus>, since: Instant, now: Instant) -> bool {
        let is_well = ending.is_some_and(|status| status.success());
        if let Some(file) = self.attach.pid_file.as_deref()
            && is_well
        {
            // It has gone to the background, and may write its number a little later.
            self.stage = Stage::Apart { pid: living(file), since: now, seen: now };
            return false;
        }
        if let Some(group) = self.child() {
            // What it has left behind would be in the next one's way.
            signal(pid(group), Signal::SIGKILL);
        }
        self.stage = Stage::Down;
        let is_young = now.saturating_duration_since(since) < START_TIME;
        if !is_young {
            self.backoff.reset();
        }
        let pause = self.backoff.failed(now).as_secs_f64();
        let ending =
            ending.map_or("another part of the master has waited for it".to_owned(), |it| it.to_string());
        let hint = if is_young && is_well { BACKGROUND } else { "" };
        error!("attached: {self} has ended: {ending}; it is started again in {pause} s{hint}");
        true
    }

    /// Looks at what gives no sign by itself: its file, and the paths that start it anew.
    pub(super) fn look(&mut self, now: Instant, grace: Duration) {
        if let Stage::Apart { pid, since, seen } = &mut self.stage {
            // One that goes there by itself may write its number a little later, or another one.
            let patience = if self.attach.is_sent_apart { Duration::ZERO } else { FILE_TIME };
            *pid = self.attach.pid_file.as_deref().and_then(living);
            if pid.is_some() {
                *seen = now;
            } else if now >= *seen + patience {
                if seen.saturating_duration_since(*since) >= START_TIME {
                    self.backoff.reset();
                }
                let file = self.attach.pid_file.as_deref().unwrap_or(Path::new("")).display();
                let pause = self.backoff.failed(now).as_secs_f64();
                error!("attached: {self}: {file} names no process; it is started again in {pause} s");
                self.stage = Stage::Down;
                return;
            }
        }
        if !self.files.is_empty() && self.files.have_changed() {
            info!("attached: {self} is started anew, as a path of touch= has changed");
            self.restart(now, grace);
        }
    }

    fn restart(&mut self, now: Instant, grace: Duration) {
        if let Stage::Apart { pid: Some(apart), .. } = self.stage {
            // Its file names no process soon, and so it is started again.
            signal_one(pid(apart), self.attach.stop_signal);
        }
        self.stop(now, grace);
    }

    /// Has it end in this time. One that is in the background stays there.
    pub(super) fn stop(&mut self, now: Instant, grace: Duration) {
        match std::mem::replace(&mut self.stage, Stage::Down) {
            Stage::Up { child, .. } => {
                signal(pid(child), self.attach.stop_signal);
                self.stage = Stage::Leaving { child, until: now + grace };
            }
            other => self.stage = other,
        }
    }

    /// Ends it at once, and waits for that.
    pub(super) fn kill(&mut self) {
        if let Some(child) = self.child() {
            signal(pid(child), Signal::SIGKILL);
            let _ = waitpid(pid(child), None);
        }
        self.stage = Stage::Down;
    }

    /// When it may be started again, if that is later.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.backoff.until(now).filter(|_| matches!(self.stage, Stage::Down))
    }

    /// Whether time alone tells of its end.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::Leaving { .. })
    }

    /// Whether it is to be looked at now and then.
    pub(super) fn is_looked_at(&self) -> bool {
        matches!(self.stage, Stage::Apart { .. }) || !self.files.is_empty()
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.attach.command)
    }
}

/// How a child has ended, if it has; `Some(None)` if others have waited for it.
fn ended(child: i32) -> Option<Option<ExitStatus>> {
    match waitpid(pid(child), Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(_, status)) => Some(Some(ExitStatus::from_raw(status << 8))),
        Ok(WaitStatus::Signaled(_, signal, dumped)) => {
            let core = if dumped { CORE_DUMPED } else { 0 };
            Some(Some(ExitStatus::from_raw(signal as i32 | core)))
        }
        Err(Errno::ECHILD) => Some(None),
        _ => None,
    }
}

/// The process that a file names, if it is there.
fn living(file: &Path) -> Option<i32> {
    number_in(file).filter(|number| is_alive(pid(*number)))
}

/// Whether a process is there, and has not ended. Where this master is a container's first process, one that nobody has started
/// is its child in the end, and waits for it then.
pub(super) fn is_alive(process: Pid) -> bool {
    if state_of(process.as_raw()) == Some('Z') {
        let _ = waitpid(process, Some(WaitPidFlag::WNOHANG));
        return false;
    }
    kill(process, None) != Err(Errno::ESRCH)
}

/// Whether any process is left of this group, be it another user's.
fn is_there(group: Pid) -> bool {
    killpg(group, None) != Err(Errno::ESRCH)
}

/// An error means that there is none of the group any more.
fn signal(group: Pid, signal: Signal) {
    let _ = killpg(group, signal);
}

fn signal_one(process: Pid, signal: Signal) {
    if let Err(error) = kill(process, signal) {
        warn!("attached: process {process} gets no {signal}: {error}");
    }
}

/// In a status: the kernel has written the process's memory to a file.
const CORE_DUMPED: i32 = 0x80;
/// One that has lived so long was not in vain.
const START_TIME: Duration = Duration::from_secs(5);
/// Time for a program that has gone to the background to write its number. uWSGI looks ten times, once a second.
const FILE_TIME: Duration = Duration::from_secs(10);
/// Time between two kills.
const AGAIN: Duration = Duration::from_secs(1);
const BACKGROUND: &str = "; if it goes to the background by itself, name its file: [pidfile=FILE] COMMAND";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::process::eventually;

    #[test]
    fn a_file_names_a_process_that_lives() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let own = i32::try_from(std::process::id()).unwrap();
        fs::write(&file, format!("{own}\n")).unwrap();
        assert_eq!(living(&file), Some(own));
        fs::write(&file, "2147483647").unwrap();
        assert_eq!(living(&file), None);
    }

    #[test]
    fn a_process_that_nobody_has_waited_for_has_ended() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let number = pid(child.id().try_into().unwrap());
        eventually(|| !is_alive(number));
        assert!(child.wait().is_err(), "that was done");
    }
}
