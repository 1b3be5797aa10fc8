//! Requests out of a file of uwsgi packets, each with its body behind it.

use super::super::Result;
use super::super::html::readable;
use super::super::request::{Protocol, Request};
use super::plan::Prepared;
use crate::protocol::uwsgi::{PacketHeader, vars};

/// Whether the bytes begin as a packet does: with modifier1, which is no letter.
pub(super) fn begin(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|modifier1| *modifier1 < b'\t')
}

/// The packets: over uwsgi as they are, over another protocol what they say.
pub(super) fn read(mut bytes: &[u8], protocol: Protocol, stays: bool) -> Result<Vec<Prepared>> {
    let all = bytes.len();
    let mut requests = Vec::new();
    while bytes.len() >= PacketHeader::LEN {
        let at = all - bytes.len();
        let (captured, behind) =
            Captured::split(bytes).map_err(|why| format!("the packet at offset {at} {why}"))?;
        let encoded = captured.encode(protocol, stays);
        requests.push(Prepared {
            bytes: encoded.map_err(|error| format!("the packet at offset {at}: {error}"))?,
            is_head: captured.value("REQUEST_METHOD") == b"HEAD",
            name: captured.name(),
        });
        bytes = behind;
    }
    if !bytes.is_empty() {
        return Err(format!("{} bytes at its end are no packet", bytes.len()).into());
    }
    Ok(requests)
}

/// A packet with its body.
struct Captured<'a> {
    bytes: &'a [u8],
    modifier1: u8,
    vars: Vec<(Vec<u8>, Vec<u8>)>,
    body: &'a [u8],
}

impl<'a> Captured<'a> {
    /// The first packet of several, and what is behind it.
    fn split(bytes: &'a [u8]) -> std::result::Result<(Self, &'a [u8]), String> {
        let cut = || "ends before its length says".to_owned();
        let (header, rest) = bytes.split_first_chunk().ok_or_else(cut)?;
        let PacketHeader { modifier1, datasize, .. } = PacketHeader::from_bytes(*header);
        let block = rest.get(..usize::from(datasize)).ok_or_else(cut)?;
        let mut pairs = Vec::new();
        for var in vars(block) {
            let var = var.map_err(|_| "has broken vars")?;
            pairs.push((block[var.name].to_vec(), block[var.value].to_vec()));
        }
        let mut captured = Captured { bytes, modifier1, vars: pairs, body: &[] };
        // What a client sent once is printed here, and is not to speak to the terminal.
        let length = match readable(captured.value("CONTENT_LENGTH")).as_ref() {
            "" => 0,
            length => length.parse().map_err(|_| format!("has a CONTENT_LENGTH of {length:?}"))?,
        };
        let begin = PacketHeader::LEN + block.len();
        let end = usize::checked_add(begin, length).filter(|end| *end <= bytes.len()).ok_or_else(cut)?;
        (captured.bytes, captured.body) = (&bytes[..end], &bytes[begin..end]);
        Ok((captured, &bytes[end..]))
    }

    /// The last value of this name; empty if there is none.
    fn value(&self, name: &str) -> &[u8] {
        let found = self.vars.iter().rev().find(|(known, _)| known == name.as_bytes());
        found.map(|(_, value)| value.as_slice()).unwrap_or_default()
    }

    /// Method and path, for a person.
    fn name(&self) -> String {
        format!("{} {}", readable(self.value("REQUEST_METHOD")), readable(self.value("REQUEST_URI")))
    }

    fn encode(&self, protocol: Protocol, stays: bool) -> Result<Vec<u8>> {
        if protocol == Protocol::Uwsgi {
            return Ok(self.bytes.to_vec());
        }
        if self.modifier1 != 0 {
            let (number, name) = (self.modifier1, protocol.name());
            return Err(format!("modifier1 {number}, of which {name} knows nothing").into());
        }
        match protocol {
            Protocol::Http => protocol.encode(&self.http()?, None, stays),
            _ => protocol.encode_vars(&self.vars, self.body, stays),
        }
    }

    /// What a browser had sent to the front end, but for what concerns the connection between those two alone.
    fn http(&self) -> Result<Request> {
        let mut request = Request::new(self.value("REQUEST_URI"))?;
        if !self.value("CONTENT_LENGTH").is_empty() {
            request.set_body(self.body.to_vec());
        }
        request.set_method(self.value("REQUEST_METHOD"))?;
        let own = ["USER_AGENT", "ACCEPT", "CONTENT_TYPE"];
        own.into_iter().for_each(|name| request.add_unasked(name, ""));
        for (name, value) in &self.vars {
            let field = match name.strip_prefix(b"HTTP_") {
                Some(b"CONNECTION" | b"TRANSFER_ENCODING" | b"CONTENT_LENGTH" | b"CONTENT_TYPE") => continue,
                Some(field) => field,
                None if name == b"CONTENT_TYPE" => name,
                None => continue,
            };
            if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0')) {
                return Err(
                    format!("{} holds a line break or NUL, which HTTP cannot send", readable(name)).into()
                );
            }
            request.add_field(&[field, b": ", value].concat())?;
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::uwsgi::Packet;

    fn packet(vars: &[(&str, &str)]) -> Vec<u8> {
        vars.iter()
            .fold(Packet::new(), |packet, (key, value)| packet.var(key, value))
            .header_and_vars()
            .unwrap()
    }

    #[test]
    fn packets_follow_each_other_with_their_bodies() {
        let of = |method, length| {
            packet(&[("REQUEST_METHOD", method), ("REQUEST_URI", "/a"), ("CONTENT_LENGTH", length)])
        };
        let read = |bytes: &[u8]| read(bytes, Protocol::Uwsgi, false);
        let (one, two) = (of("HEAD", ""), [of("POST", "2"), b"hi".to_vec()].concat());
        let all = [one.clone(), two.clone()].concat();
        assert!(begin(&all) && !begin(b"GET /") && !begin(b""));
        let read_all = read(&all).unwrap();
        let seen: Vec<_> =
            read_all.iter().map(|one| (one.bytes.clone(), one.is_head, one.name.as_str())).collect();
        assert_eq!(seen, [(one.clone(), true, "HEAD /a"), (two, false, "POST /a")]);
        for end in (1..all.len()).filter(|end| *end != one.len()) {
            assert!(read(&all[..end]).is_err(), "{end}");
        }
        assert_eq!(read(&of("\x1b[2J", "")).unwrap()[0].name, "\\x1b[2J /a");
        assert!(read(&of("GET", "x")).unwrap_err().to_string().contains("CONTENT_LENGTH of \"x\""));
    }

    #[test]
    fn over_another_protocol_a_packet_is_what_it_says() {
        let mut bytes = packet(&[
            ("REQUEST_METHOD", "PUT"),
            ("REQUEST_URI", "/a%20b?c"),
            ("CONTENT_LENGTH", "2"),
            ("CONTENT_TYPE", "text/x"),
            ("HTTP_HOST", "a.example"),
            ("HTTP_CONNECTION", "close"),
            ("HTTP_X_Y", "z"),
        ]);
        bytes.extend_from_slice(b"hi");
        let over = |protocol| read(&bytes, protocol, true).unwrap().remove(0).bytes;
        let http = "PUT /a%20b?c HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\nContent-Type: text/x\r\nX-Y: z\r\n\r\nhi";
        assert_eq!(String::from_utf8(over(Protocol::Http)).unwrap(), http);
        let scgi = String::from_utf8(over(Protocol::Scgi)).unwrap();
        assert!(scgi.contains("CONTENT_LENGTH\x002\0SCGI\x001\0REQUEST_METHOD\0PUT\0"), "{scgi:?}");
        assert!(scgi.ends_with("HTTP_X_Y\0z\0,hi"), "{scgi:?}");
        let fastcgi = over(Protocol::Fastcgi).escape_ascii().to_string();
        assert!(fastcgi.contains("\\x0e\\x03REQUEST_METHODPUT") && fastcgi.contains("hi"), "{fastcgi}");
        bytes[0] = 5;
        assert!(read(&bytes, Protocol::Uwsgi, false).is_ok());
        let error = |bytes: &[u8]| read(bytes, Protocol::Http, false).unwrap_err().to_string();
        assert_eq!(error(&bytes), "the packet at offset 0: modifier1 5, of which http knows nothing");
        let split = packet(&[("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/"), ("HTTP_A", "b\r\nC: d")]);
        assert!(error(&split).contains("HTTP_A holds a line break"), "{}", error(&split));
        let no_path = packet(&[("REQUEST_METHOD", "GET")]);
        assert!(error(&no_path).contains("a path begins with /"), "{}", error(&no_path));
    }
}
