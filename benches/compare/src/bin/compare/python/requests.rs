//! What is asked: requests as a browser makes them, no two in a row the same.
//!
//! A server that keeps something of the last request (as tidegate keeps its environ) must not be measured by requests
//! that never change: these have each a query, a client's port and a cookie of their own. On a real site the browsers
//! differ, too, and with them the headers.

use tidegate_compare::protocol::{Protocol, stock_get};

/// How many different requests are made in turns.
const VISITORS: u16 = 64;

/// Beside the stock headers, up to twenty without the cookie. The values need no escapes in JSON.
const FURTHER: [(&str, &str); 14] = [
    ("HTTP_REFERER", "http://www.example.com/articles/2024/05/"),
    ("HTTP_CACHE_CONTROL", "max-age=0"),
    ("HTTP_PRAGMA", "no-cache"),
    ("HTTP_PRIORITY", "u=0, i"),
    ("HTTP_DNT", "1"),
    ("HTTP_SAVE_DATA", "on"),
    ("HTTP_UPGRADE_INSECURE_REQUESTS", "1"),
    ("HTTP_SEC_FETCH_DEST", "document"),
    ("HTTP_SEC_FETCH_MODE", "navigate"),
    ("HTTP_SEC_FETCH_SITE", "same-origin"),
    ("HTTP_SEC_FETCH_USER", "?1"),
    ("HTTP_SEC_CH_UA_MOBILE", "?0"),
    ("HTTP_X_REQUEST_ID", "8f14e45f-ceea-467a-9a36-dedd4bea2543"),
    ("HTTP_X_REQUESTED_WITH", "XMLHttpRequest"),
];

/// What the visitors send.
#[derive(Clone, Copy)]
pub(super) enum Browsers {
    /// All the same headers.
    One,
    /// The next one always other headers than the last.
    Several,
}

/// The headers that a browser does not send: the last is a program.
const WITHOUT: [&[&str]; 4] = [
    &[],
    &["HTTP_SEC_CH_UA_MOBILE", "HTTP_SAVE_DATA", "HTTP_X_REQUESTED_WITH"],
    &["HTTP_REFERER", "HTTP_PRAGMA", "HTTP_CACHE_CONTROL", "HTTP_DNT", "HTTP_PRIORITY"],
    &[
        "HTTP_REFERER",
        "HTTP_SEC_FETCH_DEST",
        "HTTP_SEC_FETCH_MODE",
        "HTTP_SEC_FETCH_SITE",
        "HTTP_SEC_FETCH_USER",
        "HTTP_SEC_CH_UA_MOBILE",
        "HTTP_UPGRADE_INSECURE_REQUESTS",
        "HTTP_ACCEPT_LANGUAGE",
    ],
];

/// The requests of all visitors.
pub(super) fn packets(protocol: Protocol, browsers: Browsers) -> Vec<Vec<u8>> {
    let without = |visitor| match browsers {
        Browsers::One => WITHOUT[0],
        Browsers::Several => WITHOUT[usize::from(visitor) % WITHOUT.len()],
    };
    (0..VISITORS).map(|visitor| packet(protocol, visitor, without(visitor))).collect()
}

fn packet(protocol: Protocol, visitor: u16, without: &[&str]) -> Vec<u8> {
    let target = format!("/?page={}", visitor + 100);
    let port = (40_000 + visitor).to_string();
    let cookie = format!("session={:032x}", u128::from(visitor + 1) * 0x0123_4567_89ab_cdef_0123);
    let mut vars = stock_get(&target).to_vec();
    for (name, value) in &mut vars {
        match *name {
            "REMOTE_PORT" => *value = &port,
            "HTTP_COOKIE" => *value = &cookie,
            _ => {}
        }
    }
    vars.extend(FURTHER);
    vars.retain(|(name, _)| !without.contains(name));
    protocol.say(&vars)
}

/// A POST with a body of so many bytes, which is to follow.
pub(super) fn upload(protocol: Protocol, length: u64) -> Vec<u8> {
    let length = length.to_string();
    let mut vars = stock_get("/");
    for (name, value) in &mut vars {
        match *name {
            "REQUEST_METHOD" => *value = "POST",
            "CONTENT_LENGTH" => *value = &length,
            _ => {}
        }
    }
    protocol.say(&vars)
}

/// The reply of the application that reads all headers but the cookie.
pub(super) fn headers_as_json() -> Vec<u8> {
    let stock = stock_get("/");
    let headers = stock.iter().filter(|(name, _)| name.starts_with("HTTP_") && *name != "HTTP_COOKIE");
    let pairs = headers.chain(&FURTHER).map(|(name, value)| format!(r#""{name}": "{value}""#));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", ")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn all_visitors_differ() {
        for (browsers, lengths) in [(Browsers::One, 1), (Browsers::Several, WITHOUT.len())] {
            let packets = packets(Protocol::Uwsgi, browsers);
            assert_eq!(packets.iter().collect::<HashSet<_>>().len(), usize::from(VISITORS));
            assert_eq!(packets.iter().map(Vec::len).collect::<HashSet<_>>().len(), lengths);
        }
    }

    #[test]
    fn twenty_headers_are_read() {
        let body = String::from_utf8(headers_as_json()).expect("ASCII");
        assert_eq!(body.matches(r#"": ""#).count(), 20, "{body}");
        assert!(body.starts_with(r#"{"HTTP_HOST": "www.example.com", "#), "{body}");
    }
}
