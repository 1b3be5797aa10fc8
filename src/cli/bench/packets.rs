//! Requests out of a file of uwsgi packets, each with its body behind it.

use super::super::Result;
use super::super::html::readable;
use super::plan::Prepared;
use crate::protocol::uwsgi::{PacketHeader, vars};

/// Whether the bytes begin as a packet does: with modifier1, which is no letter.
pub(super) fn begin(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|modifier1| *modifier1 < b'\t')
}

/// The packets, as they are.
pub(super) fn read(mut bytes: &[u8]) -> Result<Vec<Prepared>> {
    let all = bytes.len();
    let mut packets = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk() {
        let at = all - bytes.len();
        let cut = || format!("the packet at offset {at} ends before its length says");
        let datasize = usize::from(PacketHeader::from_bytes(*header).datasize);
        let block = rest.get(..datasize).ok_or_else(cut)?;
        let mut value =
            [b"REQUEST_METHOD".as_slice(), b"REQUEST_URI", b"CONTENT_LENGTH"].map(|name| (name, &b""[..]));
        for var in vars(block) {
            let var = var.map_err(|_| format!("the vars of the packet at offset {at} are broken"))?;
            if let Some((_, value)) = value.iter_mut().find(|(name, _)| *name == &block[var.name.clone()]) {
                *value = &block[var.value];
            }
        }
        // What a client sent once is printed here, and is not to speak to the terminal.
        let [method, uri, length] = value.map(|(_, value)| readable(value));
        let length = match length.as_ref() {
            "" => 0,
            length => length.parse().map_err(|_| format!("CONTENT_LENGTH {length:?} at offset {at}"))?,
        };
        let end = usize::checked_add(PacketHeader::LEN + datasize, length).filter(|end| *end <= bytes.len());
        let (packet, behind) = bytes.split_at(end.ok_or_else(cut)?);
        packets.push(Prepared {
            bytes: packet.to_vec(),
            is_head: method == "HEAD",
            name: format!("{method} {uri}"),
        });
        bytes = behind;
    }
    if !bytes.is_empty() {
        return Err(format!("{} bytes at its end are no packet", bytes.len()).into());
    }
    Ok(packets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::uwsgi::Packet;

    #[test]
    fn packets_follow_each_other_with_their_bodies() {
        let packet = |method: &str, length: &str| {
            let packet = Packet::new().var("REQUEST_METHOD", method).var("REQUEST_URI", "/a");
            packet.var("CONTENT_LENGTH", length).header_and_vars().unwrap()
        };
        let (one, two) = (packet("HEAD", ""), [packet("POST", "2"), b"hi".to_vec()].concat());
        let all = [one.clone(), two.clone()].concat();
        assert!(begin(&all) && !begin(b"GET /") && !begin(b""));
        let read_all = read(&all).unwrap();
        let seen: Vec<_> =
            read_all.iter().map(|one| (one.bytes.clone(), one.is_head, one.name.as_str())).collect();
        assert_eq!(seen, [(one.clone(), true, "HEAD /a"), (two, false, "POST /a")]);
        for end in (1..all.len()).filter(|end| *end != one.len()) {
            assert!(read(&all[..end]).is_err(), "{end}");
        }
        assert_eq!(read(&packet("\x1b[2J", "")).unwrap()[0].name, "\\x1b[2J /a");
        assert!(read(&packet("GET", "x")).unwrap_err().to_string().contains("CONTENT_LENGTH \"x\""));
    }
}
