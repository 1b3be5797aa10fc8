//! Something that is done to the bytes of requests.

use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Set(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    Truncate(Index),
    Repeat(Index),
}

/// Any damage, where `byte` is what may come to stand in the bytes.
pub(crate) fn damage(byte: impl Strategy<Value = u8> + Clone) -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        any::<Index>().prop_map(Damage::Remove),
        (any::<Index>(), byte).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<Index>().prop_map(Damage::Truncate),
        any::<Index>().prop_map(Damage::Repeat),
    ]
}

impl Damage {
    pub(crate) fn inflict(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        match self {
            _ if len == 0 => {}
            Damage::Set(at, byte) => bytes[at.index(len)] = *byte,
            Damage::Remove(at) => drop(bytes.remove(at.index(len))),
            Damage::Insert(at, byte) => bytes.insert(at.index(len), *byte),
            Damage::Truncate(at) => bytes.truncate(at.index(len)),
            Damage::Repeat(at) => bytes.extend_from_within(at.index(len)..),
        }
    }
}
