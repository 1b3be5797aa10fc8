//! HTTP/1.1 and HTTP/1.0 (RFC 9110, RFC 9112): kept alive, pipelined, and strict, for whatever two servers
//! might read in two ways is how requests are smuggled.

mod chunked;
mod decoder;
mod ends;
mod fault;
mod fields;
mod forwarded;
mod head;
mod proxy_protocol;
mod request_line;
mod response;
mod scan;
mod target;

pub(crate) use decoder::Conversation;
pub(crate) use fault::HttpFault;

use super::endpoints::Endpoints;
