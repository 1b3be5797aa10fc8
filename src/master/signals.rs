//! The master's signals: each sets a flag and wakes the loop, and the loop does the work.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use signal_hook::consts::{
    SIGABRT, SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
};
use signal_hook::low_level::{exit, pipe, register, unregister};
use signal_hook::{SigId, flag};

/// The signals that the master hears.
pub(super) struct Signals {
    counts: Vec<(i32, Arc<AtomicUsize>)>,
    woken: UnixStream,
    ids: Vec<SigId>,
}

/// Those that it hears.
pub(super) const HEARD: [i32; 9] =
    [SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2];

impl Signals {
    /// Hears them from here on.
    #[allow(unsafe_code)]
    pub(super) fn hear() -> io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        // None is counted twice, as early and here.
        let held = hold_back()?;
        let mut signals = Signals { counts: Vec::new(), woken, ids: Vec::new() };
        for signal in HEARD {
            let count = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&count);
            // SAFETY: a signal's handler may do nothing that takes a lock or memory; an atomic addition does neither.
            let id = unsafe {
                register(signal, move || {
                    counted.fetch_add(1, Ordering::SeqCst);
                })
            }?;
            signals.ids.push(id);
            signals.ids.push(pipe::register(signal, wake.try_clone()?)?);
            signals.counts.push((signal, count));
        }
        for (signal, times) in came_early() {
            let counted = signals.counts.iter().find(|(one, _)| *one == signal);
            counted.inspect(|(_, count)| count.store(times, Ordering::SeqCst));
        }
        drop(held);
        // An application that was loaded before the fork may have blocked them, for threads of its own.
        set_of(&HEARD).thread_unblock()?;
        Ok(signals)
    }

    /// What is readable once a signal has come.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }

    /// Takes the signals that have come since the last time, and how often each did.
    pub(super) fn take(&mut self) -> Vec<(i32, usize)> {
        let mut wakes = [0; 64];
        while self.woken.read(&mut wakes).is_ok_and(|read| read > 0) {}
        let taken = self.counts.iter().map(|(signal, count)| (*signal, count.swap(0, Ordering::SeqCst)));
        taken.filter(|(_, count)| *count > 0).collect()
    }

    /// Whether any has come that is more than a child's end.
    pub(super) fn have_come(&self) -> bool {
        let counts = self.counts.iter().filter(|(signal, _)| *signal != SIGCHLD);
        counts.into_iter().any(|(_, count)| count.load(Ordering::SeqCst) > 0)
    }

    /// Hears them no more: in a worker, which inherited the handlers and shares the socket that wakes the master.
    pub(super) fn forget(self) {
        for id in self.ids {
            unregister(id);
        }
    }
}

/// Counts the signals that come before [`Signals::hear`], in a process that has become a new master: it has workers already,
/// and loads an application first. Those that were held back while it became that are let in. A second one that ends the
/// server ends this process at once.
#[allow(unsafe_code)]
pub(super) fn hear_early() -> io::Result<()> {
    let counted = SigAction::new(SigHandler::Handler(count_early), SaFlags::SA_RESTART, SigSet::empty());
    for signal in set_of(&HEARD).iter() {
        // SAFETY: the handler does no more than add to an atomic, and end the process as _exit(2) does.
        unsafe { sigaction(signal, &counted) }?;
    }
    Ok(set_of(&HEARD).thread_unblock()?)
}

extern "C" fn count_early(signal: i32) {
    if let Some(at) = HEARD.iter().position(|one| *one == signal) {
        EARLY[at].fetch_add(1, Ordering::SeqCst);
    }
    // As when it serves, a second one is for what does not come back: here the load. The workers see it, and leave.
    let ends = HEARD.iter().zip(&EARLY).filter(|(one, _)| ENDS.contains(one));
    let is_second = ends.map(|(_, count)| count.load(Ordering::SeqCst)).sum::<usize>() > 1;
    if is_second && ENDS.contains(&signal) {
        exit(128 + signal);
    }
}

/// The signals that have come so, and how often each did. Each is told once.
pub(super) fn came_early() -> Vec<(i32, usize)> {
    let taken = HEARD.iter().zip(&EARLY).map(|(signal, count)| (*signal, count.swap(0, Ordering::SeqCst)));
    taken.filter(|(_, count)| *count > 0).collect()
}

/// The signals that end the server.
pub(super) const ENDS: [i32; 3] = [SIGTERM, SIGINT, SIGQUIT];

static EARLY: [AtomicUsize; HEARD.len()] = [const { AtomicUsize::new(0) }; HEARD.len()];

/// Has SIGTERM, SIGINT and SIGQUIT end this process at once.
#[allow(unsafe_code)]
pub(super) fn let_end() {
    let ends = set_of(&ENDS);
    for signal in ends.iter() {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default needs nothing.
        let _ = unsafe { sigaction(signal, &default) };
    }
    let _ = ends.thread_unblock();
}

/// Waits so long for one of these signals, which are held back.
#[allow(unsafe_code)]
pub(super) fn wait_for(signals: &[i32], time: Duration) -> Option<i32> {
    let seconds = libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX);
    let time = libc::timespec { tv_sec: seconds, tv_nsec: 0 };
    let awaited = set_of(signals);
    // SAFETY: the set and the time are valid, and nothing is told of the signal but its number.
    let signal = unsafe { libc::sigtimedwait(awaited.as_ref(), std::ptr::null_mut(), &raw const time) };
    (signal > 0).then_some(signal)
}

/// Keeps all signals back that the master hears, so that none comes between a fork and the child's own handlers.
pub(super) fn hold_back() -> io::Result<Held> {
    Ok(Held { before: set_of(&HEARD).thread_swap_mask(SigmaskHow::SIG_BLOCK)? })
}

/// Lets the signals in that end a process which serves: an application may have blocked them as it was loaded, for threads
/// of its own. Others may be meant to stay blocked.
pub(crate) fn let_signals_in() -> io::Result<()> {
    Ok(set_of(&[SIGTERM, SIGINT, SIGQUIT, SIGABRT]).thread_unblock()?)
}

/// Makes an error of a write whose reader is gone, where the default is the process's end. Programs begin so in Rust and in
/// Python, but an application may have said otherwise as it was loaded: it is a usual line of Python commands.
pub(crate) fn outlive_readers() -> io::Result<()> {
    flag::register(SIGPIPE, Arc::default()).map(drop)
}

/// Makes an error of a write beyond the largest file that the process may have (ulimit -f, LimitFSIZE= of systemd), where
/// the default is its end: the log has had its last line then, or a body is too large, and others are served.
pub(crate) fn outlive_file_limit() -> io::Result<()> {
    flag::register(Signal::SIGXFSZ as i32, Arc::default()).map(drop)
}

fn set_of(signals: &[i32]) -> SigSet {
    let signals = signals.iter().map(|signal| Signal::try_from(*signal));
    signals.map(|signal| signal.expect("signal-hook's numbers are the system's")).collect()
}

/// Dropping this lets the signals in that were held back.
pub(super) struct Held {
    before: SigSet,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = self.before.thread_set_mask() {
            log::error!("signals cannot be let in again: {error}");
        }
    }
}

/// While a worker loads its application, a stop ends it at once: it has nothing to finish.
#[derive(Default)]
pub(super) struct Loading(Arc<AtomicBool>);

impl Loading {
    /// From here on, SIGTERM, SIGINT and SIGQUIT end the process.
    pub(super) fn begin(&self) -> io::Result<()> {
        self.0.store(true, Ordering::SeqCst);
        for signal in ENDS {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&self.0))?;
        }
        Ok(())
    }

    /// From here on other handlers take them.
    pub(super) fn end(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
