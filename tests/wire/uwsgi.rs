//! A packet: `u8 modifier1 | u16 LE datasize | u8 modifier2`, and the vars.

#[derive(Clone, Debug, Default)]
pub(crate) struct Packet {
    modifiers: (u8, u8),
    vars: Vec<u8>,
}

impl Packet {
    /// A request without vars.
    pub(crate) fn new() -> Self {
        Packet::default()
    }

    pub(crate) fn modifiers(self, modifier1: u8, modifier2: u8) -> Self {
        Packet { modifiers: (modifier1, modifier2), ..self }
    }

    #[track_caller]
    pub(crate) fn var(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        for part in [key.as_ref(), value.as_ref()] {
            self.vars.extend(u16::try_from(part.len()).unwrap().to_le_bytes());
            self.vars.extend(part);
        }
        self
    }

    /// The packet's bytes, which the body is to follow. The error is the vars' length: over 65,535 bytes.
    pub(crate) fn header_and_vars(&self) -> Result<Vec<u8>, usize> {
        let datasize = u16::try_from(self.vars.len()).map_err(|_| self.vars.len())?;
        let (modifier1, modifier2) = self.modifiers;
        let header = PacketHeader { modifier1, datasize, modifier2 };
        Ok([header.to_bytes().as_slice(), &self.vars].concat())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketHeader {
    pub(crate) modifier1: u8,
    pub(crate) datasize: u16,
    pub(crate) modifier2: u8,
}

impl PacketHeader {
    pub(crate) const LEN: usize = 4;

    pub(crate) fn from_bytes([modifier1, low, high, modifier2]: [u8; Self::LEN]) -> Self {
        PacketHeader { modifier1, datasize: u16::from_le_bytes([low, high]), modifier2 }
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        let [low, high] = self.datasize.to_le_bytes();
        [self.modifier1, low, high, self.modifier2]
    }
}

/// The vars of a block that is whole.
#[track_caller]
pub(crate) fn vars(block: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rest = block;
    let mut string = || {
        let (length, behind) = rest.split_first_chunk()?;
        let (string, behind) = behind.split_at(usize::from(u16::from_le_bytes(*length)));
        rest = behind;
        Some(string.to_vec())
    };
    std::iter::from_fn(|| Some((string()?, string().expect("a value behind the key")))).collect()
}

pub(crate) mod modifier1 {
    pub(crate) const WSGI: u8 = 0;
    pub(crate) const MANAGE_PATH_INFO: u8 = 30;
    pub(crate) const PING: u8 = 100;
}
