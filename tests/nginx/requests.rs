//! What a client sends arrives as WSGI names it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::support::application::{hello, variables};
use crate::support::client::Response;
use crate::support::server::Server;
use crate::{PASS, through_nginx};

/// The variables that [`variables`] told.
fn told(response: &Response) -> BTreeMap<String, String> {
    assert_eq!((response.status, response.complete), (200, true), "{response:?}");
    let text = response.text();
    let pairs = text.lines().map(|line| line.split_once('=').unwrap());
    let all: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(all.len(), text.lines().count(), "a name stands once: {text}");
    all
}

#[test]
fn the_example_of_every_introduction() {
    let told = Arc::new(Mutex::new(BTreeMap::new()));
    let keep = Arc::clone(&told);
    let server = Server::start(move |environ, start_response| {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        *keep.lock().unwrap() = environ.iter().map(|(name, value)| (text(name), text(value))).collect();
        hello(environ, start_response)
    });
    through_nginx(&server, PASS, |nginx| {
        let response = nginx.ask("GET /", &[("User-Agent", "test"), ("X-Any", "a  b")], b"");
        response.assert_body("Hello, World");
        assert_eq!(response.header("Content-Type"), Some("text/plain"));
        assert_eq!(response.header("Content-Length"), Some("12"));
        // nginx's own, once each.
        assert_eq!((response.all("Date").count(), response.all("Server").count()), (1, 1));
        assert!(response.header("Server").unwrap().starts_with("nginx"));

        let environ = told.lock().unwrap().clone();
        let port = nginx.remote.address.as_socket().unwrap().port().to_string();
        for (name, value) in [
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/"),
            ("PATH_INFO", "/"),
            ("SERVER_NAME", "www.example.com"),
            ("SERVER_PORT", &port),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REQUEST_SCHEME", "http"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("HTTP_HOST", "www.example.com"),
            ("HTTP_USER_AGENT", "test"),
            ("HTTP_X_ANY", "a  b"),
        ] {
            assert_eq!(environ.get(name).map(String::as_str), Some(value), "{name} of {environ:?}");
        }
        for name in ["SCRIPT_NAME", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTPS"] {
            let value = environ.get(name).map(String::as_str).unwrap_or_default();
            assert_eq!(value, "", "{name} of {environ:?}");
        }
    });
}

#[test]
fn every_method_and_target_arrives() {
    let server = Server::start(variables);
    through_nginx(&server, PASS, |nginx| {
        for (request, method, path, query) in [
            ("GET /a/b?x=1&y=%20&x=2", "GET", "/a/b", "x=1&y=%20&x=2"),
            ("DELETE /caf%E9/%C3%A9", "DELETE", "/caf\\xe9/\\xc3\\xa9", ""),
            ("OPTIONS /100%25", "OPTIONS", "/100%", ""),
            ("PROPFIND /%252e/a", "PROPFIND", "/%2e/a", ""),
            ("PATCH //a/../b/./c?", "PATCH", "/b/c", ""),
            ("POST /?a?b", "POST", "/", "a?b"),
            ("GET /a+b;c=d", "GET", "/a+b;c=d", ""),
        ] {
            let environ = told(&nginx.ask(request, &[], b""));
            let seen = ["REQUEST_METHOD", "PATH_INFO", "QUERY_STRING"].map(|name| environ[name].as_str());
            assert_eq!(seen, [method, path, query], "{request}");
            assert_eq!(environ["REQUEST_URI"], request.split_once(' ').unwrap().1);
        }
    });
}

/// Debian's uwsgi_params sets HTTP_HOST without the port; an operator that needs it sets the variable again behind the include.
#[test]
fn a_host_that_is_set_again_behind_debians_parameters_counts() {
    let server = Server::start(variables);
    let location = "location / {
        uwsgi_pass UPSTREAM;
        include uwsgi_params;
        uwsgi_param HTTP_HOST $host;
        uwsgi_param HTTP_HOST $host:$server_port;
        uwsgi_param SERVER_NAME '';
    }";
    through_nginx(&server, location, |nginx| {
        let environ = told(&nginx.get("/"));
        let port = nginx.remote.address.as_socket().unwrap().port();
        assert_eq!(environ["HTTP_HOST"], format!("www.example.com:{port}"));
        assert_eq!(environ["SERVER_NAME"], "www.example.com");
    });
}

#[test]
fn headers_arrive_once_each() {
    let server = Server::start(variables);
    through_nginx(&server, PASS, |nginx| {
        let fields = [
            ("Cookie", "a=1"),
            ("Accept", "text/html"),
            ("Cookie", "b=2; c=3"),
            ("X-Twice", "one"),
            ("x-twice", "two"),
            ("Proxy", "http://evil"),
            ("Authorization", "Basic eDp5"),
            ("Content-Type", "text/x"),
            ("X-Latin", "caf\u{e9}"),
        ];
        let environ = told(&nginx.ask("POST /", &fields, b"body"));
        for (name, value) in [
            ("HTTP_COOKIE", "a=1; b=2; c=3"),
            ("HTTP_ACCEPT", "text/html"),
            ("HTTP_X_TWICE", "one, two"),
            ("HTTP_AUTHORIZATION", "Basic eDp5"),
            ("HTTP_X_LATIN", "caf\\xc3\\xa9"),
            ("CONTENT_TYPE", "text/x"),
            ("CONTENT_LENGTH", "4"),
        ] {
            assert_eq!(environ.get(name).map(String::as_str), Some(value), "{name} of {environ:?}");
        }
        for name in ["HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"] {
            assert!(!environ.contains_key(name), "{name} of {environ:?}");
        }
    });
}

#[test]
fn many_and_large_headers_arrive() {
    let server = Server::start(variables);
    through_nginx(&server, PASS, |nginx| {
        let many: Vec<(String, String)> = (0..300).map(|i| (format!("X-{i}"), "v".repeat(150))).collect();
        let large = [30_000, 30_000].map(|len| "l".repeat(len));
        let cases = [
            many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(),
            vec![("X-1", large[0].as_str()), ("X-2", large[1].as_str())],
        ];
        for fields in cases {
            let environ = told(&nginx.ask("GET /", &fields, b""));
            for (name, value) in fields {
                assert_eq!(environ[&format!("HTTP_{}", name.to_uppercase().replace('-', "_"))], value);
            }
        }
        // What no packet holds, nginx refuses by itself; a request of 900 headers it sends, and we take it.
        let fields = [("X-1", large[0].as_str()), ("X-2", large[1].as_str()), ("X-3", &large[0][..6_000])];
        assert_eq!(nginx.ask("GET /", &fields, b"").status, 500);
        let names: Vec<String> = (0..900).map(|i| format!("X-{i}")).collect();
        let fields: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
        let without = told(&nginx.get("/")).len();
        assert_eq!(told(&nginx.ask("GET /", &fields, b"")).len(), without + fields.len());
    });
}

#[test]
fn a_script_name_is_stripped() {
    let locations = "
        location /app { include PARAMS; uwsgi_modifier1 30; uwsgi_param SCRIPT_NAME /app; uwsgi_pass UPSTREAM; }
        location /kept { include PARAMS; uwsgi_param SCRIPT_NAME /kept; uwsgi_pass UPSTREAM; }";
    let server = Server::start(variables);
    through_nginx(&server, locations, |nginx| {
        for (uri, script_name, path) in [
            ("/app/page?q", "/app", "/page"),
            ("/app", "/app", ""),
            ("/app/", "/app", "/"),
            ("/application", "/app", "/application"),
            ("/kept/page", "/kept", "/kept/page"),
        ] {
            let environ = told(&nginx.get(uri));
            assert_eq!([&environ["SCRIPT_NAME"], &environ["PATH_INFO"]], [script_name, path], "{uri}");
            assert_eq!(environ["REQUEST_URI"], uri);
        }
    });
}

/// A block as nginx's own tests have it, and who forgets the include.
const BARE: &str = "location / { uwsgi_pass UPSTREAM; uwsgi_param SERVER_PROTOCOL $server_protocol; }
    location /uri { uwsgi_pass UPSTREAM; uwsgi_param REQUEST_URI $request_uri; }
    location /length { uwsgi_pass UPSTREAM; uwsgi_param CONTENT_LENGTH $content_length if_not_empty; }";

#[test]
fn a_block_without_the_include_is_served_as_uwsgi_does() {
    let server = Server::start(variables);
    through_nginx(&server, BARE, |nginx| {
        let plain =
            told(&nginx.ask("GET /a?b", &[("Cookie", "a=1"), ("Cookie", "b=2"), ("Foo", "foo")], b""));
        for (name, value) in [
            ("REQUEST_METHOD", "GET"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("SERVER_NAME", "www.example.com"),
            ("SERVER_PORT", "80"),
            ("HTTP_COOKIE", "a=1; b=2"),
            ("HTTP_FOO", "foo"),
        ] {
            assert_eq!(plain.get(name).map(String::as_str), Some(value), "{name} of {plain:?}");
        }
        assert!(!plain.contains_key("PATH_INFO") && !plain.contains_key("QUERY_STRING"), "{plain:?}");
        let by_uri = told(&nginx.get("/uri/%41?b=%20"));
        assert_eq!((&*by_uri["PATH_INFO"], &*by_uri["QUERY_STRING"]), ("/uri/A", "b=%20"));
        // The method is nginx's alone to know: a body comes with what is served as a GET.
        let posted = told(&nginx.ask("POST /length", &[], b"foobar"));
        assert_eq!((&*posted["REQUEST_METHOD"], &*posted["CONTENT_LENGTH"]), ("GET", "6"));
        let head = nginx.ask("HEAD /", &[], b"");
        assert_eq!((head.status, head.body.as_slice()), (200, &b""[..]), "{head:?}");
    });
}
