//! What the bytes of a FastCGI connection can be wrong about.

use std::fmt;

use crate::protocol::GrammarFault;

/// Bytes that do not follow FastCGI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FastcgiFault {
    /// Neither it can be read nor anything behind it; `in_request` tells that a request is being received, which can be
    /// answered.
    Record {
        fault: RecordFault,
        in_request: bool,
    },
    BeginTwice,
    ParamsLate,
    StdinEarly,
    ParamsCut,
    NameEmpty,
    /// `length` is CONTENT_LENGTH, bytes, and so it is below.
    BodyTooLong {
        length: u64,
    },
    BodyTooShort {
        length: u64,
        received: u64,
    },
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordFault {
    Version { version: u8 },
    BeginLength { len: u16 },
    Values,
}

impl GrammarFault for FastcgiFault {
    /// `None` where there is no request that could be answered.
    fn status(&self) -> Option<&'static str> {
        match self {
            FastcgiFault::Record { in_request: false, .. } => None,
            _ => Some("400 Bad Request"),
        }
    }
}

impl fmt::Display for FastcgiFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FastcgiFault::Record { fault, .. } => fault.fmt(f),
            FastcgiFault::BeginTwice => f.write_str("a second BEGIN_REQUEST for one request"),
            FastcgiFault::ParamsLate => f.write_str("PARAMS behind the end of PARAMS"),
            FastcgiFault::StdinEarly => f.write_str("STDIN before the end of PARAMS"),
            FastcgiFault::ParamsCut => f.write_str("a name or a value reaches beyond the PARAMS stream"),
            FastcgiFault::NameEmpty => f.write_str("a variable has no name"),
            FastcgiFault::BodyTooLong { length } => {
                write!(f, "STDIN is longer than CONTENT_LENGTH, {length}")
            }
            FastcgiFault::BodyTooShort { length, received } => {
                write!(f, "STDIN ended after {received} of CONTENT_LENGTH {length} bytes")
            }
        }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordFault::Version { version } => {
                write!(f, "a record of version {version}, and FastCGI has only 1")
            }
            RecordFault::BeginLength { len } => {
                write!(f, "a BEGIN_REQUEST of {len} bytes, which must have 8")
            }
            RecordFault::Values => f.write_str("a name or a value reaches beyond its GET_VALUES"),
        }
    }
}
