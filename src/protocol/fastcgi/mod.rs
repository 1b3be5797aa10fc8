//! FastCGI 1.0 in the responder's role: records of several streams on a connection that may be kept.
//!
//! One request at a time: FCGI_MPXS_CONNS is 0, and no front end of today multiplexes.
//! See <https://fastcgi-archives.github.io/FastCGI_Specification.html>.

mod conversation;
mod fault;
mod management;
mod params;
mod partial;
mod record;
mod request;
mod response;

pub(crate) use conversation::Conversation;
pub(crate) use fault::{FastcgiFault, RecordFault};
