//! Sockets that systemd opened and handed over (sd_listen_fds(3)), and those of the server that this one replaces.

#[cfg(feature = "command")]
mod systemd;

use std::io;

use socket2::Socket;

use super::{Address, ListenError, ListenOptions, tcp};
use crate::protocol::ProtocolName;

/// The first descriptor that systemd hands over; below it are stdin, stdout and stderr.
const FIRST: usize = 3;

/// The sockets that were handed over to this process, until a listener takes them.
pub struct Inherited {
    /// The first one is descriptor 3.
    slots: Vec<Slot>,
    /// Why there is none, for the error that asking for one gives.
    none: String,
    /// What the server before has handed over.
    handed: Vec<Handed>,
}

/// A socket that a server hands over to the one that replaces it.
#[derive(Debug)]
pub(crate) struct Handed {
    /// What is spoken there.
    pub protocol: ProtocolName,
    /// The address, in the words in which it was asked for.
    pub asked: Address,
    /// The socket, which listens already.
    pub socket: Socket,
}

impl Inherited {
    /// None at all.
    pub fn none() -> Self {
        let none = if cfg!(feature = "command") {
            "LISTEN_FDS is not set; start through a systemd .socket unit"
        } else {
            "this program is built without tidegate's feature `command`, which takes systemd's sockets"
        };
        Inherited { slots: Vec::new(), none: none.to_owned(), handed: Vec::new() }
    }

    /// Adds the sockets of the server before, which go before any other at their addresses.
    pub(crate) fn hand_over(&mut self, sockets: Vec<Handed>) {
        self.handed = sockets;
    }

    /// The sockets of the server before at this address. A host name has several; two that ask for any port want one each.
    pub(super) fn take_handed(
        &mut self,
        protocol: ProtocolName,
        asked: &Address,
        options: &ListenOptions,
    ) -> Result<Vec<Socket>, ListenError> {
        let any_port = matches!(asked, Address::Tcp { port: 0, .. });
        let mut taken: Vec<Socket> = Vec::new();
        let all = std::mem::take(&mut self.handed);
        for one in all {
            let wanted = one.protocol == protocol && one.asked == *asked;
            // The addresses of one name share a port, so a second IPv4 address is that of the next listener.
            let is_next = any_port && taken.iter().any(|other| same_kind(other, &one.socket));
            if wanted && !is_next {
                adopt(&one.socket, options, &one.asked)?;
                taken.push(one.socket);
            } else {
                self.handed.push(one);
            }
        }
        Ok(taken)
    }

    /// The sockets that `name` stands for: one by its descriptor's number, or all that have the name.
    /// They are judged and prepared like our own.
    pub(super) fn take(&mut self, name: &str, options: &ListenOptions) -> Result<Vec<Socket>, ListenError> {
        let wrong = |why: String| ListenError::Inherited { name: name.to_owned(), why };
        if self.slots.is_empty() {
            return Err(wrong(format!("no socket was handed over: {}", self.none)));
        }
        let there = self.list();
        let number = name.parse::<usize>().ok();
        if number.is_some_and(|number| number < FIRST) {
            return Err(wrong(format!(
                "the descriptors that systemd hands over begin at {FIRST}; there are: {there}"
            )));
        }
        let wanted = |at: usize, slot: &Slot| number.map_or(slot.name == name, |number| at + FIRST == number);
        let mut sockets = Vec::new();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if wanted(at, slot) {
                let socket = slot.socket.take().map_err(|why| wrong(why.to_owned()))?;
                adopt(&socket, options, &Address::Inherited(name.to_owned()))?;
                sockets.push(socket);
            }
        }
        if sockets.is_empty() {
            return Err(wrong(format!("no such socket was handed over; there are: {there}")));
        }
        Ok(sockets)
    }

    /// `fd:3 (web), fd:4 (web)`.
    fn list(&self) -> String {
        let describe = |(at, slot): (usize, &Slot)| format!("fd:{} ({})", at + FIRST, slot.name);
        self.slots.iter().enumerate().map(describe).collect::<Vec<_>>().join(", ")
    }
}

/// One descriptor.
struct Slot {
    /// systemd's FileDescriptorName=, which is the name of the unit if it is not given.
    name: String,
    socket: State,
}

enum State {
    Ready(Socket),
    Taken,
    /// Not a socket that streams can be accepted on, and why.
    Unfit(&'static str),
}

impl State {
    fn of(socket: Socket) -> Self {
        match socket.is_listener() {
            Ok(true) => State::Ready(socket),
            _ => State::Unfit("it is a connection, not a listener; set Accept=no in the unit"),
        }
    }

    fn take(&mut self) -> Result<Socket, &'static str> {
        match std::mem::replace(self, State::Taken) {
            State::Ready(socket) => Ok(socket),
            State::Taken => Err("the socket is asked for twice"),
            State::Unfit(why) => Err(why),
        }
    }
}

fn same_kind(one: &Socket, other: &Socket) -> bool {
    matches!((one.domain(), other.domain()), (Ok(one), Ok(other)) if one == other)
}

/// What our own sockets got when they were bound.
fn adopt(socket: &Socket, options: &ListenOptions, asked: &Address) -> Result<(), ListenError> {
    let failed = |error: io::Error| ListenError::system(asked.clone(), "use it", &error);
    match socket.local_addr().map_err(failed)?.as_socket() {
        Some(local) => {
            tcp::check_exposure(local, options)?;
            tcp::prepare(socket).map_err(failed)
        }
        None => socket.set_nonblocking(true).map_err(failed),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::tests::accept;
    use super::super::{Listener, parse_network};
    use super::*;

    pub(crate) fn take(
        inherited: &mut Inherited,
        text: &str,
        allow_from: &[&str],
    ) -> Result<Vec<Listener>, String> {
        let allow_from = allow_from.iter().map(|text| parse_network(text).unwrap()).collect();
        let options = ListenOptions { allow_from, ..ListenOptions::default() };
        Listener::bind(ProtocolName::Uwsgi, &text.parse().unwrap(), &options, inherited)
            .map_err(|error| error.to_string())
    }

    /// What `take` says that is no listener.
    pub(crate) fn refusal(inherited: &mut Inherited, text: &str) -> String {
        take(inherited, text, &[]).map(|_| ()).unwrap_err()
    }

    fn handed_over(sockets: impl IntoIterator<Item = (&'static str, Socket)>) -> Inherited {
        let slot = |(name, socket): (&str, _)| Slot { name: name.to_owned(), socket: State::of(socket) };
        Inherited { slots: sockets.into_iter().map(slot).collect(), ..Inherited::none() }
    }

    fn tcp(address: &str) -> Socket {
        std::net::TcpListener::bind(address).unwrap().into()
    }

    #[test]
    fn sockets_are_had_by_number_and_by_name_and_once() {
        let mut all = handed_over(["web", "web", "other"].map(|name| (name, tcp("127.0.0.1:0"))));
        assert_eq!(take(&mut all, "fd:5", &[]).unwrap().len(), 1);
        assert_eq!(take(&mut all, "fd:web", &[]).unwrap().len(), 2);
        for (text, why) in [
            ("fd:web", "asked for twice"),
            ("fd:5", "asked for twice"),
            ("fd:6", "no such socket was handed over; there are: fd:3 (web), fd:4 (web), fd:5 (other)"),
            ("fd:nobody", "no such socket"),
            ("fd:0", "begin at 3"),
            ("fd:2", "begin at 3"),
        ] {
            let line = refusal(&mut all, text);
            assert!(line.contains(why) && line.starts_with(&format!("{text}: ")), "{line}");
        }
        assert!(refusal(&mut Inherited::none(), "fd:3").contains("no socket was handed over"));
    }

    #[test]
    fn they_are_prepared_like_our_own() {
        let mut all = handed_over([("web", tcp("127.0.0.1:0"))]);
        let mut listener = take(&mut all, "fd:web", &[]).unwrap().remove(0);
        assert_eq!(listener.address(), listener.local_tcp().unwrap().to_string());
        let _client = std::net::TcpStream::connect(listener.address()).unwrap();
        assert!(accept(&mut listener).0.tcp().unwrap().nodelay().unwrap());
    }

    #[test]
    fn they_are_judged_like_our_own() {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let mut all = handed_over([("first", tcp(address)), ("second", tcp(address))]);
            let line = refusal(&mut all, "fd:first");
            assert!(line.contains("ListenOptions::allow_from"), "{line}");
            assert!(take(&mut all, "fd:second", &["10.0.0.0/8"]).is_ok());
        }
    }

    #[test]
    fn a_connection_is_no_listener() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut all = handed_over([("web", one.into())]);
        assert!(refusal(&mut all, "fd:3").contains("Accept=no"));
    }
}
