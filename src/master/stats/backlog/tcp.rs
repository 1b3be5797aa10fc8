//! The backlog of a TCP socket: getsockopt(TCP_INFO), which for a socket that listens has two meanings of its own.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

use nix::libc;

use super::LISTEN;
use crate::telemetry::stats::Backlog;

/// What the kernel has of it (tcp_get_info in net/ipv4/tcp.c).
#[allow(unsafe_code)]
pub(super) fn backlog(listener: &impl AsFd) -> Option<Backlog> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut len = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
    // SAFETY: the kernel writes at most `len` bytes, which is what `info` has room for; the descriptor is open for as
    // long as `listener` is borrowed.
    let got = unsafe {
        let descriptor = listener.as_fd().as_raw_fd();
        libc::getsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &mut len)
    };
    // SAFETY: it consists of integers, for which zeros are a value, and so is whatever the kernel wrote over them.
    let info = unsafe { info.assume_init() };
    let is_told = got == 0 && info.tcpi_state == LISTEN;
    is_told.then_some(Backlog { used: info.tcpi_unacked, max: info.tcpi_sacked })
}
