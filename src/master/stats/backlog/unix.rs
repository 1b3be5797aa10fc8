//! The backlog of a unix socket: sock_diag(7), a question over netlink, as ss(8) asks it.

use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use nix::sys::stat::fstat;

use super::LISTEN;
use crate::telemetry::stats::Backlog;

/// What the kernel has of it. It answers within the question, so nothing is waited for.
pub(super) fn backlog(listener: &impl AsFd) -> Option<Backlog> {
    let inode = u32::try_from(fstat(listener).ok()?.st_ino).ok()?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag).ok()?;
    send(netlink.as_raw_fd(), &question(inode), MsgFlags::empty()).ok()?;
    let mut answer = [0; ANSWER_BYTES_MAX];
    let len = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT).ok()?;
    read(&answer[..len], inode)
}

/// `struct nlmsghdr` and `struct unix_diag_req`.
fn question(inode: u32) -> Vec<u8> {
    let [length, sequence, port, states, any_cookie] = [HEADER_BYTES + 24, 1, 0, 0, u32::MAX];
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend([SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST].map(u16::to_ne_bytes).concat());
    bytes.extend([sequence, port].map(u32::to_ne_bytes).concat());
    bytes.extend([AF_UNIX, 0, 0, 0]);
    bytes.extend([states, inode, UDIAG_SHOW_RQLEN, any_cookie, any_cookie].map(u32::to_ne_bytes).concat());
    bytes
}

/// `struct nlmsghdr`, `struct unix_diag_msg`, and then attributes, of which each has its length and its kind first.
fn read(answer: &[u8], inode: u32) -> Option<Backlog> {
    let half = |bytes: &[u8], at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let word = |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if half(answer, 4)? != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let message = answer.get(HEADER_BYTES as usize..)?;
    if message.get(2) != Some(&LISTEN) || word(message, 4)? != inode {
        return None;
    }
    let mut attributes = message.get(16..)?;
    loop {
        let (length, kind) = (usize::from(half(attributes, 0)?), half(attributes, 2)?);
        if kind == UNIX_DIAG_RQLEN {
            return Some(Backlog { used: word(attributes, 4)?, max: word(attributes, 8)? });
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// `struct nlmsghdr`, bytes.
const HEADER_BYTES: u32 = 16;
/// More than the header, the message and the one attribute that is asked for take, bytes.
const ANSWER_BYTES_MAX: usize = 1 << 10;

// include/uapi/linux: netlink.h, sock_diag.h, unix_diag.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_UNIX: u8 = 1;
const UDIAG_SHOW_RQLEN: u32 = 0x10;
const UNIX_DIAG_RQLEN: u16 = 4;
