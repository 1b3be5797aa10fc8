//! A packet's bytes in the order of the wire, each with what it is.

use super::Packet;
use crate::ascii::Ascii;
use crate::protocol::uwsgi::{PacketHeader, modifier1, vars};

/// Bytes that belong together: a part of the header, a var, or the body.
pub(in crate::cli) struct Part<'a> {
    /// The offset of its first byte in the packet.
    pub(in crate::cli) at: usize,
    /// Its bytes, none left out.
    pub(in crate::cli) fields: Vec<(Field, &'a [u8])>,
    /// What it says.
    pub(in crate::cli) meaning: String,
}

/// What bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Field {
    /// A number of the header.
    Number,
    /// How long the key or the value behind it is.
    Length,
    /// A var's key.
    Key,
    /// A var's value.
    Value,
    /// What follows the vars.
    Body,
}

/// All parts of a whole packet, up to the first byte that cannot be read.
pub(in crate::cli) fn parts(bytes: &[u8]) -> Vec<Part<'_>> {
    let Some(packet) = Packet::read(bytes) else { return Vec::new() };
    let PacketHeader { modifier1, datasize, modifier2 } = packet.header;
    let number =
        |at: usize, end: usize, meaning| Part { at, fields: vec![(Field::Number, &bytes[at..end])], meaning };
    let mut parts = vec![
        number(0, 1, format!("modifier1 {modifier1} ({})", modifier1::meaning(modifier1))),
        number(1, 3, format!("datasize {datasize}")),
        number(3, PacketHeader::LEN, format!("modifier2 {modifier2}")),
    ];
    let block = packet.block;
    for var in vars(block).map_while(Result::ok) {
        let (key, value) = (&block[var.name.clone()], &block[var.value.clone()]);
        let length = |begin: usize| &block[begin - LENGTH_BYTES..begin];
        parts.push(Part {
            at: PacketHeader::LEN + var.name.start - LENGTH_BYTES,
            fields: vec![
                (Field::Length, length(var.name.start)),
                (Field::Key, key),
                (Field::Length, length(var.value.start)),
                (Field::Value, value),
            ],
            meaning: match value {
                [] => format!("{}, empty", Ascii(key)),
                value => format!("{} = {}", Ascii(key), Ascii(value)),
            },
        });
    }
    if !packet.rest.is_empty() {
        let at = bytes.len() - packet.rest.len();
        let meaning = format!("the body, {} bytes", packet.rest.len());
        parts.push(Part { at, fields: vec![(Field::Body, packet.rest)], meaning });
    }
    parts
}

/// A length is a u16.
const LENGTH_BYTES: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_bytes_in_order() {
        let packet = b"\x00\x0f\x00\x1e\x04\0PATH\x02\0/\xff\x01\0X\0\0body";
        let mut packet = packet.to_vec();
        packet[1] = (packet.len() - 4 - PacketHeader::LEN) as u8;
        let (mut seen, mut meanings) = (Vec::new(), Vec::new());
        for part in parts(&packet) {
            assert_eq!(part.at, seen.len());
            part.fields.iter().for_each(|(_, bytes)| seen.extend_from_slice(bytes));
            meanings.push(part.meaning);
        }
        assert_eq!(seen, packet);
        assert_eq!(meanings[0], "modifier1 0 (WSGI)");
        assert_eq!(
            meanings[1..],
            ["datasize 15", "modifier2 30", "PATH = /\\xff", "X, empty", "the body, 4 bytes"]
        );
    }
}
