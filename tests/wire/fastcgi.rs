//! A record: `u8 version | u8 type | u16 BE requestId | u16 BE contentLength | u8 paddingLength | u8 reserved`, the
//! content, and the padding. Records to send, and the records of an answer.

use super::{Pairs, split_head};

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
        RecordHeader { version: Self::VERSION, record_type, request_id, content_length, padding_length: 0 }
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

pub(crate) const KEEP_CONN: u8 = 1;
pub(crate) const REQUEST_COMPLETE: u8 = 0;
pub(crate) const CANT_MPX_CONN: u8 = 1;

pub(crate) fn record(record_type: u8, id: u16, content: &[u8]) -> Vec<u8> {
    padded(record_type, id, content, 0)
}

/// A record with so much padding, which is not zero.
pub(crate) fn padded(record_type: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap();
    let header = RecordHeader { padding_length: padding, ..RecordHeader::new(record_type, id, len) };
    [&header.to_bytes(), content, &vec![0xFF; usize::from(padding)]].concat()
}

pub(crate) fn begin(id: u16, flags: u8) -> Vec<u8> {
    record(record_type::BEGIN_REQUEST, id, &[0, 1, flags, 0, 0, 0, 0, 0])
}

pub(crate) fn abort(id: u16) -> Vec<u8> {
    record(record_type::ABORT_REQUEST, id, b"")
}

/// GET_VALUES of the one name that has an answer, and that answer.
pub(crate) fn get_values() -> (Vec<u8>, Record) {
    let asked = block(&[(b"FCGI_MPXS_CONNS", b"")]);
    let content = block(&[(b"FCGI_MPXS_CONNS", b"0")]);
    (
        record(record_type::GET_VALUES, 0, &asked),
        Record { record_type: record_type::GET_VALUES_RESULT, id: 0, content },
    )
}

pub(crate) fn end(id: u16, protocol_status: u8) -> Record {
    let content = vec![0, 0, 0, 0, protocol_status, 0, 0, 0];
    Record { record_type: record_type::END_REQUEST, id, content }
}

/// Name-value pairs, each length in as few bytes as it can be.
pub(crate) fn block(pairs: Pairs<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in pairs {
        for len in [name.len(), value.len()] {
            match u8::try_from(len) {
                Ok(len @ ..0x80) => block.push(len),
                _ => block.extend_from_slice(&(u32::try_from(len).unwrap() | 1 << 31).to_be_bytes()),
            }
        }
        block.extend_from_slice(name);
        block.extend_from_slice(value);
    }
    block
}

/// The records of a stream, and the empty one that ends it.
pub(crate) fn stream(record_type: u8, id: u16, bytes: &[u8]) -> Vec<u8> {
    let records: Vec<_> = bytes.chunks(65_535).map(|piece| record(record_type, id, piece)).collect();
    [records.concat(), record(record_type, id, b"")].concat()
}

/// A request up to the end of its PARAMS.
pub(crate) fn head(id: u16, flags: u8, pairs: Pairs<'_>) -> Vec<u8> {
    [begin(id, flags), stream(record_type::PARAMS, id, &block(pairs))].concat()
}

pub(crate) fn request(id: u16, flags: u8, pairs: Pairs<'_>, body: &[u8]) -> Vec<u8> {
    [head(id, flags, pairs), stream(record_type::STDIN, id, body)].concat()
}

pub(crate) fn get(id: u16, flags: u8, path: &str) -> Vec<u8> {
    request(id, flags, &[(b"REQUEST_METHOD", b"GET"), (b"PATH_INFO", path.as_bytes())], b"")
}

/// A POST up to its body of `len` bytes.
pub(crate) fn post_head(id: u16, flags: u8, path: &str, len: usize) -> Vec<u8> {
    let len = len.to_string();
    let pairs: Pairs<'_> =
        &[(b"REQUEST_METHOD", b"POST"), (b"PATH_INFO", path.as_bytes()), (b"CONTENT_LENGTH", len.as_bytes())];
    head(id, flags, pairs)
}

pub(crate) fn post(id: u16, flags: u8, path: &str, body: &[u8]) -> Vec<u8> {
    [post_head(id, flags, path, body.len()), stream(record_type::STDIN, id, body)].concat()
}

/// A record of an answer.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) record_type: u8,
    pub(crate) id: u16,
    pub(crate) content: Vec<u8>,
}

impl Record {
    /// Takes a whole record off the front of `bytes`, which must be as we write them.
    pub(crate) fn take(bytes: &mut &[u8]) -> Option<Record> {
        let (header, rest) = bytes.split_first_chunk()?;
        let header = RecordHeader::from_bytes(*header);
        assert_eq!((header.version, header.padding_length), (1, 0), "{:?}", bytes[..8].escape_ascii());
        let (content, rest) = rest.split_at_checked(usize::from(header.content_length))?;
        *bytes = rest;
        Some(Record { record_type: header.record_type, id: header.request_id, content: content.to_vec() })
    }

    /// The records of which `bytes` consists.
    #[track_caller]
    pub(crate) fn all(mut bytes: &[u8]) -> Vec<Record> {
        let records = std::iter::from_fn(|| Record::take(&mut bytes)).collect();
        assert!(bytes.is_empty(), "{} bytes behind the last record", bytes.len());
        records
    }

    pub(crate) fn is_end(&self) -> bool {
        self.record_type == record_type::END_REQUEST
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.content[..self.content.len().min(200)];
        let (len, content) = (self.content.len(), shown.escape_ascii());
        write!(f, "type {} of {}, {len} bytes: {content}", self.record_type, self.id)
    }
}

/// The streams of one request's answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// Whether the empty record came that ends STDOUT.
    pub(crate) ended: bool,
}

impl Answer {
    /// Puts a record of request `id` to the others.
    #[track_caller]
    pub(crate) fn push(&mut self, id: u16, record: &Record) {
        assert_eq!(record.id, id, "{record:?}");
        match record.record_type {
            record_type::STDOUT => {
                assert!(!self.ended, "STDOUT behind its end");
                self.ended = record.content.is_empty();
                self.stdout.extend_from_slice(&record.content);
            }
            record_type::STDERR => self.stderr.extend_from_slice(&record.content),
            other => panic!("type {other} in an answer: {record:?}"),
        }
    }

    /// The status and the fields, and the body.
    #[track_caller]
    pub(crate) fn parts(&self) -> (String, &[u8]) {
        split_head(&self.stdout)
    }
}
