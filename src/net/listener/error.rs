//! Why a listener could not be had: one line that names the address, what is wrong, and what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;

use super::Address;

/// Why a listener could not be had.
#[derive(Debug)]
pub enum ListenError {
    /// The address is open to other machines, and `allow_from` does not say which of them may connect.
    NotLoopback(SocketAddr),
    /// A socket that was to be handed over is not there, or is not one to listen on.
    Inherited {
        /// The number or name that was asked for.
        name: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The system, or what stands at the address, does not allow it.
    Refused {
        /// Where it was to listen.
        address: Address,
        /// What is wrong, and what to do.
        why: String,
    },
}

impl ListenError {
    pub(super) fn refused(address: impl Into<Address>, why: impl Into<String>) -> Self {
        ListenError::Refused { address: address.into(), why: why.into() }
    }

    /// What the system said while we tried to `act`, in its words, with the usual cure where one is known.
    pub(super) fn system(address: impl Into<Address>, act: &str, error: &io::Error) -> Self {
        let address = address.into();
        let unix = matches!(address, Address::Unix(_));
        let cure = match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EADDRINUSE) if unix => "another server has made it in this moment",
            Some(Errno::EADDRINUSE) => {
                "stop the server that listens there (ss -ltnxp shows it), or choose another"
            }
            Some(Errno::EADDRNOTAVAIL) => {
                "this machine has no such address (ip address shows those that it has)"
            }
            Some(Errno::EAFNOSUPPORT) => "this machine does without that kind of address",
            Some(Errno::ENOENT) => "make its directory first (systemd: RuntimeDirectory=)",
            Some(Errno::ENOTDIR) => "a part of the path is no directory",
            Some(Errno::EROFS) => "choose a path that can be written, as under /run",
            Some(Errno::EACCES | Errno::EPERM) if unix => "this user must be able to write to its directory",
            Some(Errno::EACCES | Errno::EPERM) => "choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE",
            _ => return ListenError::Refused { address, why: format!("cannot {act}: {error}") },
        };
        ListenError::Refused { address, why: format!("cannot {act}: {error}: {cure}") }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::NotLoopback(address) => write!(
                f,
                "refusing to listen on {address}: it is not loopback; name who may connect, addresses or \
                 networks, in ListenOptions::allow_from (or listen on 127.0.0.1 or a unix socket)"
            ),
            ListenError::Inherited { name, why } => write!(f, "fd:{name}: {why}"),
            ListenError::Refused { address, why } => write!(f, "{address}: {why}"),
        }
    }
}

impl Error for ListenError {}
