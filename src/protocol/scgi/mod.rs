//! SCGI: a netstring of headers, each name and value ended by NUL, then the body; the reply is a raw HTTP
//! response, or CGI's where the peer reads no other.
//!
//! See <https://python.ca/scgi/protocol.txt>.

mod decoder;
mod fault;
mod headers;

pub(crate) use decoder::RequestDecoder;
pub(crate) use fault::ScgiFault;
