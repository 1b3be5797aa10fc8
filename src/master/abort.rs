//! The end of a worker whose application does not return: its client gets a 504, and the worker dies.
//!
//! The master sends SIGABRT. The handler runs on the very thread that is stuck, in between two of its instructions: so
//! the connection on which it says its last words cannot be closed meanwhile, nor its descriptor be another's, which no
//! other thread or process could be sure of. It does only what a handler may (signal-safety(7)): send, recv, setsockopt,
//! shutdown, connect, sigaction, tgkill. Then it steps aside, and the signal comes again for the handler before:
//! Python's faulthandler, which writes every thread's traceback, or the kernel, which ends the process. SIGABRT is what
//! uWSGI's and gunicorn's masters send too.
//!
//! A client whose response has begun gets no 504; it gets a reset, so that what it has does not look complete. On a unix
//! socket what is left unread of its request is what tells it (`connection/held`).

use std::io;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::connection::abort_reply;
use crate::process::fork_watch;

/// Prepares this process, a worker, for its master's SIGABRT; the calling thread is the one that serves. What is said then is
/// counted in `sent`, bytes.
#[allow(unsafe_code)]
pub(super) fn prepare(sent: &'static AtomicU64) -> io::Result<()> {
    let _ = SENT.set(sent);
    MASTER.store(nix::unistd::getppid().as_raw(), Ordering::SeqCst);
    WORKER.store(nix::unistd::getpid().as_raw(), Ordering::SeqCst);
    THREAD.store(nix::unistd::gettid().as_raw(), Ordering::SeqCst);
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_RESTART | SaFlags::SA_ONSTACK;
    let action = SigAction::new(SigHandler::SigAction(on_abort), flags, SigSet::empty());
    // SAFETY: on_abort does only what signal-safety(7) allows, and reads nothing but atomics that are there for the
    // process's whole life, and `BEFORE`, which is set once, by this.
    let before = unsafe { sigaction(Signal::SIGABRT, &action) }?;
    let _ = BEFORE.set(before);
    Ok(())
}

/// What the process was before: the master, the worker's own number, and that of its thread.
static MASTER: AtomicI32 = AtomicI32::new(0);
static WORKER: AtomicI32 = AtomicI32::new(0);
static THREAD: AtomicI32 = AtomicI32::new(0);
/// Where is counted what is sent.
static SENT: OnceLock<&'static AtomicU64> = OnceLock::new();
/// What handled the signal before.
static BEFORE: OnceLock<SigAction> = OnceLock::new();

#[allow(unsafe_code)]
extern "C" fn on_abort(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: these take no pointer and do no harm.
    let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid siginfo_t.
    let (code, sender) = unsafe { ((*info).si_code, (*info).si_pid()) };
    let is_worker = process == WORKER.load(Ordering::SeqCst);
    // An application that aborts itself is no timeout; and a child of the application has our handler but not our clients.
    let is_sent = code == libc::SI_USER || code == libc::SI_QUEUE;
    if is_worker && is_sent && sender == MASTER.load(Ordering::SeqCst) {
        let server = THREAD.load(Ordering::SeqCst);
        if thread != server {
            // A thread of the application's own got it, and hands it to the one that serves.
            // SAFETY: both numbers are of this process, and `forwarded` is a siginfo_t, of a kind that a process may send.
            unsafe {
                let mut forwarded = *info;
                forwarded.si_code = libc::SI_QUEUE;
                libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, server, signal, &raw mut forwarded);
            }
            return;
        }
        send_abort_reply();
    }
    let before = BEFORE.get().copied().unwrap_or(SigAction::new(
        SigHandler::SigDfl,
        SaFlags::empty(),
        SigSet::empty(),
    ));
    // SAFETY: it was valid when it was set, and gets the signal now, once this handler returns.
    unsafe {
        let _ = sigaction(Signal::SIGABRT, &before);
        libc::syscall(libc::SYS_tgkill, process, thread, signal);
    }
}

#[allow(unsafe_code)]
fn send_abort_reply() {
    let Some((descriptor, words, len)) = abort_reply::take() else { return };
    if len > 0 {
        // SAFETY: `words` and `len` are those of a &'static [u8], and the descriptor is a connection of the worker,
        // open for as long as it is in the application's hands. What does not fit into the socket's empty buffer is lost.
        let sent =
            unsafe { libc::send(descriptor, words.cast(), len, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) };
        if let Some(count) = SENT.get() {
            count.store(u64::try_from(sent).unwrap_or_default(), Ordering::SeqCst);
        }
        // What is left unread of the request would have the reply look broken off.
        let mut piece = [0u8; PIECE_BYTES];
        // SAFETY: the pointer and the length are those of `piece`.
        unsafe {
            let mut pieces = 0..PIECES_MAX;
            while pieces.next().is_some()
                && libc::recv(descriptor, piece.as_mut_ptr().cast(), piece.len(), libc::MSG_DONTWAIT) > 0
            {
            }
        }
        // A child of the application may have the connection too: the process's end would not be the response's.
        // SAFETY: it takes no pointer.
        unsafe { libc::shutdown(descriptor, libc::SHUT_RDWR) };
        return;
    }
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the option's value is a linger, and its length that of one. On a unix socket it has no effect.
    unsafe {
        let len = size_of::<libc::linger>() as libc::socklen_t;
        libc::setsockopt(descriptor, libc::SOL_SOCKET, libc::SO_LINGER, ptr::from_ref(&linger).cast(), len)
    };
    if fork_watch::is_shared() {
        let nowhere = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
        // SAFETY: the address is a sockaddr, and its length that of one. To disconnect is a reset at once, on TCP.
        unsafe {
            libc::connect(descriptor, &raw const nowhere, size_of::<libc::sockaddr>() as libc::socklen_t)
        };
    }
}

/// What of a request is taken from the socket at once, bytes: a signal's handler may have a small stack of its own.
const PIECE_BYTES: usize = 256;
/// So many times, a count: for more than is left there (64 KiB). Who sends on meanwhile shall not keep the process.
const PIECES_MAX: usize = 512;
