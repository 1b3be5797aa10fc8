//! A packet without REQUEST_METHOD: the front end's block lacks `include uwsgi_params;`. uWSGI serves it, so we do.

use crate::application::variables::Variables;
use crate::protocol::percent;

/// What its operator is told.
pub(super) const WARNING: &str = "a packet has no REQUEST_METHOD and is served as a GET: does nginx's block have `include \
uwsgi_params;` beside uwsgi_pass?";

/// Whether it is one.
pub(super) fn is_bare(variables: &Variables) -> bool {
    variables.get(b"REQUEST_METHOD").is_none_or(<[u8]>::is_empty)
}

/// Makes it a GET with what PEP 3333 wants of every request. The path and the query are REQUEST_URI's, if that was sent.
pub(super) fn complete(variables: &mut Variables) {
    variables.set(b"REQUEST_METHOD", b"GET");
    if variables.get(b"SERVER_PROTOCOL").is_none_or(<[u8]>::is_empty) {
        variables.set(b"SERVER_PROTOCOL", b"HTTP/1.1");
    }
    let Some(uri) = variables.get(b"REQUEST_URI").filter(|uri| uri.starts_with(b"/")) else { return };
    let (path, query) = uri.split_at(memchr::memchr(b'?', uri).unwrap_or(uri.len()));
    let query = query.get(1..).map(<[u8]>::to_vec);
    let mut decoded = Vec::new();
    let is_path = percent::decode(path, |piece| decoded.extend_from_slice(piece)).is_ok();
    if is_path && variables.get(b"PATH_INFO").is_none() {
        variables.set(b"PATH_INFO", &decoded);
        super::decoder::strip_script_name(variables);
    }
    if let Some(query) = query
        && variables.get(b"QUERY_STRING").is_none()
    {
        variables.set(b"QUERY_STRING", &query);
    }
}
