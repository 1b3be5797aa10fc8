//! Where a server listens: a unix socket's path, or HOST:PORT on the loopback.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::str::FromStr;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen,
    socket_with, sockopt,
};

/// More than any experiment leaves waiting, except the ten thousand idle connections, which retry.
const BACKLOG: i32 = 4096;

/// Parsed once, so that connecting a million times costs nothing but the system calls.
#[derive(Clone, Debug)]
pub struct Address {
    /// As the command line gives it: also what the servers are told.
    text: String,
    family: AddressFamily,
    socket: SocketAddrAny,
}

impl Address {
    /// A unix socket's path.
    pub fn unix(path: &Path) -> io::Result<Address> {
        Ok(Address {
            text: path.display().to_string(),
            family: AddressFamily::UNIX,
            socket: SocketAddrUnix::new(path)?.into(),
        })
    }

    /// A bench loads nothing but this machine: any other address is refused.
    pub fn tcp(address: SocketAddr) -> io::Result<Address> {
        if !address.ip().is_loopback() {
            let text = format!("{address} is not a loopback address");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok(Address {
            text: address.to_string(),
            family: if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 },
            socket: address.into(),
        })
    }

    /// A port of the loopback that was free a moment ago, which is good enough there.
    pub fn free_tcp() -> io::Result<Address> {
        Address::tcp(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
    }

    /// Whether it is a unix socket, else TCP.
    pub fn is_unix(&self) -> bool {
        self.family == AddressFamily::UNIX
    }

    /// A non-blocking socket on its way to the server. A unix socket is connected when this returns,
    /// or the backlog is full (`WouldBlock`: try again); a TCP socket may still be shaking hands.
    pub fn connect(&self) -> io::Result<OwnedFd> {
        let socket = self.socket()?;
        match connect(&socket, &self.socket) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a server accepts connections there.
    pub fn is_served(&self) -> bool {
        let Ok(socket) = self.connect() else {
            return false;
        };
        let second = Timespec { tv_sec: 1, tv_nsec: 0 };
        let ended = poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&second));
        ended == Ok(1) && sockopt::socket_error(&socket) == Ok(Ok(()))
    }

    /// A non-blocking listener. A socket file left behind by an earlier run is replaced.
    pub fn listen(&self) -> io::Result<OwnedFd> {
        let socket = self.socket()?;
        if self.is_unix() {
            match std::fs::remove_file(&self.text) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        } else {
            sockopt::set_socket_reuseaddr(&socket, true)?;
        }
        bind(&socket, &self.socket)?;
        listen(&socket, BACKLOG)?;
        Ok(socket)
    }

    fn socket(&self) -> io::Result<OwnedFd> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        Ok(socket_with(self.family, SocketType::STREAM, flags, None)?)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Address {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Address> {
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if path.contains('/') {
            return Address::unix(Path::new(path));
        }
        match text.parse() {
            Ok(address) => Address::tcp(address),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{text}: neither a path nor IP:PORT"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_it_a_path() {
        assert!("/tmp/a.sock".parse::<Address>().expect("a path").is_unix());
        assert!("unix:./a.sock".parse::<Address>().expect("a path").is_unix());
        assert!(!"127.0.0.1:3031".parse::<Address>().expect("TCP").is_unix());
        assert!(!"[::1]:3031".parse::<Address>().expect("TCP").is_unix());
    }

    #[test]
    fn only_this_machine_is_a_target() {
        for text in ["192.0.2.1:80", "0.0.0.0:80", "example.com:80", "3031"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
