//! The request target's forms (RFC 9112 section 3.2).

use super::HttpFault;

/// A target, taken apart; nothing is decoded yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) path: &'a [u8],
    pub(super) query: &'a [u8],
    /// Of the absolute form: it counts instead of Host.
    pub(super) authority: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// `target` is not empty and has no space, no control and no `#`.
    pub(super) fn parse(method: &[u8], target: &'a [u8]) -> Result<Self, HttpFault> {
        if target == b"*" && method == b"OPTIONS" {
            return Ok(Target { path: target, query: b"", authority: None });
        }
        let (authority, rest) = match target.first() {
            Some(b'/') => (None, target),
            _ => absolute(target)?,
        };
        let (path, query) = match memchr::memchr(b'?', rest) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &[] as &[u8]),
        };
        Ok(Target { path: if path.is_empty() { b"/" } else { path }, query, authority })
    }
}

/// Whether `host` may stand in a Host header or an authority: RFC 3986's host and an optional port, no user, and
/// no comma, at which a list would be cut.
pub(super) fn is_host(host: &[u8]) -> bool {
    let (is_name, port) = match host {
        [b'[', rest @ ..] => {
            let Some(end) = memchr::memchr(b']', rest) else { return false };
            let (literal, port) = (&rest[..end], &rest[end + 1..]);
            let is_literal = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            (!literal.is_empty() && literal.iter().all(is_literal), port)
        }
        _ => {
            let (name, port) = host.split_at(memchr::memchr(b':', host).unwrap_or(host.len()));
            (is_registered_name(name), port)
        }
    };
    is_name && matches!(port, [] | [b':', ..]) && port.iter().skip(1).all(u8::is_ascii_digit)
}

/// RFC 3986's reg-name, but not an empty one.
fn is_registered_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let [first, behind @ ..] = rest {
        rest = match (first, behind) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => behind,
            (byte, _) if IN_NAME[usize::from(*byte)] => behind,
            _ => return false,
        };
    }
    !name.is_empty()
}

/// Which bytes stand in a reg-name as they are.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"-._~!$&'()*+;=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

fn absolute(target: &[u8]) -> Result<(Option<&[u8]>, &[u8]), HttpFault> {
    let scheme = [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .ok_or(HttpFault::Target)?;
    let rest = &target[scheme.len()..];
    let (authority, rest) =
        rest.split_at(rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len()));
    if !is_host(authority) {
        return Err(HttpFault::Target);
    }
    Ok((Some(authority), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_target() {
        for (method, target, want) in [
            ("GET", "/a/b?c=d?e", Some(("/a/b", "c=d?e", None))),
            ("GET", "/", Some(("/", "", None))),
            ("GET", "//a", Some(("//a", "", None))),
            ("GET", "http://h:1/a?b", Some(("/a", "b", Some("h:1")))),
            ("GET", "HTTPS://h?b", Some(("/", "b", Some("h")))),
            ("OPTIONS", "*", Some(("*", "", None))),
            ("GET", "*", None),
            ("GET", "a", None),
            ("GET", "http:///a", None),
            ("GET", "http://u@h/", None),
            ("GET", "http://:80/", None),
            ("GET", "http://h", Some(("/", "", Some("h")))),
            ("GET", "ftp://h/", None),
        ] {
            let got = Target::parse(method.as_bytes(), target.as_bytes()).ok();
            let want = want.map(|(path, query, authority): (&str, &str, Option<&str>)| Target {
                path: path.as_bytes(),
                query: query.as_bytes(),
                authority: authority.map(str::as_bytes),
            });
            assert_eq!(got, want, "{method} {target}");
        }
    }

    #[test]
    fn a_host_is_a_name_and_a_port() {
        for host in ["a", "a.b:80", "[::1]", "[::1]:80", "127.0.0.1", "a:", "x_y", "a%2Cb"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "a b", "a,b", "u@h", "a:b", "[::1", "a/b", "[::1]x", "a:1:2", "x]", "", ":80", "[]", "[v1.x]",
            "%2", "\u{e9}",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
