//! The variables that a connection's two ends come to, made once for all requests of a connection.

use super::Endpoints;
use crate::application::variables::Variables;

/// Their values, one behind the other.
pub(super) struct Ends {
    text: Box<[u8]>,
    /// Where each ends, in the order of `NAMES`. Two addresses and two ports are at most 88 bytes.
    until: [u8; NAMES.len()],
    count: usize,
}

/// A unix socket has the first two alone.
const NAMES: [&[u8]; 4] = [b"SERVER_NAME", b"SERVER_PORT", b"REMOTE_ADDR", b"REMOTE_PORT"];

impl Ends {
    pub(super) fn of(endpoints: &Endpoints) -> Self {
        let mut variables = Variables::new();
        endpoints.write(&mut variables);
        let (mut text, mut until, mut count) = (Vec::new(), [0; NAMES.len()], 0);
        for value in NAMES.iter().map_while(|name| variables.get(name)) {
            text.extend_from_slice(value);
            until[count] = u8::try_from(text.len()).unwrap_or(u8::MAX);
            count += 1;
        }
        Ends { text: text.into(), until, count }
    }

    pub(super) fn write(&self, variables: &mut Variables) {
        let mut start = 0;
        for (name, until) in NAMES.iter().zip(self.until).take(self.count) {
            variables.push(name, &self.text[start..usize::from(until)]);
            start = usize::from(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_the_arrival_writes() {
        let v6 = "[1111:2222:3333:4444:5555:6666:7777:8888]:65535".parse().unwrap();
        let v4 = "192.0.2.1:80".parse().unwrap();
        for (peer, local) in [(Some(v6), Some(v6)), (Some(v4), Some(v6)), (None, Some(v4)), (None, None)] {
            let endpoints = Endpoints { peer, local, ..Endpoints::default() };
            let (mut want, mut got) = (Variables::new(), Variables::new());
            endpoints.write(&mut want);
            Ends::of(&endpoints).write(&mut got);
            assert!(got.iter().eq(want.iter()), "{got:?} instead of {want:?}");
        }
    }
}
