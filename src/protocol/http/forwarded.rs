//! What a trusted proxy says of the client: X-Forwarded-*, else Forwarded (RFC 7239).
//!
//! The lines of one name are one list (RFC 9110 section 5.3), and its last element is the nearest proxy's: some
//! append to the line that the client sent, some add a line. Both are read from their end.
//!
//! Most proxies set the former and hand on the latter as the client sent it, so where both stand the standard one
//! would let any client choose its address.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Endpoints;
use crate::application::response_head::is_token;
use crate::application::variables::Variables;

/// Puts the client in the place of the proxy, if the peer is believed. Else those headers stay what any client
/// can send: variables like all others, and nothing more.
pub(super) fn apply(variables: &mut Variables, endpoints: &Endpoints) {
    if !endpoints.is_trusted() {
        return;
    }
    let says = |name: &[u8]| variables.sent(name).next().is_some();
    let told = if says(b"HTTP_FORWARDED") && !X_FORWARDED.iter().any(|name| says(name)) {
        Told::from_forwarded(variables, endpoints)
    } else {
        Told::from_x_forwarded(variables, endpoints)
    };
    if let Some((address, port)) = told.client {
        variables.set(b"REMOTE_ADDR", address.to_string().as_bytes());
        match port {
            Some(port) => variables.set(b"REMOTE_PORT", port.to_string().as_bytes()),
            None => variables.remove(b"REMOTE_PORT"),
        }
    }
    if let Some(host) = told.host.filter(|host| super::target::is_host(host)) {
        variables.set(b"HTTP_HOST", &host);
    }
    match told.scheme.as_deref() {
        Some(b"https") => {
            variables.set(b"REQUEST_SCHEME", b"https");
            variables.set(b"HTTPS", b"on");
        }
        Some(b"http") => variables.set(b"REQUEST_SCHEME", b"http"),
        _ => {}
    }
    if let Some(port) = told.port.filter(|port| !port.is_empty() && port.iter().all(u8::is_ascii_digit)) {
        variables.set(b"SERVER_PORT", &port);
    }
}

const X_FORWARDED: [&[u8]; 4] =
    [b"HTTP_X_FORWARDED_FOR", b"HTTP_X_FORWARDED_HOST", b"HTTP_X_FORWARDED_PROTO", b"HTTP_X_FORWARDED_PORT"];

#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    client: Option<(IpAddr, Option<u16>)>,
    host: Option<Vec<u8>>,
    scheme: Option<Vec<u8>>,
    port: Option<Vec<u8>>,
}

impl Told {
    /// The element of the proxy that is nearest to the client among those that are believed.
    fn from_forwarded(variables: &Variables, endpoints: &Endpoints) -> Self {
        let mut told = Told::default();
        let lines = variables.sent(b"HTTP_FORWARDED").rev();
        for element in lines.flat_map(|line| Elements { left: Some(line) }) {
            // Left of an element that cannot be read, nobody knows who speaks.
            let Some(hop) = Told::from_element(element) else { break };
            let Some((address, _)) = hop.client else { break };
            told = hop;
            if !endpoints.trust.includes(address) {
                break;
            }
        }
        told
    }

    /// `for=192.0.2.1;proto=https;host="a.example"`, in any order, with others that mean nothing here. `None` if it
    /// is not of that form to its end: a quote that was opened left of it may have moved its borders.
    fn from_element(element: &[u8]) -> Option<Self> {
        let (mut node, mut hop) = (None, Told::default());
        let mut rest = element.trim_ascii();
        while !rest.is_empty() {
            if let [b';', next @ ..] = rest {
                rest = next.trim_ascii_start();
                continue;
            }
            let equals = memchr::memchr(b'=', rest)?;
            let (name, value) = (&rest[..equals], &rest[equals + 1..]);
            let (value, behind) = unquote(value)?;
            rest = behind.trim_ascii_start();
            if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) || !matches!(rest, [] | [b';', ..])
            {
                return None;
            }
            let slot = match name.to_ascii_lowercase().as_slice() {
                b"for" => &mut node,
                b"host" => &mut hop.host,
                b"proto" => &mut hop.scheme,
                _ => continue,
            };
            // RFC 7239 section 4: each once. A proxy that puts a client's host between quotes as it came sends two.
            if slot.replace(value).is_some() {
                return None;
            }
        }
        hop.client = node.and_then(|node| parse_node(&node));
        hop.scheme = hop.scheme.map(|scheme| scheme.to_ascii_lowercase());
        Some(hop)
    }

    fn from_x_forwarded(variables: &Variables, endpoints: &Endpoints) -> Self {
        let last = |name: &[u8]| {
            let value = variables.sent(name).next_back()?.rsplit(|byte| *byte == b',').next()?.trim_ascii();
            (!value.is_empty()).then(|| value.to_vec())
        };
        let mut told = Told {
            client: None,
            host: last(b"HTTP_X_FORWARDED_HOST"),
            scheme: last(b"HTTP_X_FORWARDED_PROTO").map(|scheme| scheme.to_ascii_lowercase()),
            port: last(b"HTTP_X_FORWARDED_PORT"),
        };
        let lines = variables.sent(b"HTTP_X_FORWARDED_FOR").rev();
        for hop in lines.flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            let Some(client) = parse_node(hop.trim_ascii()) else { break };
            told.client = Some(client);
            if !endpoints.trust.includes(client.0) {
                break;
            }
        }
        told
    }
}

/// A line's elements, from its right end: the proxy's own stands there, and all that stands left of it may be a
/// client's.
///
/// A comma ends an element where the quotes between it and the element's right end are balanced. Read from the left,
/// a quote that a client opens and never closes would take the proxy's element into its string.
struct Elements<'a> {
    left: Option<&'a [u8]>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.left.take()?;
        let mut quoted = false;
        for at in memchr::memrchr2_iter(b',', b'"', line) {
            if line[at] == b'"' {
                let escapes = line[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
                quoted ^= escapes % 2 == 0;
            } else if !quoted {
                self.left = Some(&line[..at]);
                return Some(&line[at + 1..]);
            }
        }
        Some(line)
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn parse_node(node: &[u8]) -> Option<(IpAddr, Option<u16>)> {
    let node = std::str::from_utf8(node).ok()?;
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some((address, None));
    }
    if let Ok(address) = node.parse::<SocketAddr>() {
        return Some((address.ip(), Some(address.port())));
    }
    let literal = node.strip_prefix('[')?.strip_suffix(']')?;
    literal.parse::<Ipv6Addr>().ok().map(|address| (address.into(), None))
}

/// A pair's value, without its quotes, and what stands behind it. An address with a port is taken without quotes
/// too, which RFC 7239 section 6 wants and some proxies forget.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| b";\"\\, \t".contains(byte)).unwrap_or(text.len());
        return Some((text[..end].to_vec(), &text[end..]));
    };
    let (mut value, mut bytes) = (Vec::new(), quoted.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return Some((value, bytes.as_slice())),
            b'\\' => value.push(*bytes.next()?),
            _ => value.push(*byte),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::endpoints::Trust;

    fn applied(proxies: &[&str], headers: &[(&str, &str)]) -> Variables {
        let trust =
            Trust { proxies: proxies.iter().map(|p| p.parse().unwrap()).collect(), proxy_protocol: false };
        let peer = Some("10.0.0.9:5000".parse().unwrap());
        let endpoints =
            Endpoints { peer, local: Some("10.0.0.1:80".parse().unwrap()), trust: Arc::new(trust) };
        let mut variables = Variables::new();
        endpoints.write(&mut variables);
        for (name, value) in headers {
            variables.push_header(name.as_bytes(), value.as_bytes());
        }
        apply(&mut variables, &endpoints);
        variables
    }

    fn remote(variables: &Variables) -> String {
        String::from_utf8(variables.get(b"REMOTE_ADDR").unwrap().to_vec()).unwrap()
    }

    #[test]
    fn only_a_trusted_peer_is_believed() {
        let headers = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")];
        let stranger = applied(&["172.16.0.0/12"], &headers);
        assert_eq!((remote(&stranger).as_str(), stranger.url_scheme()), ("10.0.0.9", "http"));
        let proxy = applied(&["10.0.0.0/8"], &headers);
        assert_eq!((remote(&proxy).as_str(), proxy.url_scheme()), ("192.0.2.1", "https"));
        assert_eq!(proxy.get(b"REMOTE_PORT"), None);
    }

    #[test]
    fn the_client_is_the_last_that_no_trusted_proxy_is() {
        for (hops, want) in [
            ("1.1.1.1, 192.0.2.1, 10.0.0.5", "192.0.2.1"),
            ("10.0.0.7, 10.0.0.5", "10.0.0.7"),
            ("spoofed, 192.0.2.1", "192.0.2.1"),
            ("unknown, 10.0.0.5", "10.0.0.5"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("", "10.0.0.9"),
        ] {
            assert_eq!(remote(&applied(&["10.0.0.0/8"], &[("X-Forwarded-For", hops)])), want, "{hops}");
        }
    }

    #[test]
    fn forwarded_is_read_hop_by_hop() {
        let forwarded =
            "for=\"_x,y\"; proto=http, For=\"[2001:db8::2]:80\";Proto=HTTPS;host=\"a.example\", for=10.0.0.5";
        let seen = applied(&["10.0.0.0/8"], &[("Forwarded", forwarded)]);
        assert_eq!(remote(&seen), "2001:db8::2");
        assert_eq!(seen.get(b"REMOTE_PORT"), Some(b"80".as_slice()));
        assert_eq!(seen.get(b"HTTP_HOST"), Some(b"a.example".as_slice()));
        assert_eq!(seen.url_scheme(), "https");
    }

    #[test]
    fn an_element_is_cut_where_its_own_quotes_are_balanced() {
        for (line, want) in [
            ("a, b", &[" b", "a"][..]),
            ("", &[""]),
            ("a,", &["", "a"]),
            ("x=\"1,2\", y", &[" y", "x=\"1,2\""]),
            ("open=\"x, y", &[" y", "open=\"x"]),
            ("open=\"x, host=\"a,b\"", &[" host=\"a,b\"", "open=\"x"]),
            (r#"a, host="b\",c""#, &[r#" host="b\",c""#, "a"]),
            (r#"a, host="b\\", c"#, &[" c", r#" host="b\\""#, "a"]),
        ] {
            let got: Vec<_> = Elements { left: Some(line.as_bytes()) }.collect();
            let want: Vec<_> = want.iter().map(|element| element.as_bytes()).collect();
            assert_eq!(got, want, "{line}");
        }
    }

    #[test]
    fn an_element_that_is_none_to_its_end_is_not_read() {
        for element in [
            "for",
            "=1.2.3.4",
            "for=1.2.3.4 proto=https",
            "for=\"1.2.3.4",
            "for=\"1.2.3.4\\\"",
            "for=\"1.2.3.4\"x",
            "for=1.2.3.4;for=5.6.7.8",
            "a b=c;for=1.2.3.4",
            "for=1.2.3.4;proto=\"http\"s",
        ] {
            assert_eq!(Told::from_element(element.as_bytes()), None, "{element}");
        }
        let told = Told::from_element(br#" For="[::1]:80" ; by=_x;; HOST="a\b";proto=HTTPS; "#).unwrap();
        let client = Some((IpAddr::from(Ipv6Addr::LOCALHOST), Some(80)));
        assert_eq!(
            told,
            Told { client, host: Some(b"ab".to_vec()), scheme: Some(b"https".to_vec()), port: None }
        );
    }

    #[test]
    fn forwarded_counts_only_where_no_x_forwarded_stands() {
        let spoofed = ("Forwarded", "for=1.2.3.4;proto=https");
        for header in [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "http")] {
            let seen = applied(&["10.0.0.0/8"], &[spoofed, header]);
            assert_ne!(remote(&seen), "1.2.3.4", "{header:?}");
            assert_eq!(seen.url_scheme(), "http", "{header:?}");
        }
    }
}
