//! A request whose head is complete and whose body is arriving: what the CGI family has in common.

use std::io::Seek;

use super::{DecodeError, Fault, Intake};
use crate::application::environ::Environ;
use crate::application::input::Input;
use crate::application::variables::Variables;

/// Whether the method is HEAD, as far as the variables have been read.
pub(super) fn is_head(variables: &Variables) -> bool {
    variables.get(b"REQUEST_METHOD") == Some(b"HEAD")
}

/// Finds the path for an application that answers every path below its root, where the front end sends no
/// PATH_INFO: all of it is PATH_INFO then, and SCRIPT_NAME is empty.
///
/// nginx's own scgi_params has the path as DOCUMENT_URI alone, its fastcgi_params as SCRIPT_NAME too, as for a PHP
/// file, and Apache as SCRIPT_NAME alone. A front end that sends a PATH_INFO, even an empty one, means it, and so
/// does one that sends a SCRIPT_NAME that is not the whole path: nothing is touched. On uwsgi nothing ever is: its
/// uwsgi_params has PATH_INFO, and Apache's mod_proxy_uwsgi sends it.
pub(super) fn find_path(variables: &mut Variables) {
    if variables.get(b"PATH_INFO").is_some() {
        return;
    }
    let sent = |name: &[u8]| variables.get(name).filter(|value| !value.is_empty());
    let path = match (sent(b"DOCUMENT_URI"), sent(b"SCRIPT_NAME")) {
        (Some(path), None) | (None, Some(path)) => path.to_vec(),
        (Some(path), Some(script_name)) if path == script_name => path.to_vec(),
        _ => return,
    };
    variables.set(b"SCRIPT_NAME", b"");
    variables.set(b"PATH_INFO", &path);
}

/// Takes up to `count` bytes off the front of `input`.
pub(super) fn take<'a>(input: &mut &'a [u8], count: u64) -> &'a [u8] {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(input.len());
    let (taken, rest) = input.split_at(count);
    *input = rest;
    taken
}

/// The variables, and what has come of the body.
pub(super) struct PendingRequest {
    pub(super) variables: Variables,
    body: Input,
}

impl PendingRequest {
    pub(super) fn new(variables: Variables) -> Self {
        PendingRequest { variables, body: Input::default() }
    }

    /// How much of the body has come, bytes.
    pub(super) fn received(&self) -> u64 {
        self.body.len()
    }

    /// Keeps a piece of the body, of which at least `to_come` bytes are to follow.
    pub(super) fn append(
        &mut self,
        bytes: &[u8],
        to_come: u64,
        intake: &Intake<'_>,
    ) -> Result<(), DecodeError> {
        if self.received() + bytes.len() as u64 > intake.body_bytes_max {
            let bytes_max = intake.body_bytes_max;
            return Err(DecodeError::of(Fault::BodyTooLarge { bytes_max }));
        }
        self.body.append(bytes, to_come, intake.body_memory_bytes_max, intake.bodies).map_err(spool)
    }

    /// Keeps what `input` has of the body's `missing` bytes; returns how many are missing then.
    pub(super) fn fill(
        &mut self,
        input: &mut &[u8],
        missing: u64,
        intake: &Intake<'_>,
    ) -> Result<u64, DecodeError> {
        let taken = take(input, missing);
        let missing = missing - taken.len() as u64;
        self.append(taken, missing, intake)?;
        Ok(missing)
    }

    /// Where the next of the body's `missing` bytes may be put, if they are more than it has room for.
    pub(super) fn room(&mut self, missing: u64, intake: &Intake<'_>) -> Option<&mut [u8]> {
        let room = self.body.room(missing, intake.body_memory_bytes_max, intake.bodies)?;
        (missing > room.len() as u64).then_some(room)
    }

    /// So many bytes were put there.
    pub(super) fn filled(&mut self, count: usize) {
        self.body.filled(count);
    }

    /// The request, once the body is complete.
    pub(super) fn into_environ(mut self) -> Result<Environ, DecodeError> {
        self.body.rewind().map_err(spool)?;
        Ok(Environ::new(self.variables, self.body))
    }
}

/// A request that has no body, once its head is complete.
pub(super) fn without_body(variables: Variables) -> Environ {
    Environ::new(variables, Input::default())
}

fn spool(error: std::io::Error) -> DecodeError {
    DecodeError::of(Fault::Spool(error))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::application::body_memory::BodyMemory;
    use crate::limits::Limits;
    use crate::protocol::{Endpoints, Protocol, ProtocolName, Received};

    const BODY_LEN: usize = 300_000;

    fn head(protocol: ProtocolName) -> Vec<u8> {
        let length = BODY_LEN.to_string();
        let vars =
            [("CONTENT_LENGTH", &*length), ("SCGI", "1"), ("REQUEST_METHOD", "POST"), ("PATH_INFO", "/")];
        match protocol {
            ProtocolName::Uwsgi => {
                let mut block = Vec::new();
                for text in vars.iter().flat_map(|(name, value)| [name, value]) {
                    block.extend((text.len() as u16).to_le_bytes());
                    block.extend(text.as_bytes());
                }
                [&[0][..], &(block.len() as u16).to_le_bytes(), &[0], &block].concat()
            }
            ProtocolName::Scgi => {
                let block: String = vars.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
                format!("{}:{block},", block.len()).into_bytes()
            }
            _ => format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n").into_bytes(),
        }
    }

    #[test]
    fn a_long_body_of_known_length_is_read_into_its_place() {
        let body: Vec<u8> = (0..BODY_LEN).map(|at| (at % 251) as u8).collect();
        let (limits, bodies) = (Limits::default(), BodyMemory::new(1 << 20));
        let intake = Intake { limits: &limits, bodies: &bodies };
        for name in [ProtocolName::Uwsgi, ProtocolName::Scgi, ProtocolName::Http] {
            let mut protocol = Protocol::new(name, Endpoints::default);
            let (first, mut rest) = body.split_at(20_000);
            let sent = [&head(name), first].concat();
            let received = protocol.receive_with(&mut &sent[..], &mut Vec::new(), &intake);
            assert!(matches!(received, Ok(Received::More)), "{name:?}: {received:?}");
            assert_eq!(protocol.body_missing(), rest.len() as u64, "{name:?}");
            let mut rooms = 0;
            while let Some(room) = protocol.body_room(&intake) {
                let count = room.len();
                room.copy_from_slice(&rest[..count]);
                protocol.body_filled(count);
                (rooms, rest) = (rooms + 1, &rest[count..]);
            }
            assert!(rooms > 2 && !rest.is_empty(), "{name:?}: {rooms} rooms, and {} are left", rest.len());
            let received = protocol.receive_with(&mut rest, &mut Vec::new(), &intake);
            let Ok(Received::Request(mut environ)) = received else { panic!("{name:?}: {received:?}") };
            let mut all = Vec::new();
            environ.input().read_to_end(&mut all).unwrap();
            assert!(all == body, "{name:?}");
        }
    }
}
