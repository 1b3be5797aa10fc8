//! Whether this process is the one that serves, and whether another may hold its descriptors.
//!
//! An application may fork. Its child has the worker's stack, connections and poller: were it to return from the call,
//! it would answer on them too. So each return from the application's code asks [`end_child`], which costs one load: the
//! C library tells of a fork (pthread_atfork(3)), and no system call is needed.
//!
//! A child that lives keeps open what the worker closes: see [`is_shared`].

use std::io;
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use nix::errno::Errno;
use nix::libc;
use signal_hook::low_level::exit;

/// This process serves from here on, and what it forks does not.
pub fn begin() -> io::Result<()> {
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
        // The logger's lock may have been another thread's when the process was forked, and nobody would release it.
        let pid = std::process::id();
        let line =
            format!("tidegate: process {pid}, which the application has forked, came back and was ended\n");
        let _ = rustix::io::write(io::stderr().as_fd(), line.as_bytes());
        exit(status);
    }
}

/// Whether a child may hold the descriptors of this process. What is closed then is closed for this process alone: the
/// peer sees no end, and epoll goes on to tell of it (epoll(7), Q6).
pub fn is_shared() -> bool {
    HAS_FORKED.load(Relaxed) && !is_child()
}

/// Forks between this process and the one in which the program began, a count.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// The same of the process that serves.
static SERVING: AtomicU32 = AtomicU32::new(0);
/// This process has forked since it serves.
static HAS_FORKED: AtomicBool = AtomicBool::new(false);

extern "C" fn in_child() {
    FORKS.fetch_add(1, Relaxed);
}

extern "C" fn in_parent() {
    HAS_FORKED.store(true, Relaxed);
}

#[allow(unsafe_code, reason = "nobody else tells of a fork without a system call for each question")]
fn watch() -> i32 {
    // SAFETY: both handlers only store to atomics, which is allowed between a fork and anything that follows it; they
    // stay for as long as the process, as functions do.
    unsafe { libc::pthread_atfork(None, Some(in_parent), Some(in_child)) }
}
