//! Requests through a real nginx with its own fastcgi_params and scgi_params.

use tidegate::ProtocolName;

use crate::application::{LARGE_BYTES, STREAMED_BYTES, pattern};
use crate::nginx::Nginx;
use crate::server::{Remote, Server};

#[test]
fn fastcgi_pass_connects_for_each_request() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        let before = server.connections();
        let nginx = Nginx::start("", &format!("location / {{ {} }}", fastcgi(remote)));
        let asked = assert_answers(&nginx);
        assert_eq!(server.connections() - before, asked);
        assert!(nginx.log().contains(r#"FastCGI sent in stderr: "no such table: tides""#), "{}", nginx.log());
    }
}

#[test]
fn fastcgi_pass_with_keepalive_uses_one_connection() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        let before = server.connections();
        let upstream = format!("upstream tidegate {{ server {}; keepalive 4; }}", target(remote));
        let location =
            "location / { fastcgi_pass tidegate; fastcgi_keep_conn on; include STOCK/fastcgi_params; }";
        let nginx = Nginx::start(&upstream, location);
        assert_answers(&nginx);
        // nginx closes behind a response that has no body: two to HEAD, and a 204.
        let used = server.connections() - before;
        assert!((1..=4).contains(&used), "{used} connections");
        nginx.ask("GET", "/hello", b"").assert("200 OK", "Hello, World");
        let used = server.connections();
        for n in 0..200 {
            nginx.ask("GET", &format!("/{n}"), b"").assert("404 Not Found", format!("no /{n}\n"));
            nginx.ask("POST", "/echo", b"tide").assert("200 OK", "tide");
        }
        assert_eq!(server.connections(), used);
    }
}

#[test]
fn scgi_pass_connects_for_each_request() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Scgi) {
        let before = server.connections();
        let pass = format!("scgi_pass {}; include STOCK/scgi_params;", target(remote));
        let nginx = Nginx::start("", &format!("location / {{ {pass} }}"));
        let asked = assert_answers(&nginx);
        assert_eq!(server.connections() - before, asked);
    }
}

#[test]
fn the_path_is_path_info() {
    let server = Server::start();
    let remote = |scheme| server.remotes(scheme)[0].name.clone();
    let nginx = Nginx::start(
        "",
        &format!(
            "location / {{ fastcgi_pass {}; include STOCK/fastcgi_params; }}
             location /scgi/ {{ scgi_pass {}; include STOCK/scgi_params; rewrite ^/scgi(/.*) $1 break; }}
             location /mounted/ {{
                fastcgi_pass {};
                fastcgi_split_path_info ^(/mounted)(/.*)$;
                include STOCK/fastcgi_params;
                fastcgi_param PATH_INFO $fastcgi_path_info;
             }}",
            remote(ProtocolName::Fastcgi),
            remote(ProtocolName::Scgi),
            remote(ProtocolName::Fastcgi),
        ),
    );
    for (uri, script_name, path_info) in [
        ("/environ?a=%20b", "", "/environ"),
        ("/scgi/environ?a=%20b", "", "/environ"),
        ("/mounted/environ?a=%20b", "/mounted", "/environ"),
    ] {
        let response = nginx.ask("GET", uri, b"");
        let environ = String::from_utf8(response.body.clone()).unwrap();
        response.assert("200 OK", environ.as_bytes());
        let lines: Vec<&str> = environ.lines().collect();
        for line in [
            &format!("PATH_INFO={path_info}"),
            &format!("SCRIPT_NAME={script_name}"),
            "QUERY_STRING=a=%20b",
            &format!("REQUEST_URI={uri}"),
            "SERVER_NAME=www.example.com",
            "HTTP_HOST=www.example.com",
        ] {
            assert!(lines.contains(&line), "{uri}: no {line} in {environ}");
        }
    }
    nginx.ask("GET", "/caf%C3%A9%2Fa%20b", b"").assert("404 Not Found", "no /caf\\xc3\\xa9/a b\n");
}

#[test]
fn a_host_that_is_set_again_behind_the_stock_parameters_counts() {
    let server = Server::start();
    for (scheme, remote) in [(ProtocolName::Fastcgi, "fastcgi"), (ProtocolName::Scgi, "scgi")] {
        let pass = &server.remotes(scheme)[0].name;
        let location = format!(
            "location / {{
                {remote}_pass {pass};
                include STOCK/{remote}_params;
                {remote}_param HTTP_HOST $host;
                {remote}_param HTTP_HOST $host:81;
                {remote}_param SERVER_NAME '';
            }}"
        );
        let response = Nginx::start("", &location).ask("GET", "/environ", b"");
        let environ = String::from_utf8(response.body).unwrap();
        for line in ["HTTP_HOST=www.example.com:81", "SERVER_NAME=www.example.com"] {
            assert!(environ.lines().any(|had| had == line), "no {line} in {environ}");
        }
    }
}

#[test]
fn a_response_that_breaks_off_is_not_whole() {
    let server = Server::start();
    let mut locations = String::new();
    for (at, remote) in server.remotes(ProtocolName::Fastcgi).into_iter().enumerate() {
        locations += &format!(
            "location /{at}/ {{ {} rewrite ^/.(/.*) $1 break; fastcgi_keep_conn on; }}\n",
            fastcgi(remote)
        );
    }
    let nginx = Nginx::start("", &locations);
    for uri in ["/0/fail-late", "/0/short", "/1/fail-late", "/1/short"] {
        let response = nginx.ask("GET", uri, b"");
        // What came before the failure may be kept back, and a reset is a 502 then.
        let hidden = response.head.starts_with("HTTP/1.1 502 ");
        let length_tells = response.has("Content-Length: 100") && response.body.len() < 100;
        assert!(hidden || length_tells || !response.whole, "{uri}: {response:?}");
    }
}

/// Every kind of request and response; returns how many requests that took.
#[track_caller]
fn assert_answers(nginx: &Nginx) -> usize {
    nginx.ask("GET", "/hello", b"").assert("200 OK", "Hello, World");
    let head = nginx.ask("HEAD", "/hello", b"");
    head.assert("200 OK", "");
    assert!(head.has("Content-Length: 12"), "{}", head.head);
    nginx.ask("HEAD", "/large", b"").assert("200 OK", "");
    let body = pattern(1 << 20);
    nginx.ask("POST", "/echo", &body).assert("200 OK", &body);
    nginx.ask("POST", "/echo", b"").assert("200 OK", "");
    nginx.ask("GET", "/nothing", b"").assert("404 Not Found", "no /nothing\n");
    nginx.ask("GET", "/fail", b"").assert("500 Internal Server Error", "Internal Server Error\n");
    nginx.ask("GET", "/no-content", b"").assert("204 No Content", "");
    let redirect = nginx.ask("GET", "/redirect", b"");
    redirect.assert("302 Found", "elsewhere");
    assert!(redirect.has("Location: /echo?a=1") || redirect.head.contains("/echo?a=1"), "{}", redirect.head);
    nginx.ask("GET", "/empty", b"").assert("200 OK", "");
    let streamed = nginx.ask("GET", "/streamed", b"");
    streamed.assert("200 OK", pattern(STREAMED_BYTES));
    assert!(streamed.has("Transfer-Encoding: chunked"), "{}", streamed.head);
    nginx.ask("GET", "/large", b"").assert("200 OK", pattern(LARGE_BYTES));
    12
}

fn fastcgi(remote: &Remote) -> String {
    format!("fastcgi_pass {}; include STOCK/fastcgi_params;", target(remote))
}

/// The listener as a `server` or a `_pass` has it.
fn target(remote: &Remote) -> String {
    if remote.address.is_unix() {
        format!("unix:{}", remote.name.trim_start_matches("unix:"))
    } else {
        remote.name.clone()
    }
}
