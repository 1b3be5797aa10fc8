//! How many connections wait on a listener, and how many may: only the kernel knows, and tells.

mod tcp;
mod unix;

use crate::net::listener::Listener;
use crate::telemetry::stats::Backlog;

/// The listener's backlog; `None` if the system does not tell, as in a sandbox without netlink.
pub(super) fn backlog(listener: &Listener) -> Option<Backlog> {
    if listener.local_tcp().is_some() { tcp::backlog(listener) } else { unix::backlog(listener) }
}

/// The state of a socket that listens, for TCP and unix sockets (include/net/tcp_states.h).
const LISTEN: u8 = 10;

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::net::listener::{Inherited, ListenOptions};
    use crate::protocol::ProtocolName;

    fn listen(address: &str) -> Listener {
        let options = ListenOptions { backlog: 7, ..ListenOptions::default() };
        let address = address.parse().unwrap();
        Listener::bind(ProtocolName::Uwsgi, &address, &options, &mut Inherited::none()).unwrap().remove(0)
    }

    #[test]
    fn who_waits_on_tcp_is_counted() {
        let listener = listen("127.0.0.1:0");
        assert_eq!(backlog(&listener), Some(Backlog { used: 0, max: 7 }));
        let _waiting = [(); 3].map(|()| TcpStream::connect(listener.address()).unwrap());
        assert_eq!(backlog(&listener), Some(Backlog { used: 3, max: 7 }));
        let _accepted = listener.accept().unwrap();
        assert_eq!(backlog(&listener), Some(Backlog { used: 2, max: 7 }));
    }

    #[test]
    fn who_waits_on_a_unix_socket_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let listener = listen(path.to_str().unwrap());
        // Where the kernel has no sock_diag for unix sockets there is nothing to compare.
        if backlog(&listener).is_none() {
            println!("this machine does not tell of unix sockets: not tested");
            return;
        }
        let _waiting = [(); 3].map(|()| UnixStream::connect(&path).unwrap());
        assert_eq!(backlog(&listener), Some(Backlog { used: 3, max: 7 }));
    }
}
