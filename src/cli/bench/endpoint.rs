//! A server to measure: where it listens, and what is spoken there.

use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
use std::os::fd::{AsFd, OwnedFd};
use std::str::FromStr;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt,
};

use super::super::Result;
use super::super::request::{Protocol, Socket};
use crate::net::listener::Address;

/// `[PROTOCOL://]ADDRESS`, as a server prints where it listens.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// `None` where the options say it.
    pub(super) protocol: Option<Protocol>,
    pub(super) address: Address,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (protocol, address) = match text.split_once("://") {
            None => (None, text),
            Some((name, rest)) => {
                let protocol = Protocol::ALL.into_iter().find(|protocol| protocol.name() == name);
                let protocol = protocol.ok_or_else(|| {
                    format!("{name:?} is no protocol: it is uwsgi, http, fastcgi or scgi, as http://127.0.0.1:8080")
                })?;
                // As a browser shows it; the path is an argument of its own.
                let rest = if rest.starts_with('/') { rest } else { rest.strip_suffix('/').unwrap_or(rest) };
                (Some(protocol), rest)
            }
        };
        let address =
            address.parse().map_err(|error: crate::net::listener::AddressError| error.to_string())?;
        Ok(Endpoint { protocol, address })
    }
}

/// An address that was looked up once: to connect costs system calls and nothing else.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// What is spoken.
    pub(super) protocol: Protocol,
    address: Address,
    family: AddressFamily,
    socket: SocketAddrAny,
}

/// A connection that could not be begun.
pub(super) enum NoConnection {
    /// The listener's queue is full: try again.
    Later,
    Failed(io::Error),
}

impl Target {
    /// Looks the address up. Of several it takes the first that a connection comes to, so the server must be there.
    pub(super) fn find(address: &Address, protocol: Protocol, timeout: Duration) -> Result<Target> {
        let failed = |error: io::Error| format!("cannot connect to {address}: {error}");
        let several: Vec<(AddressFamily, SocketAddrAny)> = match address {
            Address::Tcp { host, port } => {
                let found = (host.as_str(), *port).to_socket_addrs().map_err(failed)?;
                let family = |v6| if v6 { AddressFamily::INET6 } else { AddressFamily::INET };
                found.map(|address| (family(address.is_ipv6()), address.into())).collect()
            }
            Address::Unix(path) => {
                let path = SocketAddrUnix::new(path).map_err(|error| failed(error.into()))?;
                vec![(AddressFamily::UNIX, path.into())]
            }
            Address::Abstract(name) => {
                let name = SocketAddrUnix::new_abstract_name(name).map_err(|error| failed(error.into()))?;
                vec![(AddressFamily::UNIX, name.into())]
            }
            Address::Inherited(_) => return Err("fd: is for a server to listen on".into()),
        };
        let socket = Socket::connect(address, timeout).map_err(failed)?;
        // Where a name has several addresses, the one that answered.
        let peer = rustix::net::getpeername(socket.as_fd()).ok().flatten();
        let first = several.first().cloned().ok_or_else(|| format!("{address} has no address"))?;
        let (family, socket) =
            several.into_iter().find(|(_, one)| Some(one) == peer.as_ref()).unwrap_or(first);
        Ok(Target { protocol, address: address.clone(), family, socket })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// A socket on its way to the server; over TCP it may still be shaking hands.
    pub(super) fn connect(&self, stays: bool) -> std::result::Result<OwnedFd, NoConnection> {
        let failed = |error: Errno| NoConnection::Failed(error.into());
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(self.family, SocketType::STREAM, flags, None).map_err(failed)?;
        if self.family != AddressFamily::UNIX {
            if stays {
                // A request is waited for: Nagle's algorithm could only hold it back. The first one of a connection it lets pass.
                sockopt::set_tcp_nodelay(&socket, true).map_err(failed)?;
            } else {
                // Without TIME_WAIT: a second's requests would use up the ports otherwise.
                sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).map_err(failed)?;
                // The request acknowledges the handshake, and the end of the connection the reply: two packets fewer.
                sockopt::set_tcp_quickack(&socket, false).map_err(failed)?;
            }
        }
        match connect(&socket, &self.socket) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
            Err(Errno::AGAIN) => Err(NoConnection::Later),
            Err(error) => Err(failed(error)),
        }
    }

    /// For a request that did not fit the socket's buffer: Nagle's algorithm could hold its last piece back until the server, which
    /// waits for that piece, has acknowledged those before.
    pub(super) fn hold_nothing_back(&self, socket: &OwnedFd) {
        if self.family != AddressFamily::UNIX {
            // A connection that has failed says so when it is written to.
            let _ = sockopt::set_tcp_nodelay(socket, true);
        }
    }

    /// The process that listens, where the system tells of it: on a unix socket.
    pub(super) fn owner(&self) -> Option<i32> {
        if self.family != AddressFamily::UNIX {
            return None;
        }
        let socket = self.connect(false).ok()?;
        Some(sockopt::socket_peercred(&socket).ok()?.pid.as_raw_nonzero().get())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.protocol.name(), self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_with_or_without_its_protocol() {
        for (text, protocol, address) in [
            ("127.0.0.1:3031", None, "127.0.0.1:3031"),
            ("/run/app.sock", None, "unix:/run/app.sock"),
            ("uwsgi://unix:/run/app.sock", Some(Protocol::Uwsgi), "unix:/run/app.sock"),
            ("http://localhost:8080/", Some(Protocol::Http), "localhost:8080"),
            ("fastcgi:///run/app.sock", Some(Protocol::Fastcgi), "unix:/run/app.sock"),
            ("scgi://[::1]:4000", Some(Protocol::Scgi), "[::1]:4000"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.protocol, endpoint.address.to_string().as_str()), (protocol, address));
        }
        assert!("https://localhost:80".parse::<Endpoint>().unwrap_err().contains("\"https\" is no protocol"));
        assert!("http://localhost:80/x".parse::<Endpoint>().unwrap_err().contains("no address"));
    }
}
