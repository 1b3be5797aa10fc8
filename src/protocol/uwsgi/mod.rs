//! The uwsgi protocol: a header of four bytes, the vars, the body; the reply is a raw HTTP response.
//!
//! See <https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html>.

mod bare;
mod decoder;
mod encoder;
mod header;
mod vars;

pub(crate) use decoder::RequestDecoder;
pub(crate) use encoder::Packet;
pub(crate) use header::{PacketHeader, modifier1};
pub(crate) use vars::vars;
