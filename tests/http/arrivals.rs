//! The client of a request, and the host that it asks: the connection's ends, the PROXY protocol, trusted proxies, the absolute form.

use std::sync::Arc;

use tidegate::protocol::{Endpoints, Phase, Trust};
use tidegate::{Limits, ProtocolName};

use crate::feeding::{End, Outcome, feed_between};

/// A connection from 10.0.0.9 to 10.0.0.1:80, whose listener trusts `proxies`.
fn endpoints(proxies: &[&str], proxy_protocol: bool) -> Endpoints {
    let proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
    Endpoints {
        peer: Some("10.0.0.9:5000".parse().unwrap()),
        local: Some("10.0.0.1:80".parse().unwrap()),
        trust: Arc::new(Trust { proxies, proxy_protocol }),
    }
}

fn get<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a str> {
    let request = outcome.requests.first().unwrap_or_else(|| panic!("no request: {outcome:?}"));
    let (_, value) = request.environ.iter().find(|(n, _)| n == name.as_bytes())?;
    Some(std::str::from_utf8(value).unwrap())
}

/// The outcome, the same in two pieces cut anywhere and byte by byte.
fn outcome(bytes: &[u8], endpoints: &Endpoints) -> Outcome {
    let limits = Limits::default();
    let feed = |pieces: Vec<&[u8]>| feed_between(endpoints.clone(), ProtocolName::Http, pieces, &limits);
    let whole = feed(vec![bytes]);
    for at in 0..=bytes.len() {
        let (front, back) = bytes.split_at(at);
        assert_eq!(feed(vec![front, back]), whole, "cut at {at}");
    }
    assert_eq!(feed(bytes.chunks(1).collect()), whole, "byte by byte");
    whole
}

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[0x20 | command, family], &length, rest].concat()
}

#[test]
fn a_proxy_header_names_the_client_of_every_request_behind_it() {
    let requests = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let v6 = [[0x20, 1, 13, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].as_slice(), &[9; 16], &[1, 0, 0, 80]];
    let v4 = [192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
    for (header, address, port) in [
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n".to_vec(), "192.0.2.1", "4660"),
        (b"PROXY TCP6 2001:db8::1 ::1 256 80\r\n".to_vec(), "2001:db8::1", "256"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "10.0.0.9", "5000"),
        (b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n".to_vec(), "10.0.0.9", "5000"),
        (b"PROXY UNKNOWN \xff\n\r\0\r\n".to_vec(), "10.0.0.9", "5000"),
        (v2(1, 0x11, &v4), "192.0.2.1", "4660"),
        (v2(1, 0x11, &[v4.as_slice(), &[0x20, 0, 2, 1, 1]].concat()), "192.0.2.1", "4660"),
        (v2(1, 0x21, &v6.concat()), "2001:db8::1", "256"),
        (v2(0, 0x11, &v4), "10.0.0.9", "5000"),
        (v2(0, 0, &[]), "10.0.0.9", "5000"),
    ] {
        let got = outcome(&[&header, requests.as_bytes()].concat(), &endpoints(&[], true));
        assert_eq!((got.requests.len(), &got.end), (2, &End::Open(Phase::Idle)), "{got:?}");
        for request in &got.requests {
            let remote = |name: &str| request.environ.iter().find(|(n, _)| n == name.as_bytes()).cloned();
            assert_eq!(remote("REMOTE_ADDR").unwrap().1, address.as_bytes(), "{request:?}");
            assert_eq!(remote("REMOTE_PORT").unwrap().1, port.as_bytes(), "{request:?}");
        }
    }
}

#[test]
fn without_its_proxy_header_a_connection_is_closed_without_a_word() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for header in ["", "PROXY TCP4 nonsense\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n", "\r\n", "proxy "]
    {
        let got = outcome(format!("{header}{request}").as_bytes(), &endpoints(&[], true));
        assert!(matches!(got.end, End::Refused { status: None, .. }), "{got:?}");
        assert!(got.requests.is_empty());
    }
    let header = "PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n";
    let got = outcome(format!("{header}{header}{request}").as_bytes(), &endpoints(&[], true));
    assert!(matches!(got.end, End::Refused { status: Some(400), .. }), "it stands once: {got:?}");
    let got = outcome(format!("{header}{request}").as_bytes(), &endpoints(&[], false));
    assert!(matches!(got.end, End::Refused { status: Some(400), .. }), "it was not configured: {got:?}");
}

#[test]
fn the_ends_of_the_connection_are_told() {
    let got = outcome(b"GET / HTTP/1.1\r\nHost: www.example.com:81\r\n\r\n", &endpoints(&[], false));
    for (name, want) in [
        ("REMOTE_ADDR", "10.0.0.9"),
        ("REMOTE_PORT", "5000"),
        ("SERVER_NAME", "10.0.0.1"),
        ("SERVER_PORT", "80"),
        ("HTTP_HOST", "www.example.com:81"),
    ] {
        assert_eq!(get(&got, name), Some(want), "{name}");
    }
    assert_eq!(get(&got, "HTTPS"), None);
    let unix = outcome(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &Endpoints::default());
    assert_eq!((get(&unix, "REMOTE_ADDR"), get(&unix, "SERVER_NAME")), (None, Some("localhost")));
}

#[test]
fn what_a_proxy_says_counts_if_it_is_trusted() {
    let x_forwarded = "X-Forwarded-For: 198.51.100.1, 192.0.2.1, 10.0.0.5\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: shop.example\r\nX-Forwarded-Port: 8443\r\n";
    let forwarded = "Forwarded: for=198.51.100.1, for=\"192.0.2.1:4711\";proto=https;host=shop.example\r\n";
    for (headers, port, server_port) in [(x_forwarded, None, "8443"), (forwarded, Some("4711"), "80")] {
        let request = format!("GET / HTTP/1.1\r\nHost: inner\r\n{headers}\r\n");
        let trusted = outcome(request.as_bytes(), &endpoints(&["10.0.0.0/8"], false));
        for (name, want) in [
            ("REMOTE_ADDR", Some("192.0.2.1")),
            ("REMOTE_PORT", port),
            ("HTTP_HOST", Some("shop.example")),
            ("REQUEST_SCHEME", Some("https")),
            ("HTTPS", Some("on")),
            ("SERVER_PORT", Some(server_port)),
        ] {
            assert_eq!(get(&trusted, name), want, "{name} by {headers}");
        }
        for stranger in [endpoints(&[], false), endpoints(&["172.16.0.0/12"], false)] {
            let got = outcome(request.as_bytes(), &stranger);
            assert_eq!(get(&got, "REMOTE_ADDR"), Some("10.0.0.9"), "{headers}");
            assert_eq!(get(&got, "HTTP_HOST"), Some("inner"), "{headers}");
            assert_eq!((get(&got, "HTTPS"), get(&got, "SERVER_PORT")), (None, Some("80")), "{headers}");
        }
    }
}

/// A proxy adds its element behind what the client sent, on the same line or on one of its own. All that stands left
/// of the proxy's comma, or on an earlier line, is the client's to choose.
#[test]
fn the_proxys_own_element_counts_on_whichever_line_it_stands() {
    struct Case {
        name: &'static str,
        /// Two client's values, then the proxy's.
        values: [&'static str; 3],
        variable: &'static str,
        want: &'static str,
    }
    let case = |name, values, variable, want| Case { name, values, variable, want };
    for Case { name, values, variable, want } in [
        case("X-Forwarded-For", ["6.6.6.6", "7.7.7.7", "192.0.2.1"], "REMOTE_ADDR", "192.0.2.1"),
        case("X-Forwarded-For", ["6.6.6.6", "192.0.2.1", "10.0.0.5"], "REMOTE_ADDR", "192.0.2.1"),
        case("X-Forwarded-For", ["6.6.6.6", "nonsense", "10.0.0.5"], "REMOTE_ADDR", "10.0.0.5"),
        case("X-Forwarded-For", ["6.6.6.6", "7.7.7.7", "unknown"], "REMOTE_ADDR", "10.0.0.9"),
        case("X-Forwarded-For", ["6.6.6.6", "7.7.7.7", ""], "REMOTE_ADDR", "10.0.0.9"),
        case("X-Forwarded-Proto", ["http", "http", "https"], "REQUEST_SCHEME", "https"),
        case("X-Forwarded-Proto", ["https", "https", "http"], "REQUEST_SCHEME", "http"),
        case("X-Forwarded-Host", ["evil", "evil", "shop.example"], "HTTP_HOST", "shop.example"),
        case("X-Forwarded-Host", ["evil", "evil", ""], "HTTP_HOST", "inner"),
        case("X-Forwarded-Port", ["1", "2", "8443"], "SERVER_PORT", "8443"),
        case("Forwarded", ["for=6.6.6.6", "for=7.7.7.7", "for=192.0.2.1"], "REMOTE_ADDR", "192.0.2.1"),
        case("Forwarded", ["for=6.6.6.6", "for=192.0.2.1", "for=10.0.0.5"], "REMOTE_ADDR", "192.0.2.1"),
        case("Forwarded", ["for=6.6.6.6", "for=\"x", "for=192.0.2.1"], "REMOTE_ADDR", "192.0.2.1"),
        case("Forwarded", ["for=\"", "for=\"x\\", "for=192.0.2.1"], "REMOTE_ADDR", "192.0.2.1"),
        case("Forwarded", ["\"", "\\\"", "for=\"192.0.2.1:80\""], "REMOTE_ADDR", "192.0.2.1"),
        case("Forwarded", ["for=6.6.6.6", "for=\"7.7.7.7", "for=10.0.0.5"], "REMOTE_ADDR", "10.0.0.5"),
        case("Forwarded", ["for=6.6.6.6", "for=7.7.7.7", "for=\"192.0.2.1"], "REMOTE_ADDR", "10.0.0.9"),
        case("Forwarded", ["for=6.6.6.6", "for=7.7.7.7", ""], "REMOTE_ADDR", "10.0.0.9"),
        // The proxy puts the client's host between quotes: once with a comma in it, once with an escaped quote.
        case(
            "Forwarded",
            ["for=\"", "host=\"", "for=192.0.2.1;host=\"x, for=6.6.6.6\""],
            "REMOTE_ADDR",
            "192.0.2.1",
        ),
        case(
            "Forwarded",
            ["for=\"", "host=\"", r#"for=192.0.2.1;host="x\", for=6.6.6.6;y=\"""#],
            "REMOTE_ADDR",
            "192.0.2.1",
        ),
        case("Forwarded", ["for=\"", "host=\"", r#"for=192.0.2.1;host="x\\""#], "REMOTE_ADDR", "192.0.2.1"),
        case(
            "Forwarded",
            ["proto=http;host=\"evil", "x", "host=shop.example;for=192.0.2.1"],
            "HTTP_HOST",
            "shop.example",
        ),
        case("Forwarded", ["for=1.1.1.1;proto=\"http", "", "for=2.2.2.2;proto=https"], "HTTPS", "on"),
    ] {
        let [first, second, own] = values;
        for lines in [
            vec![format!("{second}, {own}")],
            vec![second.to_owned(), own.to_owned()],
            vec![format!("{first}, {second}, {own}")],
            vec![first.to_owned(), format!("{second}, {own}")],
            vec![format!("{first}, {second}"), own.to_owned()],
            vec![first.to_owned(), second.to_owned(), own.to_owned()],
        ] {
            let lines: String = lines.iter().map(|line| format!("{name}: {line}\r\nAccept: x\r\n")).collect();
            let request = format!("GET / HTTP/1.1\r\nHost: inner\r\n{lines}\r\n");
            let got = outcome(request.as_bytes(), &endpoints(&["10.0.0.0/8"], false));
            assert_eq!(get(&got, variable), Some(want), "{request}");
        }
    }
}

#[test]
fn a_client_cannot_speak_for_a_trusted_proxy() {
    for header in [
        "HTTPS: on\r\n",
        "Request-Scheme: https\r\n",
        "Remote-Addr: 1.2.3.4\r\n",
        "Remote_Addr: 1.2.3.4\r\n",
        "REMOTE_ADDR: 1.2.3.4\r\n",
        "X_Forwarded_For: 1.2.3.4\r\n",
        "X-Forwarded_For: 1.2.3.4\r\n",
        "X-Forwarded-For: nonsense\r\n",
        "X-Forwarded-Proto: gopher\r\n",
        "X-Forwarded-Port: 80x\r\n",
        "X-Forwarded-Host: a b\r\n",
        "Forwarded: for=unknown;proto=https\r\n",
        "Forwarded: for=_hidden;host=evil\r\n",
        "Forwarded: for=1.2.3.4;proto=https\r\nX-Forwarded-For: 10.0.0.9\r\n",
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: inner\r\n{header}\r\n");
        let got = outcome(request.as_bytes(), &endpoints(&["10.0.0.0/8"], false));
        assert_eq!(get(&got, "REMOTE_ADDR"), Some("10.0.0.9"), "{header}");
        assert_eq!(get(&got, "HTTP_HOST"), Some("inner"), "{header}");
        assert_eq!((get(&got, "HTTPS"), get(&got, "SERVER_PORT")), (None, Some("80")), "{header}");
    }
}

#[test]
fn the_host_of_the_absolute_form_counts() {
    let request = "GET http://www.example.com:81/a?b HTTP/1.1\r\nHost: other\r\n\r\n";
    let got = outcome(request.as_bytes(), &endpoints(&[], false));
    for (name, want) in [
        ("HTTP_HOST", "www.example.com:81"),
        ("PATH_INFO", "/a"),
        ("QUERY_STRING", "b"),
        ("REQUEST_URI", "http://www.example.com:81/a?b"),
        ("SERVER_PORT", "80"),
    ] {
        assert_eq!(get(&got, name), Some(want), "{name}");
    }
}
