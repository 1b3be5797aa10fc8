//! Fields that stand twice, and as many as there may be.

use tidegate::protocol::Phase;
use tidegate::{Limits, ProtocolName};

use crate::feeding::{End, assert_any_split};

#[test]
fn a_length_that_stands_twice_is_told_so() {
    for lines in ["Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n"] {
        let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\nhello");
        let got =
            assert_any_split(ProtocolName::Http, bytes.as_bytes(), &[bytes.len() / 2], &Limits::default());
        let End::Refused { status, message, .. } = &got.end else { panic!("{lines}: {got:?}") };
        assert_eq!(*status, Some(400));
        assert!(message.contains("Content-Length stands twice: send it once, as one number"), "{message}");
    }
}

/// As many fields as the limit allows are served, whatever it is; one more is a 431.
#[test]
fn the_count_of_fields_has_no_bound_but_the_limit() {
    for count in [24, 25, 100, 256, 257, 2_000] {
        let fields: String = (2..=count).map(|n| format!("X-{n}: {n}\r\n")).collect();
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let limits = |count| Limits { http_headers_count_max: count, ..Limits::default() };
        for allowed in [count, usize::MAX] {
            let got =
                assert_any_split(ProtocolName::Http, bytes.as_bytes(), &[bytes.len() / 2], &limits(allowed));
            assert_eq!((got.requests.len(), &got.end), (1, &End::Open(Phase::Idle)), "{count}: {got:?}");
            let last = (format!("HTTP_X_{count}").into_bytes(), count.to_string().into_bytes());
            assert!(got.requests[0].environ.contains(&last), "{count}: {got:?}");
        }
        let got =
            assert_any_split(ProtocolName::Http, bytes.as_bytes(), &[bytes.len() / 2], &limits(count - 1));
        assert!(matches!(got.end, End::Refused { status: Some(431), .. }), "{count}: {got:?}");
    }
}
