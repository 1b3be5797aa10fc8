//! What a trusted proxy says of the client: X-Forwarded-*, else Forwarded (RFC 7239).
//!
//! Most proxies set the former and hand on the latter as the client sent it, so where both stand the standard one
//! would let any client choose its address.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Arrival;
use crate::variables::Variables;

/// Puts the client in the place of the proxy, if the peer is believed. Else those headers stay what any client
/// can send: variables like all others, and nothing more.
pub(super) fn apply(variables: &mut Variables, arrival: &Arrival) {
    if !arrival.is_trusted() {
        return;
    }
    let told = match variables.get(b"HTTP_FORWARDED") {
        Some(forwarded) if X_FORWARDED.iter().all(|name| variables.get(name).is_none()) => {
            Told::from_forwarded(forwarded, arrival)
        }
        _ => Told::from_x_forwarded(variables, arrival),
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
    fn from_forwarded(value: &[u8], arrival: &Arrival) -> Self {
        let mut told = Told::default();
        for element in split_unquoted(value, b',').into_iter().rev() {
            let mut hop = Told::default();
            for pair in split_unquoted(element, b';') {
                let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
                let (name, value) = (pair[..equals].trim_ascii(), unquote(pair[equals + 1..].trim_ascii()));
                match name.to_ascii_lowercase().as_slice() {
                    b"for" => hop.client = parse_node(&value),
                    b"host" => hop.host = Some(value),
                    b"proto" => hop.scheme = Some(value.to_ascii_lowercase()),
                    _ => {}
                }
            }
            let Some((address, _)) = hop.client else { break };
            told = hop;
            if !arrival.trust.includes(address) {
                break;
            }
        }
        told
    }

    fn from_x_forwarded(variables: &Variables, arrival: &Arrival) -> Self {
        let last = |name: &[u8]| {
            let value = variables.get(name)?.rsplit(|byte| *byte == b',').next()?.trim_ascii();
            (!value.is_empty()).then(|| value.to_vec())
        };
        let mut told = Told {
            client: None,
            host: last(b"HTTP_X_FORWARDED_HOST"),
            scheme: last(b"HTTP_X_FORWARDED_PROTO").map(|scheme| scheme.to_ascii_lowercase()),
            port: last(b"HTTP_X_FORWARDED_PORT"),
        };
        let hops = variables.get(b"HTTP_X_FORWARDED_FOR").unwrap_or_default();
        for hop in hops.rsplit(|byte| *byte == b',') {
            let Some(client) = parse_node(hop.trim_ascii()) else { break };
            told.client = Some(client);
            if !arrival.trust.includes(client.0) {
                break;
            }
        }
        told
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

fn split_unquoted(value: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(|byte| {
            let is_separator = *byte == separator && !quoted;
            quoted ^= *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && quoted && !escaped;
            is_separator
        })
        .collect()
}

fn unquote(value: &[u8]) -> Vec<u8> {
    match value {
        [b'"', inner @ .., b'"'] => inner.iter().copied().filter(|byte| *byte != b'\\').collect(),
        _ => value.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::arrival::Trust;

    fn applied(proxies: &[&str], headers: &[(&str, &str)]) -> Variables {
        let trust =
            Trust { proxies: proxies.iter().map(|p| p.parse().unwrap()).collect(), proxy_protocol: false };
        let peer = Some("10.0.0.9:5000".parse().unwrap());
        let arrival = Arrival { peer, local: Some("10.0.0.1:80".parse().unwrap()), trust: Arc::new(trust) };
        let mut variables = Variables::new();
        arrival.write(&mut variables);
        for (name, value) in headers {
            variables.push_header(name.as_bytes(), value.as_bytes());
        }
        apply(&mut variables, &arrival);
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
    fn forwarded_counts_only_where_no_x_forwarded_stands() {
        let spoofed = ("Forwarded", "for=1.2.3.4;proto=https");
        for header in [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "http")] {
            let seen = applied(&["10.0.0.0/8"], &[spoofed, header]);
            assert_ne!(remote(&seen), "1.2.3.4", "{header:?}");
            assert_eq!(seen.url_scheme(), "http", "{header:?}");
        }
    }
}
