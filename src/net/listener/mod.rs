//! Where peers come in: TCP, unix and inherited sockets, and which protocol each speaks.
//!
//! Everything that a connection needs is set on the listener, once, so that accepting one costs a single system
//! call. No other machine gets in unless `allow_from` says so: an address that could let them in is
//! refused without it.

mod address;
mod error;
mod inherited;
mod options;
mod tcp;
mod unix;

pub use address::{Address, AddressError};
pub use error::ListenError;
pub(crate) use inherited::Handed;
pub use inherited::Inherited;
pub use options::{ListenOptions, OptionError, Owner, parse_network};

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use mio::event::Source;
use mio::net::{TcpListener, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use rustix::net::{SocketFlags, accept_with};

use crate::net::stream::{Peer, Socket};
use crate::process::descriptors;
use crate::protocol::{Endpoints, ProtocolName, Trust};
use unix::SocketFile;

/// A socket that listens, and what is spoken there. Dropping it closes the socket and removes its file, if that is
/// this process's: not that of the parent which forked it.
#[derive(Debug)]
pub struct Listener {
    /// The file of a unix socket that we made; it goes before the socket does.
    file: Option<SocketFile>,
    socket: ListeningSocket,
    protocol: ProtocolName,
    /// As it was asked for.
    asked: Address,
    /// As it is bound: the real port, the absolute path.
    address: Address,
    /// The networks from which TCP peers may come, beside loopback.
    allow_from: Vec<IpNet>,
    trust: Arc<Trust>,
}

impl Listener {
    /// Listens at `address`, ready for a poller: non-blocking, and closed on exec.
    ///
    /// There is one listener for each address of a host name, and for each inherited socket of a name.
    pub fn bind(
        protocol: ProtocolName,
        address: &Address,
        options: &ListenOptions,
        inherited: &mut Inherited,
    ) -> Result<Vec<Listener>, ListenError> {
        let handed = inherited.take_handed(protocol, address, options)?;
        if !handed.is_empty() {
            return handed
                .into_iter()
                .map(|socket| Listener::handed(protocol, address, socket, options))
                .collect();
        }
        let sockets = match address {
            Address::Tcp { host, port } => tcp::bind(host, *port, options)?,
            Address::Abstract(name) => vec![unix::bind_abstract(name, options)?],
            Address::Inherited(name) => inherited.take(name, options)?,
            Address::Unix(path) => {
                let (socket, file) = unix::bind(path, options)?;
                let listener = Listener::of(protocol, address, socket, options)?;
                return Ok(vec![Listener { file: Some(file), ..listener }]);
            }
        };
        sockets.into_iter().map(|socket| Listener::of(protocol, address, socket, options)).collect()
    }

    /// Says why [`Listener::bind`] would refuse `address`, as far as that can be known without a socket: whether another
    /// server listens there is not asked, nor what systemd would hand over.
    pub(crate) fn check(address: &Address, options: &ListenOptions) -> Result<(), ListenError> {
        match address {
            Address::Tcp { host, port } => tcp::find(host, *port, options).map(drop),
            Address::Abstract(name) => unix::check_abstract(name),
            Address::Inherited(_) => Ok(()),
            Address::Unix(path) => unix::check(path),
        }
    }

    /// The address as it was asked for.
    pub(crate) fn asked(&self) -> &Address {
        &self.asked
    }

    /// Takes the file of a socket over from the process that handed the socket on.
    pub(crate) fn own_file(&mut self) {
        if let Some(file) = &mut self.file {
            file.own();
        }
    }

    /// The protocol that is spoken here.
    pub fn protocol(&self) -> ProtocolName {
        self.protocol
    }

    /// The address as it is bound, in the form that [`Address`] reads: `127.0.0.1:43211`, `unix:/run/x.sock`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The address as a front end on this machine writes it, in uwsgi_pass for one; `None` for an abstract
    /// socket, to which nginx cannot connect.
    pub fn nginx_address(&self) -> Option<String> {
        match (&self.address, self.local_tcp()) {
            (_, Some(mut local)) => {
                match local.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => local.set_ip(Ipv4Addr::LOCALHOST.into()),
                    IpAddr::V6(ip) if ip.is_unspecified() => local.set_ip(Ipv6Addr::LOCALHOST.into()),
                    _ => {}
                }
                Some(local.to_string())
            }
            (Address::Unix(_), None) => Some(self.address()),
            _ => None,
        }
    }

    /// The address and port of a TCP listener.
    pub fn local_tcp(&self) -> Option<SocketAddr> {
        match self.socket {
            ListeningSocket::Tcp(_, local) => Some(local),
            ListeningSocket::Unix(_) => None,
        }
    }

    /// Takes the next connection: one accept4, which also makes it non-blocking and close-on-exec. It never is number 0, 1
    /// or 2, though the application has closed these.
    pub(crate) fn accept(&self) -> io::Result<(Socket, Peer)> {
        match &self.socket {
            ListeningSocket::Tcp(listener, _) => {
                let (stream, peer) = listener.accept()?;
                Ok((descriptors::above(stream)?.into(), Peer::Tcp(peer)))
            }
            ListeningSocket::Unix(listener) => {
                // A unix peer's address is empty, and having the kernel say so costs a tenth of a microsecond.
                let stream = accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
                let stream = UnixStream::from_std(descriptors::above(stream)?.into());
                Ok((stream.into(), Peer::Unix))
            }
        }
    }

    /// Whether `peer` may speak here. For a unix socket its mode and owner have already said so.
    pub(crate) fn allows(&self, peer: &Peer) -> bool {
        match peer {
            Peer::Unix => true,
            Peer::Tcp(address) => {
                // An IPv4 peer of an inherited socket for both kinds comes as ::ffff:192.0.2.7.
                let ip = address.ip().to_canonical();
                ip.is_loopback() || self.allow_from.iter().any(|network| network.contains(&ip))
            }
        }
    }

    /// The ends of a connection of `peer`.
    pub(crate) fn endpoints(&self, peer: &Peer) -> Endpoints {
        let peer = match peer {
            Peer::Tcp(address) => Some(*address),
            Peer::Unix => None,
        };
        Endpoints { peer, local: self.local_tcp(), trust: Arc::clone(&self.trust) }
    }

    /// The listener on a socket of the process before this one, whose file is still that one's.
    fn handed(
        protocol: ProtocolName,
        asked: &Address,
        socket: socket2::Socket,
        options: &ListenOptions,
    ) -> Result<Self, ListenError> {
        let listener = Listener::of(protocol, asked, socket, options)?;
        let file = match (asked, &listener.address) {
            (Address::Unix(_), Address::Unix(path)) => SocketFile::of_another(path).ok(),
            _ => None,
        };
        Ok(Listener { file, ..listener })
    }

    /// The listener on `socket`, which was bound or inherited as `asked`.
    fn of(
        protocol: ProtocolName,
        asked: &Address,
        socket: socket2::Socket,
        options: &ListenOptions,
    ) -> Result<Self, ListenError> {
        let local = socket
            .local_addr()
            .map_err(|error| ListenError::system(asked.clone(), "ask for its address", &error))?;
        let (socket, address) = match local.as_socket() {
            Some(local) => (ListeningSocket::Tcp(TcpListener::from_std(socket.into()), local), local.into()),
            None => {
                let address = match local.as_abstract_namespace() {
                    Some(name) => Address::Abstract(name.to_vec()),
                    None => local.as_pathname().unwrap_or(Path::new("")).into(),
                };
                (ListeningSocket::Unix(UnixListener::from_std(socket.into())), address)
            }
        };
        Ok(Listener {
            file: None,
            socket,
            protocol,
            asked: asked.clone(),
            address,
            allow_from: options.allow_from.clone(),
            trust: Arc::new(options.trust.clone()),
        })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            ListeningSocket::Tcp(listener, _) => listener.as_fd(),
            ListeningSocket::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Source for Listener {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.source().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.source().deregister(registry)
    }
}

#[derive(Debug)]
enum ListeningSocket {
    /// With the address that it is bound to.
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener),
}

impl ListeningSocket {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            ListeningSocket::Tcp(listener, _) => listener,
            ListeningSocket::Unix(listener) => listener,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};
    use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

    use super::*;

    /// The listeners at `text`, with the networks `allow_from`.
    pub(super) fn listen_from(text: &str, allow_from: &[&str]) -> Result<Vec<Listener>, ListenError> {
        let allow_from = allow_from.iter().map(|text| parse_network(text).unwrap()).collect();
        let options = ListenOptions { allow_from, ..ListenOptions::default() };
        Listener::bind(ProtocolName::Uwsgi, &text.parse().unwrap(), &options, &mut Inherited::none())
    }

    /// The only listener at `text`.
    pub(super) fn listen(text: &str) -> Listener {
        let mut all = listen_from(text, &[]).unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    /// Why there can be no listener at `text`: one line.
    pub(super) fn refusal(text: &str) -> String {
        let Err(error) = listen_from(text, &[]) else { panic!("{text} is listened at") };
        let line = error.to_string();
        assert!(!line.contains('\n'), "{line}");
        line
    }

    /// The next connection, as the poller tells of it.
    pub(super) fn accept(listener: &mut Listener) -> (Socket, Peer) {
        let mut poll = Poll::new().unwrap();
        poll.registry().register(listener, Token(0), Interest::READABLE).unwrap();
        poll.poll(&mut Events::with_capacity(1), Some(Duration::from_secs(10))).unwrap();
        let accepted = listener.accept().unwrap();
        assert_eq!(listener.accept().map(|_| ()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        poll.registry().deregister(listener).unwrap();
        accepted
    }

    /// That a descriptor does not block and is closed on exec.
    pub(super) fn check_flags(descriptor: impl std::os::fd::AsFd) {
        let flags = |what| fcntl(&descriptor, what).unwrap();
        assert!(OFlag::from_bits_retain(flags(FcntlArg::F_GETFL)).contains(OFlag::O_NONBLOCK));
        assert!(FdFlag::from_bits_retain(flags(FcntlArg::F_GETFD)).contains(FdFlag::FD_CLOEXEC));
    }

    #[test]
    fn sockets_never_block_and_are_closed_on_exec() {
        let mut tcp = listen("127.0.0.1:0");
        let _client = std::net::TcpStream::connect(tcp.address()).unwrap();
        check_flags(&accept(&mut tcp).0);
        check_flags(&tcp);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let mut unix = listen(path.to_str().unwrap());
        let _client = std::os::unix::net::UnixStream::connect(path).unwrap();
        check_flags(&accept(&mut unix).0);
        check_flags(&unix);
    }

    #[test]
    fn loopback_and_the_networks_named_may_connect() {
        let listener = &listen_from("127.0.0.1:0", &["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]).unwrap()[0];
        for (peer, allowed) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("10.255.0.1:1", true),
            ("[::ffff:10.255.0.1]:1", true),
            ("11.0.0.1:1", false),
            ("[::ffff:11.0.0.1]:1", false),
            ("192.0.2.7:1", true),
            ("192.0.2.8:1", false),
            ("[2001:db8::9]:1", true),
            ("[2001:db9::9]:1", false),
            ("0.0.0.0:1", false),
        ] {
            assert_eq!(listener.allows(&Peer::Tcp(peer.parse().unwrap())), allowed, "{peer}");
        }
        assert!(listener.allows(&Peer::Unix));
    }

    #[test]
    fn nginx_is_told_an_address_that_it_can_use() {
        let address = |text: &str| listen_from(text, &["10.0.0.0/8"]).unwrap()[0].nginx_address();
        assert!(address("127.0.0.1:0").unwrap().starts_with("127.0.0.1:"));
        assert!(address("0.0.0.0:0").unwrap().starts_with("127.0.0.1:"));
        assert!(address("[::]:0").unwrap().starts_with("[::1]:"));
        assert_eq!(address(&format!("@tidegate-test-nginx-{}", std::process::id())), None);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock").display().to_string();
        assert_eq!(address(&path), Some(format!("unix:{path}")));
    }
}
