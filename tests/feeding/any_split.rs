//! What is true of any bytes: they never panic, and mean the same however they are split.

use tidegate::{Limits, ProtocolName};

use super::{End, Outcome, feed};

/// Holds any bytes to that, in one piece, byte by byte and cut at `cuts`, and to what is true of their protocol. Returns
/// what they mean.
pub(crate) fn assert_any_split(
    protocol: ProtocolName,
    bytes: &[u8],
    cuts: &[usize],
    limits: &Limits,
) -> Outcome {
    let whole = feed(protocol, [bytes], limits);
    assert_eq!(feed(protocol, bytes.chunks(1), limits), whole, "byte by byte");
    assert_eq!(feed(protocol, cut(bytes, cuts), limits), whole, "cut at {cuts:?}");
    if let End::Open(_) = whole.end {
        assert_eq!(whole.taken, bytes.len(), "an open connection has taken all");
    }
    match protocol {
        ProtocolName::Uwsgi => assert_uwsgi(bytes, &whole),
        ProtocolName::Http => assert_http(bytes, &whole),
        ProtocolName::Fastcgi | ProtocolName::Scgi => assert_bounded(&whole, limits),
    }
    whole
}

/// The bytes cut at these places; places beyond them count from the front again.
pub(crate) fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// Of a uwsgi packet the header, the vars and the body are taken, as far as it is right, and no byte behind it.
fn assert_uwsgi(bytes: &[u8], whole: &Outcome) {
    const HEADER_BYTES: usize = 4;
    let datasize = |[_, low, high, _]: [u8; 4]| usize::from(u16::from_le_bytes([low, high]));
    let head = bytes.first_chunk().map_or(0, |header| HEADER_BYTES + datasize(*header));
    let want = match (&whole.end, whole.requests.as_slice()) {
        (End::Open(_), []) => bytes.len(),
        (End::Closed, [request]) => head + request.body.len(),
        // A ping.
        (End::Closed, []) => HEADER_BYTES,
        (End::Refused { offset: Some(0), .. }, []) => HEADER_BYTES,
        (End::Refused { offset, .. }, []) => {
            assert!(offset.is_none_or(|offset| (HEADER_BYTES..=head).contains(&offset)), "{offset:?}");
            head
        }
        _ => panic!("more than one request: {whole:?}"),
    };
    assert_eq!(whole.taken, want, "{whole:?}");
}

/// Each HTTP request has the variables that every application lives by, and each refusal one of the known statuses.
fn assert_http(bytes: &[u8], whole: &Outcome) {
    for request in &whole.requests {
        let get = |name: &[u8]| request.environ.iter().find(|(n, _)| n == name).map(|(_, value)| value);
        let length = get(b"CONTENT_LENGTH").map(|digits| String::from_utf8_lossy(digits).parse());
        assert_eq!(length.unwrap_or(Ok(0)), Ok(request.body.len()), "{request:?}");
        for name in [b"REQUEST_METHOD".as_slice(), b"PATH_INFO", b"SERVER_NAME", b"SERVER_PORT"] {
            assert!(get(name).is_some_and(|value| !value.is_empty()), "{request:?}");
        }
        assert!(request.environ.iter().all(|(name, _)| name != b"HTTP_PROXY" && !name.contains(&b'-')));
    }
    if let End::Refused { status, offset, .. } = &whole.end {
        let known = [400, 408, 413, 414, 417, 431, 501, 505];
        assert!(status.is_some_and(|status| known.contains(&status)), "{whole:?}");
        assert!(offset.is_none_or(|offset| offset <= bytes.len()), "{whole:?}");
    }
}

/// FastCGI and SCGI fill no more memory than the bounds allow.
fn assert_bounded(whole: &Outcome, limits: &Limits) {
    assert!(whole.out.len() <= 4 * whole.taken, "it says more than it was asked");
    for request in &whole.requests {
        let size: usize = request.environ.iter().map(|(name, value)| name.len() + value.len()).sum();
        // Joined headers have separators, and some variables are made.
        assert!(size <= 2 * limits.vars_bytes_max + 1_000, "{size} bytes of variables");
        assert!(request.environ.len() <= limits.vars_count_max + 5, "{} variables", request.environ.len());
        assert!(request.body.len() as u64 <= limits.body_bytes_max, "a body of {} bytes", request.body.len());
    }
}
