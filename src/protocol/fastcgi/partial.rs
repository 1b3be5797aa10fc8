//! A record as it arrives.

use super::record::RecordHeader;

/// How far the record has come, and what it is.
pub(super) enum Partial {
    /// Its header is arriving.
    Header { bytes: [u8; RecordHeader::LEN], filled: usize },
    /// Its header is complete, and not judged yet.
    Whole(RecordHeader),
    /// `left` bytes of its content are to come.
    Content { header: RecordHeader, meaning: Meaning, left: usize },
    /// `left` bytes of its padding are to come.
    Padding { header: RecordHeader, meaning: Meaning, left: usize },
}

impl Default for Partial {
    fn default() -> Self {
        Partial::Header { bytes: [0; RecordHeader::LEN], filled: 0 }
    }
}

/// What a record is to the connection.
#[derive(Default)]
pub(super) enum Meaning {
    /// BEGIN_REQUEST, of which this content has come.
    Begin(Vec<u8>),
    /// ABORT_REQUEST of the request that is served.
    Abort,
    /// A piece of its variables.
    Params,
    /// A piece of its body.
    Stdin,
    /// GET_VALUES, of which this content has come.
    Values(Vec<u8>),
    /// A management record of another type.
    Unknown,
    /// Nothing.
    #[default]
    Nothing,
}
