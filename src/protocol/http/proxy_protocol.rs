//! The PROXY protocol, versions 1 and 2: a load balancer's first bytes, which name the client.
//!
//! See <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What the first bytes of a connection came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The header goes on in bytes that have not arrived.
    More,
    /// It took so many bytes. No client is named in a balancer's own health check.
    Header { len: usize, client: Option<SocketAddr> },
    /// It is no PROXY header.
    Wrong,
}

/// Reads a header of either version off the front of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let starts = |signature: &[u8]| bytes.iter().zip(signature).all(|(byte, wanted)| byte == wanted);
    if starts(V1_SIGNATURE) {
        parse_v1(bytes)
    } else if starts(V2_SIGNATURE) {
        parse_v2(bytes)
    } else {
        Parsed::Wrong
    }
}

const V1_SIGNATURE: &[u8] = b"PROXY ";
const V1_UNKNOWN: &[u8] = b"PROXY UNKNOWN";
/// Section 2.1: the longest line, bytes, with its end.
const V1_BYTES_MAX: usize = 107;
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const V2_HEADER_BYTES: usize = 16;
/// Addresses take at most 216 bytes; the rest are extensions (TLS certificates among them).
const V2_REST_BYTES_MAX: usize = 4 << 10;

fn parse_v1(bytes: &[u8]) -> Parsed {
    if let Some(rest) = bytes.strip_prefix(V1_UNKNOWN) {
        return parse_v1_unknown(rest);
    }
    let Some(end) = bytes.iter().take(V1_BYTES_MAX).position(|byte| *byte == b'\n') else {
        return if bytes.len() < V1_BYTES_MAX { Parsed::More } else { Parsed::Wrong };
    };
    let line = std::str::from_utf8(&bytes[..end]).ok().and_then(|line| line.strip_suffix('\r'));
    let words: Vec<&str> = line.unwrap_or_default().split(' ').collect();
    let client = match words.as_slice() {
        ["PROXY", family @ ("TCP4" | "TCP6"), source, destination, port, destination_port] => {
            let is_v4 = *family == "TCP4";
            match (end_v1(is_v4, source, port), end_v1(is_v4, destination, destination_port)) {
                (Some(source), Some(_)) => source,
                _ => return Parsed::Wrong,
            }
        }
        _ => return Parsed::Wrong,
    };
    Parsed::Header { len: end + 1, client: Some(client) }
}

/// Section 2.1: whatever stands before the CR LF is ignored, bytes that are no text and a lone LF too.
fn parse_v1_unknown(rest: &[u8]) -> Parsed {
    let rest = &rest[..rest.len().min(V1_BYTES_MAX - V1_UNKNOWN.len())];
    match rest {
        [] | [b'\r'] => Parsed::More,
        [b' ', ..] | [b'\r', b'\n', ..] => match memchr::memmem::find(rest, b"\r\n") {
            Some(end) => Parsed::Header { len: V1_UNKNOWN.len() + end + 2, client: None },
            None if rest.len() < V1_BYTES_MAX - V1_UNKNOWN.len() => Parsed::More,
            None => Parsed::Wrong,
        },
        _ => Parsed::Wrong,
    }
}

fn end_v1(is_v4: bool, address: &str, port: &str) -> Option<SocketAddr> {
    let address = address.parse::<IpAddr>().ok().filter(|address| address.is_ipv4() == is_v4)?;
    // parse() alone would take a plus sign, and leading zeros, which section 2.1 does not allow.
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && (port == "0" || !port.starts_with('0'));
    Some(SocketAddr::new(address, port.parse().ok().filter(|_| is_number)?))
}

fn parse_v2(bytes: &[u8]) -> Parsed {
    let Some(header) = bytes.first_chunk::<V2_HEADER_BYTES>() else { return Parsed::More };
    let (version, command, family) = (header[12] >> 4, header[12] & 15, header[13]);
    let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if version != 2 || command > 1 || rest > V2_REST_BYTES_MAX {
        return Parsed::Wrong;
    }
    let len = V2_HEADER_BYTES + rest;
    let Some(addresses) = bytes.get(V2_HEADER_BYTES..len) else { return Parsed::More };
    let client = match (command, family) {
        (1, 0x11) => ends::<4, 12>(addresses).map(|(ip, port)| (Ipv4Addr::from(ip), port).into()),
        (1, 0x21) => ends::<16, 36>(addresses).map(|(ip, port)| (Ipv6Addr::from(ip), port).into()),
        _ => return Parsed::Header { len, client: None },
    };
    client.map_or(Parsed::Wrong, |client| Parsed::Header { len, client: Some(client) })
}

/// The source of `source address, destination address, source port, destination port`.
fn ends<const IP: usize, const ALL: usize>(addresses: &[u8]) -> Option<([u8; IP], u16)> {
    let all = addresses.first_chunk::<ALL>()?;
    let ip = all.first_chunk::<IP>()?;
    Some((*ip, u16::from_be_bytes([all[2 * IP], all[2 * IP + 1]])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [V2_SIGNATURE, &[version_command, family], &length, rest].concat()
    }

    #[test]
    fn both_versions_name_the_client() {
        let v4 = v2(0x21, 0x11, &[192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0, 80, 9, 9, 9]);
        let v6_rest =
            [[0x20, 1, 13, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].as_slice(), &[0; 16], &[1, 0, 0, 80]]
                .concat();
        for (header, want) in [
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n".to_vec(), Some("192.0.2.1:4660")),
            (b"PROXY TCP6 2001:db8::1 ::1 256 80\r\n".to_vec(), Some("[2001:db8::1]:256")),
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 0 65535\r\n".to_vec(), Some("192.0.2.1:0")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN \r\n".to_vec(), None),
            (b"PROXY UNKNOWN \xff\0\n \r\x80\r\r\n".to_vec(), None),
            ([b"PROXY UNKNOWN ".as_slice(), &[0xe9; 91], b"\r\n"].concat(), None),
            (v4, Some("192.0.2.1:4660")),
            (v2(0x21, 0x21, &v6_rest), Some("[2001:db8::1]:256")),
            (v2(0x20, 0, &[]), None),
        ] {
            let client = want.map(|address| address.parse().unwrap());
            let bytes = [header.as_slice(), b"GET /"].concat();
            assert_eq!(parse(&bytes), Parsed::Header { len: header.len(), client });
            for end in 0..header.len() {
                assert_eq!(parse(&header[..end]), Parsed::More, "{end} bytes of {header:?}");
            }
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
        for bytes in [
            b"GET / HTTP/1.1\r\n".as_slice(),
            b"PROXY TCP4 2001:db8::1 ::1 1 80\r\n",
            b"PROXY TCP4 192.0.2.1 10.0.0.1 99999 80\r\n",
            b"PROXY TCP4 192.0.2.1 10.0.0.1 +1 80\r\n",
            b"PROXY TCP4 192.0.2.1 10.0.0.1 1 99999\r\n",
            b"PROXY TCP4 192.0.2.1 10.0.0.1 01 80\r\n",
            b"PROXY TCP4 192.0.2.1 10.0.0.1 1 080\r\n",
            b"PROXY TCP4 192.0.2.1 10.0.0.1 00 80\r\n",
            b"PROXY TCP4 192.0.2.1 10.0.0.1  80\r\n",
            b"PROXY UNKNOWN\n",
            b"PROXY UNKNOWN\r\r\n",
            b"PROXY UNKNOWNS\r\n",
            &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 92], b"\r\n"].concat(),
            b"PROXY TCP4 192.0.2.1 ::1 1 80\r\n",
            b"PROXY TCP4 192.0.2.1\r\n",
            b"PROXY UDP4 192.0.2.1 10.0.0.1 1 80\r\n",
            b"PROXY TCP4 192.0.2.1 10.0.0.1 1 80\n",
            long.as_bytes(),
            &v2(0x31, 0x11, &[0; 12]),
            &v2(0x22, 0x11, &[0; 12]),
            &v2(0x21, 0x11, &[0; 11]),
            &v2(0x21, 0x11, &[0; 5000]),
        ] {
            assert_eq!(parse(bytes), Parsed::Wrong, "{bytes:?}");
        }
    }
}
