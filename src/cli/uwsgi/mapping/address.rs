//! Addresses to listen on, as uWSGI takes them.

use super::values::is_comment;

/// An address that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// It says of itself what it is; here as we write it.
    Plain(String),
    /// The path of a socket, or with `abstract-socket` the name of one that is in no folder.
    Name(String),
}

impl Address {
    /// Reads it; the error says what is wrong and what to write.
    pub(super) fn read(written: &str) -> Result<Self, String> {
        let text = written.split([' ', '\t']).next().unwrap_or_default();
        if !is_comment(&written[text.len()..]) {
            return Err(format!("{written:?} is no address: it has a blank in it"));
        }
        if let Some(number) = text.strip_prefix("fd://") {
            return Ok(Address::Plain(format!("fd:{number}")));
        }
        if let Some(name) = text.strip_prefix("\\0") {
            return Ok(Address::Plain(format!("@{name}")));
        }
        if text.starts_with('@') {
            return Ok(Address::Plain(text.to_owned()));
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Ok(Address::Name(text.to_owned()));
        };
        if port.parse::<u16>().is_err() && !port.is_empty() {
            return Err(format!("{port:?} is no port: write a number up to 65535"));
        }
        let host = match host {
            "" | "*" => "0.0.0.0",
            _ if host.contains('*') => return Err("write the address without *".to_owned()),
            _ => host,
        };
        Ok(Address::Plain(format!("{host}:{}", if port.is_empty() { "0" } else { port })))
    }

    /// As we write it.
    pub(super) fn ours(&self, is_abstract: bool) -> String {
        match self {
            Address::Plain(address) => address.clone(),
            Address::Name(name) if is_abstract => format!("@{name}"),
            Address::Name(path) if path.starts_with('/') => path.clone(),
            Address::Name(path) => format!("unix:{path}"),
        }
    }
}
