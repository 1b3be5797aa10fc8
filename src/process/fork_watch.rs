//! Whether this process is the one that serves, and whether another may hold its descriptors.
//!
//! An application may fork. Its child has the worker's stack, connections and poller: were it to return from the call,
//! it would answer on them too. So each return from the application's code asks [`end_child`], which costs one load: the
//! C library tells of a fork (pthread_atfork(3)), and no system call is needed.
//!
//! A child that lives keeps open what the worker closes: see [`is_shared`]. It would keep the port, and hear signals as the
//! worker does: see [`close_in_children`] and [`reset_in_children`].

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, RawFd};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering::Relaxed};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow};
use signal_hook::low_level::exit;

/// This process serves from here on, and what it forks does not.
pub(crate) fn begin() -> io::Result<()> {
    static WATCHING: OnceLock<i32> = OnceLock::new();
    match *WATCHING.get_or_init(watch) {
        0 => {}
        error => return Err(Errno::from_raw(error).into()),
    }
    let forks = FORKS.load(Relaxed);
    if SERVING.swap(forks, Relaxed) != forks {
        HAS_FORKED.store(false, Relaxed);
    }
    Ok(())
}

/// Whether this process was forked by the one that serves.
pub fn is_child() -> bool {
    FORKS.load(Relaxed) != SERVING.load(Relaxed)
}

/// Ends this process if it is a child: it has come back from the application's code, and has nothing to do here.
///
/// It ends with `status` and at once, as after os._exit(): nothing is flushed or closed that is its parent's too.
pub fn end_child(status: i32) {
    if is_child() {
        // The logger's lock may have been another thread's when the process was forked, and would never be released.
        let pid = std::process::id();
        let line =
            format!("tidegate: process {pid}, which the application has forked, came back and was ended\n");
        let _ = rustix::io::write(io::stderr().as_fd(), line.as_bytes());
        exit(status);
    }
}

/// Whether a child may hold the descriptors of this process. What is closed then is closed for this process alone: the
/// peer sees no end, and epoll goes on to tell of it (epoll(7), Q6).
pub(crate) fn is_shared() -> bool {
    HAS_FORKED.load(Relaxed) && !is_child()
}

/// From here on a child of this process does not have its handlers of these signals: a handler that tells this process
/// of a stop would have the child outlive it. One that the application has set meanwhile stays its own.
pub(crate) fn reset_in_children(signals: &[i32]) -> io::Result<()> {
    for signal in signals {
        let Some(handler) = usize::try_from(*signal).ok().and_then(|at| HANDLERS.get(at)) else { continue };
        handler.store(handler_of(*signal)?, Relaxed);
    }
    Ok(())
}

/// From here on a child of this process does not have this descriptor: a listener that it kept would keep the port, for as
/// long as the child lives.
pub(crate) fn close_in_children(descriptor: RawFd) {
    let free = |slot: &AtomicI32| slot.compare_exchange(NONE, descriptor, Relaxed, Relaxed).is_ok();
    // Beyond so many the child keeps it, as it keeps all else.
    let _ = DESCRIPTORS.iter().any(free);
}

/// The descriptor is about to be closed, and its number will be another's.
pub(crate) fn keep_in_children(descriptor: RawFd) {
    let found = |slot: &AtomicI32| slot.compare_exchange(descriptor, NONE, Relaxed, Relaxed).is_ok();
    let _ = DESCRIPTORS.iter().any(found);
}

/// Forks between this process and the one in which the program began, a count.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// The same of the process that serves.
static SERVING: AtomicU32 = AtomicU32::new(0);
/// This process has forked since it serves.
static HAS_FORKED: AtomicBool = AtomicBool::new(false);

/// The handlers that a child does not keep, by their signals' numbers; 0 is none.
static HANDLERS: [AtomicUsize; SIGNALS_COUNT] = [const { AtomicUsize::new(0) }; SIGNALS_COUNT];
/// Linux has 64 signals, from 1 on.
const SIGNALS_COUNT: usize = 65;

thread_local! {
    /// The signals that a thread which is about to fork did not let in before.
    static MASK: Cell<Option<SigSet>> = const { Cell::new(None) };
}

/// A signal for the child waits until the child's handlers are its own: ours would take it for this process.
extern "C" fn before() {
    MASK.set(SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).ok());
}

fn let_signals_in() {
    if let Some(mask) = MASK.take() {
        // It was this thread's mask a moment ago, so it is one.
        let _ = mask.thread_set_mask();
    }
}

/// What a child closes: listeners, of which there are a handful.
static DESCRIPTORS: [AtomicI32; 64] = [const { AtomicI32::new(NONE) }; 64];
const NONE: RawFd = -1;

#[allow(unsafe_code, reason = "whose descriptors these are, the worker knows")]
extern "C" fn in_child() {
    FORKS.fetch_add(1, Relaxed);
    for (signal, handler) in (0..).zip(&HANDLERS) {
        let ours = handler.swap(0, Relaxed);
        if ours != 0 && handler_of(signal).is_ok_and(|now| now == ours) {
            reset(signal);
        }
    }
    for descriptor in &DESCRIPTORS {
        let descriptor = descriptor.swap(NONE, Relaxed);
        if descriptor != NONE {
            // SAFETY: the worker has it open, and the child does not use it: a child never comes back to the worker.
            unsafe { libc::close(descriptor) };
        }
    }
    let_signals_in();
}

/// A signal's handler, or SIG_DFL or SIG_IGN, as a number.
#[allow(unsafe_code, reason = "nix tells what was only when it sets another")]
fn handler_of(signal: i32) -> io::Result<usize> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with a null action nothing is set, and `action` has room for what is told.
    let told = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) };
    Errno::result(told)?;
    // SAFETY: the call has succeeded, so it has written all of it.
    Ok(unsafe { action.assume_init() }.sa_sigaction)
}

#[allow(unsafe_code, reason = "a handler is code")]
fn reset(signal: i32) {
    // SAFETY: the default action is no code of ours. It cannot fail for a signal that had a handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

extern "C" fn in_parent() {
    HAS_FORKED.store(true, Relaxed);
    let_signals_in();
}

#[allow(unsafe_code, reason = "nothing else tells of a fork without a system call for each question")]
fn watch() -> i32 {
    // SAFETY: the handlers only use atomics, a thread's own cell, close(2), sigaction(2) and pthread_sigmask(3), which is
    // allowed between a fork and anything that follows it; they stay for as long as the process, as functions do.
    unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) }
}
