//! A worker as its master knows it: its process, its line, its row, and how far it has come.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use log::debug;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{Shutdown, shutdown};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::super::fork;
use crate::ascii::Ascii;
use crate::process::load::state_of;
use crate::telemetry::scoreboard::{Doing, Life, Row, Slot};
use crate::worker::master_link::word;

/// A worker's process, until it has ended.
pub(in crate::master) struct Worker {
    /// Its number among the workers, from 1 on; its successor has the same.
    pub(in crate::master) number: u32,
    /// Which load of the code it runs.
    pub(in crate::master) generation: u32,
    pub(in crate::master) pid: i32,
    /// Where its row is on the scoreboard, and the row.
    pub(in crate::master) slot: usize,
    pub(super) row: &'static Slot,
    pub(in crate::master) stage: Stage,
    /// Its successor has been asked for; it serves until that one does.
    pub(in crate::master) retiring: bool,
    pub(in crate::master) started: Instant,
    /// Closed when it is to leave.
    pub(super) link: Option<UnixStream>,
    /// What it says of why it cannot serve.
    said: Vec<u8>,
    /// The last sign of life on the scoreboard, and when it was first seen.
    beat: (u64, Instant),
    /// Another version has started it: what it does stands on no board that is read here.
    pub(super) is_unseen: bool,
}

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::master) enum Stage {
    /// It loads the application.
    Starting,
    /// It serves.
    Ready,
    /// It was told to leave, and has until then.
    Leaving(Instant),
    /// It was aborted, and is killed then.
    Aborted(Instant),
    /// It was killed, as this master wanted.
    Killed,
    /// The same before it served, as it was not needed any more.
    Dismissed,
}

impl Worker {
    pub(in crate::master) fn new(
        number: u32,
        generation: u32,
        pid: i32,
        (slot, row): (usize, &'static Slot),
        link: Option<UnixStream>,
    ) -> Self {
        let now = Instant::now();
        Worker {
            number,
            generation,
            pid,
            slot,
            row,
            stage: Stage::Starting,
            retiring: false,
            started: now,
            link,
            said: Vec::new(),
            beat: (0, now),
            is_unseen: false,
        }
    }

    /// What is readable once it says something; only one that starts does.
    pub(in crate::master) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        let link = self.link.as_ref().filter(|_| self.stage == Stage::Starting);
        link.map(AsFd::as_fd)
    }

    /// Takes what it says; returns whether it has said that it serves.
    pub(in crate::master) fn hear_ready(&mut self) -> bool {
        let Some(link) = &mut self.link else { return false };
        let mut piece = [0; 4 << 10];
        loop {
            match link.read(&mut piece) {
                Ok(read) if read > 0 => self.said.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        self.said == [word::READY]
    }

    /// Whether it has said that it serves; it cannot say so any more.
    fn has_come_to_serve(&mut self) -> bool {
        if let Some(link) = &self.link {
            let _ = shutdown(link.as_raw_fd(), Shutdown::Read);
        }
        self.hear_ready()
    }

    /// Why it cannot serve, in its own words.
    pub(in crate::master) fn failure(&self) -> Option<String> {
        let words = self.said.strip_prefix(&[word::FAILED])?;
        Some(String::from_utf8_lossy(words).into_owned())
    }

    /// It has said that it serves.
    pub(super) fn serves(&mut self) {
        self.set_stage(Stage::Ready);
    }

    /// It is as far as this.
    pub(super) fn set_stage(&mut self, stage: Stage) {
        self.stage = stage;
        match stage {
            Stage::Ready => self.row.set_life(Life::Ready),
            Stage::Leaving(_) => self.row.set_life(Life::Leaving),
            Stage::Starting | Stage::Aborted(_) | Stage::Killed | Stage::Dismissed => {}
        }
    }

    /// It takes part: it serves, or will.
    pub(in crate::master) fn is_in_service(&self) -> bool {
        matches!(self.stage, Stage::Starting | Stage::Ready)
    }

    /// Has it leave: others go on accepting on its sockets.
    pub(in crate::master) fn retire(&mut self, grace: Duration) {
        self.tell(word::RETIRE);
        self.leave(grace);
    }

    /// Has it leave with all others, once it has taken what waits to be accepted.
    pub(in crate::master) fn stop(&mut self, grace: Duration) {
        self.leave(grace);
        if let Some(link) = self.link.take() {
            // A process that was forked as a new master loaded its application has the line too.
            let _ = shutdown(link.as_raw_fd(), Shutdown::Both);
        }
    }

    fn leave(&mut self, grace: Duration) {
        if self.stage == Stage::Starting && self.has_come_to_serve() {
            self.serves();
        }
        match self.stage {
            // It holds no request.
            Stage::Starting => {
                self.kill();
                self.stage = Stage::Dismissed;
            }
            Stage::Ready => self.set_stage(Stage::Leaving(Instant::now() + grace + GRACE_MARGIN)),
            Stage::Leaving(_) | Stage::Aborted(_) | Stage::Killed | Stage::Dismissed => {}
        }
    }

    /// Tells it that there are others, and that it shares new connections with them.
    pub(in crate::master) fn share(&mut self) {
        self.tell(word::SHARE);
    }

    /// Tells it that a stop will follow, and that each request is its connection's last.
    pub(super) fn drain(&mut self) {
        self.tell(word::DRAIN);
    }

    pub(in crate::master) fn reopen_logs(&mut self) {
        self.tell(word::REOPEN_LOGS);
    }

    /// Has it say its last words and die.
    pub(in crate::master) fn abort(&mut self) {
        self.stage = Stage::Aborted(Instant::now() + ABORT_TIME);
        self.signal(Signal::SIGABRT);
    }

    pub(in crate::master) fn kill(&mut self) {
        self.stage = Stage::Killed;
        self.signal(Signal::SIGKILL);
    }

    /// For how long it has not come further, while it has something to do.
    pub(in crate::master) fn stuck_for(&mut self, row: &Row, now: Instant) -> Duration {
        let silent = self.silent_for(row, now);
        if row.doing == Doing::Waiting { Duration::ZERO } else { silent }
    }

    /// For how long it has given no sign of life, which one that waits gives each second.
    pub(in crate::master) fn silent_for(&mut self, row: &Row, now: Instant) -> Duration {
        if self.beat.0 != row.beat || self.is_unseen {
            self.beat = (row.beat, now);
        }
        now.saturating_duration_since(self.beat.1)
    }

    /// Begins to look for signs of life anew: the master itself had none to give.
    pub(in crate::master) fn forgive(&mut self, now: Instant) {
        self.beat.1 = now;
    }

    /// Whether a debugger has stopped it, which knows what it does.
    pub(in crate::master) fn is_traced(&self) -> bool {
        state_of(self.pid) == Some('t')
    }

    /// How it has ended, if it has. It is asked by its number, so that no other child of this process is taken for it.
    pub(in crate::master) fn ended(&self) -> Option<Ending> {
        match waitpid(fork::pid(self.pid), Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, status)) => Some(Ending::Exited(status)),
            Ok(WaitStatus::Signaled(_, signal, core_dumped)) => Some(Ending::Killed { signal, core_dumped }),
            // Other code has waited for it: an application that was loaded before the fork may wait for any child.
            Err(Errno::ECHILD) => Some(Ending::Unknown),
            _ => None,
        }
    }

    /// Waits until it has ended.
    pub(super) fn wait(&self) {
        // An error means that other code has waited for it.
        let _ = waitpid(fork::pid(self.pid), None);
    }

    fn tell(&mut self, word: u8) {
        if let Some(link) = &mut self.link
            && let Err(error) = link.write_all(&[word])
        {
            // It has ended, or will be told by the line's end.
            debug!("{self} does not hear: {error}");
        }
    }

    fn signal(&self, signal: Signal) {
        // It is a child that has not been waited for, so the number is no other process's.
        if let Err(error) = kill(fork::pid(self.pid), signal) {
            debug!("{self} gets no {signal}: {error}");
        }
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} (pid {})", self.number, self.pid)
    }
}

/// How a worker has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::master) enum Ending {
    Exited(i32),
    Killed { signal: Signal, core_dumped: bool },
    Unknown,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited(status) => write!(f, "exit status {status}"),
            Ending::Killed { signal, core_dumped: true } => write!(f, "{signal}, core dumped"),
            Ending::Killed { signal, core_dumped: false } => write!(f, "{signal}"),
            Ending::Unknown => f.write_str("another part of the master has waited for it"),
        }
    }
}

/// What a worker did when its row was read, for the log: `GET /slow, in the application's call`, one for each thread.
pub(in crate::master) fn activity(row: &Row) -> String {
    let running = row.running();
    if running.is_empty() {
        return format!("no request in the application, {}", row.doing.words());
    }
    let all: Vec<String> =
        running.iter().map(|one| format!("{}, {}", Ascii(one.request), one.doing)).collect();
    all.join("; ")
}

/// Longer than a worker gives itself, so that it says by itself what it has to break off.
const GRACE_MARGIN: Duration = Duration::from_secs(1);
/// Time to write every thread's traceback.
const ABORT_TIME: Duration = Duration::from_millis(500);
