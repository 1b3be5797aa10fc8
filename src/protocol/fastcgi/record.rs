//! A record's header, and the numbers of the specification (section 8).

use byteorder::{BigEndian, ByteOrder};

/// `u8 version | u8 type | u16 BE requestId | u16 BE contentLength | u8 paddingLength | u8 reserved`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    /// What kind of record this is; see [`record_type`].
    pub record_type: u8,
    /// Which request it is part of; 0 for management.
    pub request_id: u16,
    /// Length of the content behind the header, bytes.
    pub content_length: u16,
    /// Length of the padding behind the content, bytes.
    pub padding_length: u8,
}

impl RecordHeader {
    /// Its length on the wire, bytes.
    pub(super) const LEN: usize = 8;
    /// FCGI_VERSION_1.
    pub(super) const VERSION: u8 = 1;

    /// A header of a record without padding.
    pub(super) fn new(record_type: u8, request_id: u16, content_length: u16) -> Self {
        RecordHeader { record_type, request_id, content_length, padding_length: 0 }
    }

    /// The length of the whole record, bytes.
    pub(super) fn record_len(self) -> usize {
        Self::LEN + usize::from(self.content_length) + usize::from(self.padding_length)
    }

    /// Reads a header, whose version has been looked at.
    pub(super) fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        RecordHeader {
            record_type: bytes[1],
            request_id: BigEndian::read_u16(&bytes[2..4]),
            content_length: BigEndian::read_u16(&bytes[4..6]),
            padding_length: bytes[6],
        }
    }

    /// The header's bytes.
    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [Self::VERSION, self.record_type, 0, 0, 0, 0, self.padding_length, 0];
        BigEndian::write_u16(&mut bytes[2..4], self.request_id);
        BigEndian::write_u16(&mut bytes[4..6], self.content_length);
        bytes
    }
}

/// The values of a record's type, by the specification's names.
pub(super) mod record_type {
    pub(crate) const BEGIN_REQUEST: u8 = 1;
    pub(crate) const ABORT_REQUEST: u8 = 2;
    pub(crate) const END_REQUEST: u8 = 3;
    pub(crate) const PARAMS: u8 = 4;
    pub(crate) const STDIN: u8 = 5;
    pub(crate) const STDOUT: u8 = 6;
    pub(crate) const STDERR: u8 = 7;
    pub(crate) const GET_VALUES: u8 = 9;
    pub(crate) const GET_VALUES_RESULT: u8 = 10;
    pub(crate) const UNKNOWN_TYPE: u8 = 11;
}

/// FCGI_RESPONDER.
pub(super) const ROLE_RESPONDER: u16 = 1;
/// FCGI_KEEP_CONN: the connection is not closed behind the request.
pub(super) const FLAG_KEEP_CONN: u8 = 1;
/// A BEGIN_REQUEST's and an END_REQUEST's content, bytes.
pub(super) const BODY_LEN: usize = 8;

/// What an END_REQUEST says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProtocolStatus {
    RequestComplete = 0,
    CantMpxConn = 1,
    UnknownRole = 3,
}

/// Writes the header of a record without padding, whose content is to follow.
pub(super) fn write_header(record_type: u8, request_id: u16, content_length: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&RecordHeader::new(record_type, request_id, content_length).to_bytes());
}

/// Writes an END_REQUEST.
pub(super) fn write_end(request_id: u16, status: ProtocolStatus, out: &mut Vec<u8>) {
    write_header(record_type::END_REQUEST, request_id, BODY_LEN as u16, out);
    out.extend_from_slice(&[0, 0, 0, 0, status as u8, 0, 0, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_big_endian() {
        let header =
            RecordHeader { padding_length: 7, ..RecordHeader::new(record_type::STDIN, 0x0102, 0x0304) };
        assert_eq!(header.to_bytes(), [1, 5, 1, 2, 3, 4, 7, 0]);
        assert_eq!(RecordHeader::from_bytes(header.to_bytes()), header);
    }
}
