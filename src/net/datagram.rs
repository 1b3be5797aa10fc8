//! Datagrams to one address, whose reader may come and go: a syslog daemon, a collector of lines.

use std::io::{self, ErrorKind};
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::process::descriptors;

/// Where they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatagramAddress {
    Unix(PathBuf),
    Udp { host: String, port: u16 },
}

/// A socket that is never waited for: what its reader has no room for is an error.
#[derive(Debug)]
pub(crate) struct Datagrams {
    address: SockAddr,
    /// `None` until something is sent, and when the reader has gone.
    socket: Option<Socket>,
}

impl Datagrams {
    /// Looks the address up, once and for all. Nobody need be there yet.
    pub(crate) fn to(address: &DatagramAddress) -> io::Result<Self> {
        let address = match address {
            DatagramAddress::Unix(path) => SockAddr::unix(path as &Path)?,
            DatagramAddress::Udp { host, port } => {
                let mut found = (host.as_str(), *port).to_socket_addrs()?;
                found.next().ok_or_else(|| io::Error::from(ErrorKind::NotFound))?.into()
            }
        };
        Ok(Datagrams { address, socket: None })
    }

    /// Another with the same address.
    pub(crate) fn again(&self) -> Self {
        Datagrams { address: self.address.clone(), socket: None }
    }

    /// Sends one, at once or not at all.
    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let was_open = self.socket.is_some();
        match self.try_send(message) {
            // The reader at the other end of the path may be another one by now.
            Err(error) if was_open && self.is_unix() && has_gone(&error) => {
                self.socket = None;
                self.try_send(message)
            }
            // It is the one before that was refused, and this one is not sent yet.
            Err(error) if was_open && has_gone(&error) => self.try_send(message).and(Err(error)),
            sent => sent,
        }
    }

    /// Why the last one was refused by whoever is there, if that has become known: it was sent, and is lost.
    pub(crate) fn refusal(&self) -> Option<io::Error> {
        self.socket.as_ref()?.take_error().ok().flatten()
    }

    fn try_send(&mut self, message: &[u8]) -> io::Result<()> {
        if self.socket.is_none() {
            let socket = descriptors::above(Socket::new(self.address.domain(), Type::DGRAM, None)?)?;
            socket.set_nonblocking(true)?;
            socket.connect(&self.address)?;
            self.socket = Some(socket);
        }
        let Some(socket) = &self.socket else { return Ok(()) };
        loop {
            match socket.send(message) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                sent => return sent.map(drop),
            }
        }
    }

    fn is_unix(&self) -> bool {
        self.address.domain() == Domain::UNIX
    }
}

fn has_gone(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionRefused | ConnectionReset | NotConnected)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::*;
    use crate::process::eventually;

    #[test]
    fn a_reader_may_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut datagrams = Datagrams::to(&DatagramAddress::Unix(path.clone())).unwrap();
        assert_eq!(datagrams.send(b"one").unwrap_err().kind(), ErrorKind::NotFound);
        for text in ["two", "three"] {
            let reader = UnixDatagram::bind(&path).unwrap();
            datagrams.send(text.as_bytes()).unwrap();
            let mut seen = [0; 10];
            let count = reader.recv(&mut seen).unwrap();
            assert_eq!(&seen[..count], text.as_bytes());
            fs::remove_file(&path).unwrap();
        }
        assert!(datagrams.send(b"four").is_err());
    }

    #[test]
    fn a_reader_that_is_stuck_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let _reader = UnixDatagram::bind(&path).unwrap();
        let mut datagrams = Datagrams::to(&DatagramAddress::Unix(path)).unwrap();
        let lost = (0..100_000).find_map(|_| datagrams.send(&[b'x'; 1000]).err()).unwrap();
        assert_eq!(lost.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn over_udp_too() {
        let reader = UdpSocket::bind("127.0.0.1:0").unwrap();
        reader.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let (host, port) = ("127.0.0.1".to_owned(), reader.local_addr().unwrap().port());
        let mut datagrams = Datagrams::to(&DatagramAddress::Udp { host, port }).unwrap();
        datagrams.send(b"one").unwrap();
        datagrams.again().send(b"two").unwrap();
        let mut seen = [0; 10];
        for want in [b"one", b"two"] {
            let count = reader.recv(&mut seen).unwrap();
            assert_eq!(&seen[..count], want);
        }
        assert!(datagrams.refusal().is_none());
        drop(reader);
        datagrams.send(b"lost").unwrap();
        eventually(|| datagrams.refusal().is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused));
        assert!(datagrams.refusal().is_none(), "it is said once");
    }
}
