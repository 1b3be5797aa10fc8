//! What a head may be refused for.

use std::fmt;

/// What an application got wrong in a status or a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// The status is not three digits, a space and a reason.
    Status {
        /// What was given.
        status: String,
    },
    /// A status that is no final response: 100 to 199, or not a status code at all.
    Code {
        /// What was given.
        code: u16,
    },
    /// A header name that is not a token (RFC 9110 section 5.6.2).
    Name {
        /// What was given.
        name: String,
    },
    /// A control character in a header value: a response would be split there.
    Value {
        /// The field's name.
        name: String,
        /// Where in the value, bytes.
        offset: usize,
        /// What stands there.
        byte: u8,
    },
    /// A hop-by-hop field, or Status: the server's to say (PEP 3333, "Other HTTP Features").
    ServerOwned {
        /// The field's name.
        name: String,
    },
    /// A Content-Length that is not digits.
    ContentLength {
        /// What was given.
        value: String,
    },
    /// Content-Length stands twice, in two fields or in a list.
    ContentLengthTwice,
    /// More bytes than `Limits::response_head_bytes_max`.
    TooLong {
        /// The bound, bytes.
        bytes_max: usize,
    },
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeadError::Status { status } => write!(f, "status {status:?} is not of the form \"200 OK\""),
            HeadError::Code { code } => write!(f, "status {code} is no final response: use 200 to 999"),
            HeadError::Name { name } => write!(f, "header name {name:?} is not a token"),
            HeadError::Value { name, offset, byte } => {
                write!(f, "header {name}: control character 0x{byte:02x} at offset {offset} of its value")
            }
            HeadError::ServerOwned { name } => write!(f, "header {name} is the server's: leave it out"),
            HeadError::ContentLength { value } => {
                write!(f, "Content-Length {value:?} is not a number of bytes")
            }
            HeadError::ContentLengthTwice => {
                write!(f, "Content-Length is given twice: give it once, as one number")
            }
            HeadError::TooLong { bytes_max } => write!(f, "status and headers are over {bytes_max} bytes"),
        }
    }
}

impl std::error::Error for HeadError {}
