//! The application cannot tell by which listener a request came, but by what the standards give each.

use std::collections::{BTreeMap, BTreeSet};

use tidegate::ProtocolName;

use crate::request::Request;
use crate::support::application::variables;
use crate::support::client::Response;
use crate::ways::{Named, Way, Ways};

/// An environ as it was told.
type Told = BTreeMap<String, String>;

/// A variable that may be another over some listener than over uwsgi, or be on one side only; and why.
struct Exception {
    protocol: ProtocolName,
    name: &'static str,
    reason: &'static str,
}

const fn exception(protocol: ProtocolName, name: &'static str, reason: &'static str) -> Exception {
    Exception { protocol, name, reason }
}

/// Behind nginx, with its own lists of parameters.
const BEHIND_NGINX: [Exception; 17] = [
    exception(ProtocolName::Fastcgi, "GATEWAY_INTERFACE", "CGI's own version: fastcgi_params has it"),
    exception(ProtocolName::Fastcgi, "SERVER_SOFTWARE", "CGI's name for nginx: fastcgi_params has it"),
    exception(ProtocolName::Fastcgi, "SERVER_ADDR", "fastcgi_params has it, for PHP"),
    exception(ProtocolName::Fastcgi, "REMOTE_USER", "CGI's name for who logged in: fastcgi_params has it"),
    exception(ProtocolName::Fastcgi, "REDIRECT_STATUS", "fastcgi_params has it, for PHP"),
    exception(ProtocolName::Fastcgi, "DOCUMENT_URI", "what uwsgi_params calls PATH_INFO; both are there"),
    exception(ProtocolName::Scgi, "DOCUMENT_URI", "what uwsgi_params calls PATH_INFO; both are there"),
    exception(ProtocolName::Scgi, "SCGI", "SCGI's version, in each of its requests"),
    exception(ProtocolName::Scgi, "CONTENT_LENGTH", "in each of SCGI's requests: 0 where there is no body"),
    exception(ProtocolName::Http, "DOCUMENT_ROOT", "HTTP says nothing of nginx's files"),
    exception(ProtocolName::Http, "SERVER_NAME", "our listener's: HTTP says what was asked as Host"),
    exception(ProtocolName::Http, "SERVER_PORT", "our listener's, unless X-Forwarded-Port is sent"),
    exception(ProtocolName::Http, "REMOTE_PORT", "X-Forwarded-For has the address alone"),
    exception(ProtocolName::Http, "HTTP_CONNECTION", "hop by hop: nginx takes it out to keep its connection"),
    exception(ProtocolName::Http, "HTTP_TRANSFER_ENCODING", "hop by hop: nginx has all and sends a length"),
    exception(ProtocolName::Http, "HTTP_X_FORWARDED_FOR", "how a proxy says REMOTE_ADDR"),
    exception(ProtocolName::Http, "HTTP_X_FORWARDED_PROTO", "how a proxy says REQUEST_SCHEME"),
];

/// Directly, where the client of uwsgi, FastCGI and SCGI is a front end, and that of HTTP is not.
const DIRECTLY: [Exception; 7] = [
    exception(ProtocolName::Scgi, "SCGI", "SCGI's version, in each of its requests"),
    exception(ProtocolName::Scgi, "CONTENT_LENGTH", "in each of SCGI's requests: 0 where there is no body"),
    exception(ProtocolName::Http, "SERVER_NAME", "our listener's: HTTP says what was asked as Host"),
    exception(ProtocolName::Http, "SERVER_PORT", "our listener's"),
    exception(
        ProtocolName::Http,
        "REQUEST_SCHEME",
        "a front end's word; where it is missing, the scheme is http",
    ),
    exception(ProtocolName::Http, "REMOTE_PORT", "the client's, of whom no front end tells"),
    exception(ProtocolName::Http, "REMOTE_ADDR", "a unix socket's client has none"),
];

/// The variables that every application lives by: over each listener the same, with no exception but SCGI's 0.
const SAME: [&str; 7] = [
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "REQUEST_URI",
    "CONTENT_TYPE",
    "SERVER_PROTOCOL",
];

fn requests() -> Vec<(&'static str, Request)> {
    let fields = |request: Request| {
        (request.field("User-Agent", "test").field("Accept", "text/html"))
            .field("Cookie", "a=1")
            .field("Cookie", "b=2")
            .field("X-Any", "a  b")
            .field("X-Twice", "one")
            .field("X-Twice", "two")
            .field("Authorization", "Basic eDp5")
            .field("Proxy", "http://evil.example")
    };
    let posted = Request::post("/form?a=1", "a=1&b=2").field("Content-Type", "text/x; charset=utf-8");
    vec![
        ("GET", fields(Request::get("/a/caf%C3%A9/%E9?x=1&y=%20"))),
        ("GET of the root", Request::get("/")),
        ("POST", fields(posted.clone())),
        ("POST in chunks", posted.chunked()),
        ("DELETE", Request::new("DELETE", "/thing?")),
    ]
}

#[test]
fn protocols_differ_only_where_the_standards_say() {
    let ways = Ways::to(variables);
    let mut used = BTreeSet::new();
    for (case, request) in requests() {
        for way in ways.iter() {
            let _named = Named::new(case, way);
            let is_beside = |other: &&Way| {
                other.protocol == ProtocolName::Uwsgi
                    && (other.is_tcp, other.behind_nginx) == (way.is_tcp, way.behind_nginx)
            };
            let of_uwsgi = told(&ways.iter().find(is_beside).unwrap().ask(&request));
            let here = told(&way.ask(&request));
            for name in of_uwsgi.keys().chain(here.keys()).collect::<BTreeSet<_>>() {
                // PEP 3333 lets a variable be missing that is empty.
                let value = |of: &Told| of.get(name).cloned().unwrap_or_default();
                let (want, got) = (value(&of_uwsgi), value(&here));
                if want == got || is_of_the_connection(name, way) {
                    continue;
                }
                let exceptions: &[Exception] = if way.behind_nginx { &BEHIND_NGINX } else { &DIRECTLY };
                let excepted = exceptions.iter().find(|e| e.protocol == way.protocol && e.name == name);
                let excepted = excepted.unwrap_or_else(|| panic!("{name} is {got:?} and not {want:?}"));
                let is_length = name == "CONTENT_LENGTH";
                assert!(!is_length || (want.as_str(), got.as_str()) == ("", "0"), "{got:?}, not {want:?}");
                used.insert((way.behind_nginx, way.protocol.to_string(), excepted.name));
            }
        }
    }
    for (behind_nginx, exceptions) in [(true, &BEHIND_NGINX[..]), (false, &DIRECTLY[..])] {
        for Exception { protocol, name, reason } in exceptions {
            let is_used = used.contains(&(behind_nginx, protocol.to_string(), *name));
            assert!(is_used, "no exception is needed for {name} ({protocol}: {reason})");
            assert!(!SAME.contains(name), "{name} must be the same over every remote");
        }
    }
}

/// Whether it differs between two requests over the same listener too: nginx's client has a new port each time.
fn is_of_the_connection(name: &str, way: &Way) -> bool {
    name == "REMOTE_PORT" && way.behind_nginx && way.protocol != ProtocolName::Http
}

#[test]
fn a_client_s_version_is_told_unless_a_proxy_stands_before_it() {
    let ways = Ways::to(variables);
    let request = Request::get("/").http10();
    ways.each("HTTP/1.0", |way| {
        let is_proxied = way.behind_nginx && way.protocol == ProtocolName::Http;
        let want = if is_proxied { "HTTP/1.1" } else { "HTTP/1.0" };
        assert_eq!(told(&way.ask(&request))["SERVER_PROTOCOL"], want);
    });
}

#[test]
fn the_client_is_told_over_every_remote() {
    let ways = Ways::to(variables);
    ways.each("REMOTE_ADDR", |way| {
        let environ = told(&way.ask(&Request::get("/")));
        let is_nameless = !way.is_tcp && !way.behind_nginx && way.protocol == ProtocolName::Http;
        let address = environ.get("REMOTE_ADDR").map(String::as_str);
        assert_eq!(address, if is_nameless { None } else { Some("127.0.0.1") });
        assert_eq!(environ["HTTP_HOST"], crate::request::HOST);
        for name in ["SERVER_NAME", "SERVER_PORT"] {
            assert!(!environ[name].is_empty(), "{name}");
        }
    });
}

/// The variables that [`variables`] told.
#[track_caller]
fn told(response: &Response) -> Told {
    response.assert_status(200);
    let text = response.text();
    let pairs = text.lines().map(|line| line.split_once('=').unwrap());
    let all: Told = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(all.len(), text.lines().count(), "a name stands once: {text}");
    all
}
