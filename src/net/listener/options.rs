//! Which peers may connect: the mode and owner of a unix socket, the networks of a TCP one.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use nix::errno::Errno;
use nix::unistd::{Group, User};

use crate::protocol::Trust;

/// How to listen, beside where. The default lets only this machine in: a unix socket's user and group,
/// or what is on loopback.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// Permission bits of a unix socket. Connecting takes write permission; uWSGI's default follows the umask,
    /// php-fpm's is 0660.
    pub socket_mode: u32,

    /// Owner of a unix socket; `None` leaves it to the process's own user and group.
    pub socket_owner: Option<Owner>,

    /// The networks that may connect over TCP, beside loopback. No address but loopback is listened at while this is empty.
    /// `::/0` is every IPv6 address and no IPv4 one, that is `0.0.0.0/0`.
    pub allow_from: Vec<IpNet>,

    /// What HTTP peers may say of their clients.
    pub trust: Trust,

    /// Connections that wait to be accepted, a count; Linux cuts it to net.core.somaxconn, 4,096 by default.
    /// nginx's is 511, and its errors under a burst ("Resource temporarily unavailable") name a short one.
    pub backlog: u32,
}

impl Default for ListenOptions {
    fn default() -> Self {
        ListenOptions {
            socket_mode: 0o660,
            socket_owner: None,
            allow_from: Vec::new(),
            trust: Trust::default(),
            backlog: 4096,
        }
    }
}

/// The owner of a unix socket, from `user`, `user:group` or `:group`, each a name or a number.
/// What is `None` stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub user: Option<u32>,
    /// The group's number.
    pub group: Option<u32>,
}

impl FromStr for Owner {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        let wrong = |why: String| OptionError { text: text.to_owned(), why };
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (Some(user).filter(|user| !user.is_empty()), Some(group)),
            None => (Some(text), None),
        };
        let user = user.map(|name| {
            number(name, "user", |name| Ok(User::from_name(name)?.map(|user| user.uid.as_raw())))
        });
        let group = group.map(|name| {
            number(name, "group", |name| Ok(Group::from_name(name)?.map(|group| group.gid.as_raw())))
        });
        Ok(Owner { user: user.transpose().map_err(wrong)?, group: group.transpose().map_err(wrong)? })
    }
}

/// Reads an entry of [`ListenOptions::allow_from`]: `192.0.2.7`, `10.0.0.0/8`, `::1`, `fd00::/8`.
pub fn parse_network(text: &str) -> Result<IpNet, OptionError> {
    let network =
        text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            let why = "write an address (192.0.2.7, ::1) or a network (10.0.0.0/8, fd00::/8)".to_owned();
            OptionError { text: text.to_owned(), why }
        })?;
    // Peers are judged by their IPv4 address where they have one, so a network must be in the same form.
    if let IpNet::V6(mapped) = network
        && let Some(address) = mapped.addr().to_ipv4_mapped()
        && let Some(length) = mapped.prefix_len().checked_sub(96)
        && let Ok(network) = Ipv4Net::new(address, length)
    {
        return Ok(network.trunc().into());
    }
    Ok(network.trunc())
}

/// A text that is no owner, or no network, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    text: String,
    why: String,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.text, self.why)
    }
}

impl Error for OptionError {}

/// The number of a user or group: itself, or what `find` has for the name. All ones is chown's "leave it".
fn number(name: &str, kind: &str, find: impl Fn(&str) -> Result<Option<u32>, Errno>) -> Result<u32, String> {
    if name.is_empty() {
        return Err(format!("the {kind} is missing; write user, user:group or :group"));
    }
    if let Ok(number) = name.parse()
        && number != u32::MAX
    {
        return Ok(number);
    }
    match find(name) {
        Ok(Some(number)) => Ok(number),
        Ok(None) => Err(format!("there is no {kind} {name:?} on this machine")),
        Err(error) => Err(format!("the {kind} {name:?} cannot be looked up: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_names_or_numbers() {
        for (text, user, group) in [
            ("root", Some(0), None),
            ("root:root", Some(0), Some(0)),
            (":root", None, Some(0)),
            ("33:44", Some(33), Some(44)),
            ("0", Some(0), None),
        ] {
            assert_eq!(text.parse(), Ok(Owner { user, group }), "{text}");
        }
        for (text, why) in [
            ("", "user is missing"),
            ("root:", "group is missing"),
            (":", "group is missing"),
            ("no-such-user", "no user \"no-such-user\""),
            (":no-such-group", "no group"),
            ("4294967295", "no user"),
        ] {
            let message = text.parse::<Owner>().unwrap_err().to_string();
            assert!(message.contains(why), "{text:?}: {message}");
        }
    }

    #[test]
    fn networks_are_addresses_or_prefixes() {
        for (text, want) in [
            ("192.0.2.7", "192.0.2.7/32"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("::1", "::1/128"),
            ("fd00::/8", "fd00::/8"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(parse_network(text).unwrap().to_string(), want, "{text}");
        }
        for text in ["", "10.0.0.0/33", "localhost", "10.0.0.0/8/8", "10.0.0.256"] {
            let message = parse_network(text).unwrap_err().to_string();
            assert!(message.contains(&format!("{text:?}")) && message.contains("10.0.0.0/8"), "{message}");
        }
    }
}
