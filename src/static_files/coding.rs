//! Which coding of a file its client likes best (RFC 9110 section 12.5.3).

/// A coding in which a file may lie beside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// All of them; of those that a client likes equally well, the first: it is the smaller one.
    pub(super) const ALL: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

    /// What the name of such a file ends with.
    pub(super) fn suffix(self) -> &'static [u8] {
        match self {
            Coding::Brotli => b".br",
            Coding::Gzip => b".gz",
        }
    }

    /// Its name in Content-Encoding.
    pub(super) fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }

    fn is_called(self, name: &[u8]) -> bool {
        // Section 8.4.1.3: x-gzip is the same.
        name.eq_ignore_ascii_case(self.name().as_bytes())
            || (self == Coding::Gzip && name.eq_ignore_ascii_case(b"x-gzip"))
    }
}

/// The coding to send among those that there are, by the value of Accept-Encoding; `None` is the file as it is.
///
/// A client that says nothing of the file as it is takes it, and likes any coding better that it names.
pub(super) fn choose(accept_encoding: &[u8], available: impl Iterator<Item = Coding>) -> Option<Coding> {
    let quality = |is_called: &dyn Fn(&[u8]) -> bool| {
        let elements = || accept_encoding.split(|byte| *byte == b',').map(element);
        elements().find(|(name, _)| is_called(name)).map(|(_, quality)| quality)
    };
    let any = quality(&|name| name == b"*");
    let identity = quality(&|name| name.eq_ignore_ascii_case(b"identity")).unwrap_or(0);
    let mut best = None;
    for coding in available {
        let quality = quality(&|name| coding.is_called(name)).or(any).unwrap_or(0);
        if quality > 0 && quality >= identity && best.is_none_or(|(_, other)| quality > other) {
            best = Some((coding, quality));
        }
    }
    best.map(|(coding, _)| coding)
}

/// A name and its weight, in thousandths. A weight that is none is taken for 0, as nothing is known of what was meant.
fn element(element: &[u8]) -> (&[u8], u16) {
    let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| match part {
        [b'q' | b'Q', rest @ ..] => rest.trim_ascii().strip_prefix(b"="),
        _ => None,
    });
    (name, weight.map_or(1_000, |weight| thousandths(weight.trim_ascii()).unwrap_or(0)))
}

fn thousandths(weight: &[u8]) -> Option<u16> {
    let (whole, fraction) = match weight {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut value = u16::from(whole - b'0');
    for at in 0..3 {
        let digit = fraction.get(at).copied().unwrap_or(b'0');
        value = value * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some(value).filter(|value| *value <= 1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_client_chooses() {
        use Coding::{Brotli, Gzip};
        for (accept, want) in [
            ("", None),
            ("gzip", Some(Gzip)),
            ("GZIP", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("br", Some(Brotli)),
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("gzip;q=1, br;q=0.9", Some(Gzip)),
            ("gzip; q=0.8 ,br ; Q = 0.9", Some(Brotli)),
            ("gzip;q=0", None),
            ("gzip;q=0.000", None),
            ("gzip;q=0, *", Some(Brotli)),
            ("*", Some(Brotli)),
            ("*;q=0", None),
            ("identity", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some(Gzip)),
            ("identity;q=0, gzip;q=0.001", Some(Gzip)),
            ("gzip;q=2", None),
            ("gzip;q=", None),
            ("gzip;q=0.1234", None),
            ("gzipped, br2", None),
            (",, ,gzip,", Some(Gzip)),
        ] {
            assert_eq!(choose(accept.as_bytes(), Coding::ALL.into_iter()), want, "{accept}");
        }
        assert_eq!(choose(b"br, gzip", [Gzip].into_iter()), Some(Gzip));
        assert_eq!(choose(b"br", [Gzip].into_iter()), None);
    }

    proptest! {
        #[test]
        fn what_is_sent_was_asked_for(accept in "[gzipbr*;q=01., ]{0,30}") {
            if let Some(coding) = choose(accept.as_bytes(), Coding::ALL.into_iter()) {
                prop_assert!(accept.contains(coding.name()) || accept.contains('*'));
            }
        }
    }
}
