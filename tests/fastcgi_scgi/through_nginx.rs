//! Requests through a real nginx with its own fastcgi_params and scgi_params.

use tidegate::ProtocolName;

use crate::server::Server;
use crate::support::nginx::Nginx;

#[test]
fn fastcgi_pass_connects_for_each_request_and_logs_what_failed() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        let before = server.connections();
        let nginx = Nginx::start(remote, "location / { fastcgi_pass UPSTREAM; include fastcgi_params; }");
        nginx.get("/hello").assert_body("Hello, World");
        nginx.ask("POST /echo", &[], b"tide").assert_body("tide");
        nginx.get("/fail").assert_status(500);
        assert_eq!(server.connections() - before, 3);
        assert!(nginx.log().contains(r#"FastCGI sent in stderr: "no such table: tides""#), "{}", nginx.log());
    }
}

#[test]
fn the_path_is_path_info() {
    let server = Server::start();
    let remote = |protocol| server.remotes(protocol)[0].name.clone();
    let nginx = Nginx::start(
        server.fastcgi(),
        &format!(
            "location / {{ fastcgi_pass {}; include fastcgi_params; }}
             location /scgi/ {{ scgi_pass {}; include scgi_params; rewrite ^/scgi(/.*) $1 break; }}
             location /mounted/ {{
                fastcgi_pass {};
                fastcgi_split_path_info ^(/mounted)(/.*)$;
                include fastcgi_params;
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
        let response = nginx.get(uri);
        response.assert_status(200);
        let environ = response.text();
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
    let missing = nginx.get("/caf%C3%A9%2Fa%20b");
    missing.assert_status(404);
    assert_eq!(missing.text(), "no /caf\\xc3\\xa9/a b\n");
}

#[test]
fn a_host_that_is_set_again_behind_the_stock_parameters_counts() {
    let server = Server::start();
    for (protocol, remote) in [(ProtocolName::Fastcgi, "fastcgi"), (ProtocolName::Scgi, "scgi")] {
        let location = format!(
            "location / {{
                {remote}_pass UPSTREAM;
                include {remote}_params;
                {remote}_param HTTP_HOST $host;
                {remote}_param HTTP_HOST $host:81;
                {remote}_param SERVER_NAME '';
            }}"
        );
        let environ = Nginx::start(server.remotes(protocol)[0], &location).get("/environ").text();
        for line in ["HTTP_HOST=www.example.com:81", "SERVER_NAME=www.example.com"] {
            assert!(environ.lines().any(|had| had == line), "no {line} in {environ}");
        }
    }
}
