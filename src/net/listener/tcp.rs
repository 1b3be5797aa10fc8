//! TCP sockets that listen.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use log::warn;
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Address, ListenError, ListenOptions};

/// Binds every address that `host` has.
///
/// A name may have addresses of a kind that this machine does without (localhost is often ::1 too); they are
/// left out as long as one remains.
pub(super) fn bind(host: &str, port: u16, options: &ListenOptions) -> Result<Vec<Socket>, ListenError> {
    let addresses = find(host, port, options)?;
    let (mut sockets, mut failed) = (Vec::new(), None);
    let mut port = port;
    for mut address in addresses {
        address.set_port(port);
        match open(address, options.backlog) {
            Ok((socket, bound)) => {
                // With port 0 the first address finds the port, and the others of the name share it.
                port = bound;
                sockets.push(socket);
            }
            Err(error) if is_missing(&error) => failed = Some((address, error)),
            Err(error) => return Err(ListenError::system(address, "listen", &error)),
        }
    }
    match failed {
        Some((address, error)) if sockets.is_empty() => Err(ListenError::system(address, "listen", &error)),
        Some((address, error)) => {
            warn!("not listening on {address}, an address of {host}: {error}");
            Ok(sockets)
        }
        None => Ok(sockets),
    }
}

/// The addresses of `host`, on which it is allowed to listen.
pub(super) fn find(host: &str, port: u16, options: &ListenOptions) -> Result<Vec<SocketAddr>, ListenError> {
    let addresses = resolve(host, port)?;
    for address in &addresses {
        check_exposure(*address, options)?;
    }
    Ok(addresses)
}

/// Refuses an address that other machines can reach unless it is said which of them may.
pub(super) fn check_exposure(address: SocketAddr, options: &ListenOptions) -> Result<(), ListenError> {
    if options.allow_from.is_empty() && !address.ip().to_canonical().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    Ok(())
}

/// Sets what is the same for our own sockets and inherited ones.
///
/// On Linux an accepted socket inherits TCP_NODELAY, so it costs no system call for each connection. Without it
/// the second chunk of a response waits for the acknowledgement of the first (Nagle).
pub(super) fn prepare(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)
}

fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ListenError> {
    let address = || Address::Tcp { host: host.to_owned(), port };
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|error| ListenError::refused(address(), format!("the host is not known: {error}")))?;
    // A name that stands twice in /etc/hosts is found twice.
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for found in found {
        if !addresses.contains(&found) {
            addresses.push(found);
        }
    }
    if addresses.is_empty() {
        return Err(ListenError::refused(address(), "the host has no address"));
    }
    Ok(addresses)
}

/// A socket that listens at `address`, and its port.
fn open(address: SocketAddr, backlog: u32) -> io::Result<(Socket, u16)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // So that 0.0.0.0 and [::] can both be bound, and each peer is of the kind that was asked for.
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for old connections in TIME_WAIT. On Linux two listeners on one port stay
    // impossible.
    socket.set_reuse_address(true)?;
    prepare(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    let bound = socket.local_addr()?.as_socket().map_or(address.port(), |bound| bound.port());
    Ok((socket, bound))
}

/// Whether the machine has no such address, or no such kind of address.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::super::tests::{accept, listen, listen_from, refusal};
    use super::super::{Listener, Peer};

    fn check_exchange(mut listener: Listener) {
        let local = listener.local_tcp().unwrap();
        assert_ne!(local.port(), 0);
        assert_eq!(listener.address(), local.to_string());
        let client = TcpStream::connect(local).unwrap();
        let (stream, peer) = accept(&mut listener);
        assert_eq!(peer, Peer::Tcp(client.local_addr().unwrap()));
        assert!(stream.tcp().unwrap().nodelay().unwrap(), "TCP_NODELAY is not inherited");
    }

    #[test]
    fn ipv4_listens_and_hands_nodelay_on() {
        check_exchange(listen("127.0.0.1:0"));
    }

    #[test]
    fn ipv6_listens_and_hands_nodelay_on() {
        if std::net::TcpListener::bind("[::1]:0").is_err() {
            println!("this machine has no ::1: not tested");
            return;
        }
        check_exchange(listen("[::1]:0"));
    }

    #[test]
    fn every_ipv4_and_every_ipv6_address_share_a_port() {
        let v4 = &listen_from("0.0.0.0:0", &["10.0.0.0/8"]).unwrap()[0];
        let port = v4.local_tcp().unwrap().port();
        if let Err(error) = listen_from(&format!("[::]:{port}"), &["10.0.0.0/8"]) {
            assert!(error.to_string().contains("does without that kind"), "{error}");
        }
    }

    #[test]
    fn a_name_is_bound_at_each_of_its_addresses_with_one_port() {
        let listeners = listen_from("localhost:0", &[]).unwrap();
        let ports: Vec<u16> = listeners.iter().map(|one| one.local_tcp().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0), "{ports:?}");
    }

    #[test]
    fn what_is_open_to_others_needs_to_know_to_whom() {
        for text in ["0.0.0.0:0", "[::]:0", "192.0.2.1:3031"] {
            let line = refusal(text);
            assert!(
                line.starts_with("refusing to listen on ") && line.contains("ListenOptions::allow_from"),
                "{line}"
            );
        }
        assert_eq!(
            refusal("0.0.0.0:3031"),
            "refusing to listen on 0.0.0.0:3031: it is not loopback; name who may connect, addresses or networks, \
             in ListenOptions::allow_from (or listen on 127.0.0.1 or a unix socket)"
        );
        assert!(listen_from("0.0.0.0:0", &["10.0.0.0/8"]).is_ok());
    }

    #[test]
    fn a_port_taken_an_address_of_another_and_an_unknown_name_are_one_line() {
        let first = listen("127.0.0.1:0");
        let line = refusal(&first.address());
        assert!(line.starts_with(&first.address()) && line.contains("ss -ltnxp"), "{line}");
        let Err(error) = listen_from("192.0.2.1:0", &["10.0.0.0/8"]) else { panic!("192.0.2.1 is ours?") };
        assert!(error.to_string().contains("no such address"), "{error}");
        let line = refusal("no-such-host.invalid:80");
        assert!(line.starts_with("no-such-host.invalid:80: the host is not known"), "{line}");
    }

    #[test]
    fn a_port_is_free_again_at_once() {
        // An address of its own: on 127.0.0.1 the freed port can at once be another test's, as a client's own port.
        let mut listener = listen("127.42.0.7:0");
        let address = listener.address();
        let client = TcpStream::connect(&address).unwrap();
        // The side that closes first keeps the port in TIME_WAIT.
        drop(accept(&mut listener));
        drop(listener);
        drop(client);
        listen(&address);
    }
}
