//! The packet's first four bytes, and what modifier1 means.

use byteorder::{ByteOrder, LittleEndian};

/// `u8 modifier1 | u16 LE datasize | u8 modifier2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketHeader {
    /// What kind of packet this is; see [`modifier1`].
    pub modifier1: u8,
    /// Length of the vars behind the header, bytes; a body is not counted.
    pub datasize: u16,
    /// A detail of modifier1; for requests the application's number, which nothing here uses.
    pub modifier2: u8,
}

impl PacketHeader {
    /// Its length on the wire, bytes.
    pub(crate) const LEN: usize = 4;

    /// Reads a header; any four bytes are one.
    pub(crate) fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        PacketHeader {
            modifier1: bytes[0],
            datasize: LittleEndian::read_u16(&bytes[1..3]),
            modifier2: bytes[3],
        }
    }

    /// The header's bytes.
    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [self.modifier1, 0, 0, self.modifier2];
        LittleEndian::write_u16(&mut bytes[1..3], self.datasize);
        bytes
    }
}

/// The values of modifier1 that mean something, as uWSGI documents them.
pub(crate) mod modifier1 {
    /// A request.
    pub(crate) const WSGI: u8 = 0;
    /// A request whose SCRIPT_NAME is to be stripped from PATH_INFO (UWSGI_MODIFIER_MANAGE_PATH_INFO).
    pub(crate) const MANAGE_PATH_INFO: u8 = 30;
    /// Are you there?
    pub(crate) const PING: u8 = 100;

    /// What uWSGI does with a packet of this kind, for the log line that refuses it.
    pub(crate) fn meaning(modifier1: u8) -> &'static str {
        match modifier1 {
            WSGI => "WSGI",
            1 | 2 => "a reserved WSGI variant",
            5 => "PSGI, Perl",
            6 => "Lua",
            7 => "Rack, Ruby",
            8 => "JVM",
            9 => "CGI",
            10 => "admin commands",
            11 => "a Go application",
            14 => "PHP",
            15 => "Mono, ASP.NET",
            17 => "a job for the spooler",
            18 => "symbol calls",
            19 => "SSI",
            22 => "evaluation of code",
            23 => "XSLT",
            24 => "V8, JavaScript",
            25 => "GridFS",
            26 | 27 => "fast function calls",
            28 => "GlusterFS",
            29 => "RADOS",
            MANAGE_PATH_INFO => "WSGI with SCRIPT_NAME stripped",
            31..=33 => "messages",
            48 => "the log",
            73 | 74 => "multicast",
            98 | 99 => "configuration",
            PING => "ping",
            101 => "echo",
            109 => "legion messages",
            110 => "signals",
            111 => "the cache",
            123 => "coroutine dumps",
            173 => "RPC",
            200 => "a close notice",
            224 => "subscription",
            255 => "a response",
            _ => "nothing that uWSGI documents",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_little_endian() {
        let header = PacketHeader { modifier1: 30, datasize: 0x1234, modifier2: 7 };
        assert_eq!(header.to_bytes(), [30, 0x34, 0x12, 7]);
        assert_eq!(PacketHeader::from_bytes([30, 0x34, 0x12, 7]), header);
    }
}
