//! What front ends write and read: uwsgi packets and FastCGI records. It is the tests' own, so that a mistake of the
//! server's reading cannot be made twice, and is none of the crate's promises.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

/// A packet: `u8 modifier1 | u16 LE datasize | u8 modifier2`, and the vars.
pub(crate) mod uwsgi {
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Packet {
        modifiers: (u8, u8),
        vars: Vec<u8>,
    }

    impl Packet {
        /// A request without vars.
        pub(crate) fn new() -> Self {
            Packet::default()
        }

        pub(crate) fn modifiers(self, modifier1: u8, modifier2: u8) -> Self {
            Packet { modifiers: (modifier1, modifier2), ..self }
        }

        #[track_caller]
        pub(crate) fn var(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
            for part in [key.as_ref(), value.as_ref()] {
                self.vars.extend(u16::try_from(part.len()).unwrap().to_le_bytes());
                self.vars.extend(part);
            }
            self
        }

        /// The packet's bytes, which the body is to follow. The error is the vars' length: over 65,535 bytes.
        pub(crate) fn header_and_vars(&self) -> Result<Vec<u8>, usize> {
            let datasize = u16::try_from(self.vars.len()).map_err(|_| self.vars.len())?;
            let (modifier1, modifier2) = self.modifiers;
            let header = PacketHeader { modifier1, datasize, modifier2 };
            Ok([header.to_bytes().as_slice(), &self.vars].concat())
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct PacketHeader {
        pub(crate) modifier1: u8,
        pub(crate) datasize: u16,
        pub(crate) modifier2: u8,
    }

    impl PacketHeader {
        pub(crate) const LEN: usize = 4;

        pub(crate) fn from_bytes([modifier1, low, high, modifier2]: [u8; Self::LEN]) -> Self {
            PacketHeader { modifier1, datasize: u16::from_le_bytes([low, high]), modifier2 }
        }

        pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
            let [low, high] = self.datasize.to_le_bytes();
            [self.modifier1, low, high, self.modifier2]
        }
    }

    /// The vars of a block that is whole.
    #[track_caller]
    pub(crate) fn vars(block: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rest = block;
        let mut string = || {
            let (length, behind) = rest.split_first_chunk()?;
            let (string, behind) = behind.split_at(usize::from(u16::from_le_bytes(*length)));
            rest = behind;
            Some(string.to_vec())
        };
        std::iter::from_fn(|| Some((string()?, string().expect("a value behind the key")))).collect()
    }

    pub(crate) mod modifier1 {
        pub(crate) const WSGI: u8 = 0;
        pub(crate) const MANAGE_PATH_INFO: u8 = 30;
        pub(crate) const PING: u8 = 100;
    }
}

/// A record: `u8 version | u8 type | u16 BE requestId | u16 BE contentLength | u8 paddingLength | u8 reserved`, the
/// content, and the padding.
pub(crate) mod fastcgi {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct RecordHeader {
        pub(crate) version: u8,
        pub(crate) record_type: u8,
        pub(crate) request_id: u16,
        pub(crate) content_length: u16,
        pub(crate) padding_length: u8,
    }

    impl RecordHeader {
        pub(crate) const LEN: usize = 8;
        pub(crate) const VERSION: u8 = 1;

        pub(crate) fn new(record_type: u8, request_id: u16, content_length: u16) -> Self {
            RecordHeader {
                version: Self::VERSION,
                record_type,
                request_id,
                content_length,
                padding_length: 0,
            }
        }

        pub(crate) fn record_len(self) -> usize {
            Self::LEN + usize::from(self.content_length) + usize::from(self.padding_length)
        }

        pub(crate) fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
            let [version, record_type, id_high, id_low, length_high, length_low, padding_length, _] = bytes;
            RecordHeader {
                version,
                record_type,
                request_id: u16::from_be_bytes([id_high, id_low]),
                content_length: u16::from_be_bytes([length_high, length_low]),
                padding_length,
            }
        }

        pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
            let (id, length) = (self.request_id.to_be_bytes(), self.content_length.to_be_bytes());
            let [version, record_type] = [self.version, self.record_type];
            [version, record_type, id[0], id[1], length[0], length[1], self.padding_length, 0]
        }
    }

    /// The values of a record's type, by the specification's section 8.
    pub(crate) mod record_type {
        pub(crate) const BEGIN_REQUEST: u8 = 1;
        pub(crate) const ABORT_REQUEST: u8 = 2;
        pub(crate) const END_REQUEST: u8 = 3;
        pub(crate) const PARAMS: u8 = 4;
        pub(crate) const STDIN: u8 = 5;
        pub(crate) const STDOUT: u8 = 6;
        pub(crate) const STDERR: u8 = 7;
        pub(crate) const DATA: u8 = 8;
        pub(crate) const GET_VALUES: u8 = 9;
        pub(crate) const GET_VALUES_RESULT: u8 = 10;
        pub(crate) const UNKNOWN_TYPE: u8 = 11;
    }
}
