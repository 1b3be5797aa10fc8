//! What an HTTP client can get wrong, and the status that it is told.

use std::fmt;

use crate::protocol::{GrammarFault, Stranger};

/// A request that RFC 9112 does not allow, or that two servers might read in two ways. A bound, or what was sent, stands
/// beside what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HttpFault {
    BareLf,
    RequestLine,
    /// What speaks another protocol mostly ends here.
    ControlInRequestLine,
    RequestLineTooLong {
        bytes_max: usize,
    },
    HeadTooLong {
        bytes_max: usize,
    },
    TooManyHeaders {
        count_max: usize,
    },
    /// A space before the colon, a folded line, a control character.
    HeaderLine,
    /// A version that is not 1.0 or later within 1.
    Version,
    /// The target is none of the forms of RFC 9112 section 3.2, or not for this method.
    Target,
    Escape,
    Connect,
    /// HTTP/1.1 wants Host (RFC 9112 section 3.2).
    HostMissing,
    HostTwice,
    Host,
    TypeTwice,
    /// In two lines or in a list.
    LengthTwice,
    Length {
        value: String,
    },
    /// The classic way to smuggle a request.
    LengthAndEncoding,
    /// In a form that has more than one reading.
    Encoding {
        value: String,
    },
    EncodingUnknown {
        value: String,
    },
    EncodingInHttp10,
    ChunkSize,
    ChunkEnd,
    Trailer,
    ChunkLineTooLong {
        bytes_max: usize,
    },
    TrailersTooLong {
        bytes_max: usize,
    },
    TooManyTrailers {
        count_max: usize,
    },
    Expectation,
    /// Another protocol was sent to this port.
    Stranger(Stranger),
    NotHttp,
    ProxyHeader,
}

impl GrammarFault for HttpFault {
    /// `None` closes without a word: a PROXY sender expects no reply.
    fn status(&self) -> Option<&'static str> {
        Some(match self {
            HttpFault::RequestLineTooLong { .. } => "414 URI Too Long",
            HttpFault::HeadTooLong { .. }
            | HttpFault::TooManyHeaders { .. }
            | HttpFault::TrailersTooLong { .. }
            | HttpFault::TooManyTrailers { .. } => "431 Request Header Fields Too Large",
            HttpFault::Stranger(stranger) => return stranger.status(),
            HttpFault::Version => "505 HTTP Version Not Supported",
            HttpFault::EncodingUnknown { .. } | HttpFault::Connect => "501 Not Implemented",
            HttpFault::Expectation => "417 Expectation Failed",
            HttpFault::ProxyHeader => return None,
            _ => "400 Bad Request",
        })
    }
}

impl fmt::Display for HttpFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpFault::BareLf => write!(f, "a line ends in LF without CR"),
            HttpFault::RequestLine => write!(f, "the request line is not \"METHOD TARGET HTTP/1.1\""),
            HttpFault::ControlInRequestLine => {
                write!(f, "a control character in the request line: is this HTTP?")
            }
            HttpFault::RequestLineTooLong { bytes_max } => {
                write!(f, "the request line is over {bytes_max} bytes")
            }
            HttpFault::HeadTooLong { bytes_max } => write!(f, "the head is over {bytes_max} bytes"),
            HttpFault::TooManyHeaders { count_max } => write!(f, "more than {count_max} header fields"),
            HttpFault::HeaderLine => write!(f, "a header line is not \"name: value\""),
            HttpFault::Version => write!(f, "this port speaks HTTP/1.1 and HTTP/1.0"),
            HttpFault::Target => write!(f, "the request target is not a path, a URL, or * for OPTIONS"),
            HttpFault::Escape => write!(f, "the path has a bad percent escape"),
            HttpFault::Connect => write!(f, "CONNECT is for proxies, and this is none"),
            HttpFault::HostMissing => write!(f, "the Host header is missing"),
            HttpFault::HostTwice => write!(f, "the Host header stands twice"),
            HttpFault::Host => write!(f, "the Host header is not a host and a port"),
            HttpFault::TypeTwice => write!(f, "Content-Type stands twice"),
            HttpFault::LengthTwice => write!(f, "Content-Length stands twice: send it once, as one number"),
            HttpFault::Length { value } => write!(f, "Content-Length {value:?} is not a number of bytes"),
            HttpFault::LengthAndEncoding => write!(f, "Content-Length and Transfer-Encoding both stand"),
            HttpFault::Encoding { value } => write!(f, "Transfer-Encoding {value:?} is not chunked alone"),
            HttpFault::EncodingUnknown { value } => {
                write!(f, "Transfer-Encoding {value:?} is not known here")
            }
            HttpFault::EncodingInHttp10 => write!(f, "Transfer-Encoding stands in an HTTP/1.0 request"),
            HttpFault::ChunkSize => write!(f, "a chunk's size line is malformed"),
            HttpFault::ChunkEnd => write!(f, "a chunk is not followed by CR LF"),
            HttpFault::Trailer => write!(f, "the trailer section is malformed"),
            HttpFault::ChunkLineTooLong { bytes_max } => {
                write!(f, "a chunk's size line is over {bytes_max} bytes")
            }
            HttpFault::TrailersTooLong { bytes_max } => {
                write!(f, "the trailer section is over {bytes_max} bytes")
            }
            HttpFault::TooManyTrailers { count_max } => write!(f, "more than {count_max} trailer fields"),
            HttpFault::Expectation => write!(f, "only the expectation 100-continue is known"),
            HttpFault::Stranger(stranger) => stranger.fmt(f),
            HttpFault::NotHttp => write!(f, "this port speaks HTTP, and this is something else"),
            HttpFault::ProxyHeader => {
                write!(f, "no PROXY protocol header came first, which this listener asks for")
            }
        }
    }
}
