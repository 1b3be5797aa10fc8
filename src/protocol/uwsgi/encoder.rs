//! A packet to send, for `tidegate request`.

use std::fmt;

use byteorder::{ByteOrder, LittleEndian};

use super::header::{PacketHeader, modifier1};

/// A uwsgi packet in the making: its vars in the order in which they are added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packet {
    vars: Vec<u8>,
}

impl Packet {
    /// A request without vars.
    pub(crate) fn new() -> Self {
        Packet::default()
    }

    /// Adds a var. A key or value over 65,535 bytes is an error of [`Packet::header_and_vars`].
    pub(crate) fn var(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        for part in [key.as_ref(), value.as_ref()] {
            let mut length = [0; 2];
            LittleEndian::write_u16(&mut length, u16::try_from(part.len()).unwrap_or(u16::MAX));
            self.vars.extend_from_slice(&length);
            self.vars.extend_from_slice(part);
        }
        self
    }

    /// The packet's bytes; the body is to follow them. All vars together are at most 65,535 bytes.
    pub(crate) fn header_and_vars(&self) -> Result<Vec<u8>, PacketTooLarge> {
        let datasize =
            u16::try_from(self.vars.len()).map_err(|_| PacketTooLarge { vars_bytes: self.vars.len() })?;
        let header = PacketHeader { modifier1: modifier1::WSGI, datasize, modifier2: 0 };
        Ok([header.to_bytes().as_slice(), &self.vars].concat())
    }
}

/// The vars are more than a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketTooLarge {
    /// Their length, bytes.
    pub vars_bytes: usize,
}

impl fmt::Display for PacketTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the vars take {} bytes, and a uwsgi packet holds at most 65535", self.vars_bytes)
    }
}

impl std::error::Error for PacketTooLarge {}
