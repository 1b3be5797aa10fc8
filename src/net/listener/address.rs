//! Where to listen, as it is written on the command line.

use std::error::Error;
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where to listen. Its text form is read by `parse` and printed by `Display`, and the two agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT` or `[V6]:PORT`. Port 0 is any free one.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        /// The port, 0 for any.
        port: u16,
    },
    /// `/path` or `unix:path`.
    Unix(PathBuf),
    /// `@name` or `unix:@name`: a name in the kernel's table instead of a file (unix(7)). It has neither owner
    /// nor mode, so that any local user may connect.
    Abstract(Vec<u8>),
    /// `fd:N` or `fd:NAME`: a socket that systemd opened and handed over. N is the descriptor's number, and
    /// systemd's begin at 3; NAME is its FileDescriptorName=, and stands for all the sockets that have it.
    Inherited(String),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).map_err(|why| AddressError { text: text.to_owned(), why })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Abstract(name) => write!(f, "@{}", String::from_utf8_lossy(name)),
            Address::Inherited(name) => write!(f, "fd:{name}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp { host: address.ip().to_string(), port: address.port() }
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Address::Unix(path.to_owned())
    }
}

/// A text that is no address, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    text: String,
    why: &'static str,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no address: {}; it may be HOST:PORT, [V6]:PORT, /path, unix:/path, @name, \
             fd:N or fd:NAME",
            self.text, self.why
        )
    }
}

impl Error for AddressError {}

fn parse(text: &str) -> Result<Address, &'static str> {
    if matches!(text, "unix:" | "unix:@" | "@" | "fd:") {
        return Err("its name is missing");
    }
    if text.contains('\0') {
        return Err("no address holds a NUL");
    }
    if let Some(name) = text.strip_prefix("fd:") {
        Ok(Address::Inherited(name.to_owned()))
    } else if let Some(name) = text.strip_prefix("unix:@").or_else(|| text.strip_prefix('@')) {
        Ok(Address::Abstract(name.into()))
    } else if let Some(path) = text.strip_prefix("unix:") {
        Ok(Address::Unix(path.into()))
    } else if text.starts_with('/') {
        Ok(Address::Unix(text.into()))
    } else {
        tcp(text)
    }
}

fn tcp(text: &str) -> Result<Address, &'static str> {
    if text.contains('/') {
        return Err("a relative path needs unix: before it, and a URL is not taken");
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let is_port = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return Err(if is_port { HOST_MISSING } else { "the port is missing" });
    };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => {
            let (literal, _zone) = host.split_once('%').unwrap_or((host, ""));
            literal.parse::<Ipv6Addr>().map_err(|_| "what stands in brackets is no IPv6 address")?;
            host
        }
        None if host.contains([':', '[', ']']) => {
            return Err("an IPv6 address stands in brackets, as in [::1]:3031");
        }
        None if host.is_empty() => return Err(HOST_MISSING),
        None if host.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            return Err("a host has no blanks");
        }
        None => host,
    };
    // u16's own parser would take a sign.
    match port.parse() {
        Ok(number) if port.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(Address::Tcp { host: host.to_owned(), port: number })
        }
        _ => Err("the port is a number from 0 to 65535"),
    }
}

const HOST_MISSING: &str =
    "the host is missing (127.0.0.1 is this machine alone, 0.0.0.0 every IPv4 address)";

#[cfg(test)]
mod tests {
    use super::*;

    fn host(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn each_form_is_read_and_printed() {
        for (text, want, printed) in [
            ("127.0.0.1:3031", host("127.0.0.1", 3031), "127.0.0.1:3031"),
            ("localhost:0", host("localhost", 0), "localhost:0"),
            ("[::1]:3031", host("::1", 3031), "[::1]:3031"),
            ("[fe80::1%eth0]:65535", host("fe80::1%eth0", 65535), "[fe80::1%eth0]:65535"),
            ("/run/x.sock", Address::Unix("/run/x.sock".into()), "unix:/run/x.sock"),
            ("unix:/run/x.sock", Address::Unix("/run/x.sock".into()), "unix:/run/x.sock"),
            ("unix:x.sock", Address::Unix("x.sock".into()), "unix:x.sock"),
            ("@name", Address::Abstract(b"name".to_vec()), "@name"),
            ("unix:@name", Address::Abstract(b"name".to_vec()), "@name"),
            ("fd:3", Address::Inherited("3".to_owned()), "fd:3"),
            ("fd:web.socket", Address::Inherited("web.socket".to_owned()), "fd:web.socket"),
        ] {
            let seen: Address = text.parse().unwrap();
            assert_eq!(seen, want, "{text}");
            assert_eq!(seen.to_string(), printed, "{text}");
            assert_eq!(printed.parse(), Ok(want), "{printed}");
        }
    }

    #[test]
    fn what_is_no_address_says_why_and_what_would_be_one() {
        for (text, why) in [
            ("", "port is missing"),
            ("3031", "host is missing"),
            ("localhost", "port is missing"),
            (":3031", "host is missing"),
            ("::1:3031", "in brackets"),
            ("[::1", "in brackets"),
            ("[localhost]:80", "no IPv6 address"),
            ("localhost:", "number from 0"),
            ("localhost:+80", "number from 0"),
            ("localhost:65536", "number from 0"),
            ("local host:80", "no blanks"),
            ("run/x.sock", "needs unix:"),
            ("http://localhost:80", "needs unix:"),
            ("unix:", "name is missing"),
            ("@", "name is missing"),
            ("fd:", "name is missing"),
            ("/run/\0", "NUL"),
        ] {
            let message = text.parse::<Address>().unwrap_err().to_string();
            assert!(message.contains(why), "{text:?}: {message}");
            assert!(message.contains(&format!("{text:?}")) && message.contains("[V6]:PORT"), "{message}");
        }
    }
}
