//! The access log, behind a real nginx.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate::ProtocolName;

use crate::master::Master;
use crate::support::client::{Response, get, read_all, read_until};
use crate::support::eventually;
use crate::support::longer_times::with_longer_times;
use crate::support::nginx::{Nginx, head};

/// A client that is not nginx's own address.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);

/// Asks nginx from CLIENT.
#[track_caller]
fn ask(nginx: &Nginx, uri: &str, fields: &[(&str, &str)]) -> Response {
    let mut socket = nginx.remote.socket();
    socket.bind(&SocketAddr::from((CLIENT, 0)).into()).unwrap();
    socket.connect(&nginx.remote.address).unwrap();
    socket.write_all(head(&format!("GET {uri}"), fields).as_bytes()).unwrap();
    Response::read(&socket)
}

/// The lines of a file once there are so many.
#[track_caller]
fn lines(path: &Path, count: usize) -> Vec<String> {
    let read = || fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect();
    let mut lines: Vec<String> = Vec::new();
    eventually(&format!("{count} lines"), || {
        lines = read();
        lines.len() >= count
    });
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

/// The access log.
fn access(master: &Master) -> PathBuf {
    master.folder.path().join("access")
}

/// nginx with both protocols' ways to it.
fn nginx_before(master: &Master) -> Nginx {
    let http = master.tcp(ProtocolName::Http).name;
    Nginx::start(
        &master.remote,
        &format!(
            "location / {{ uwsgi_pass UPSTREAM; }}
             location /http {{
                 proxy_pass http://{http};
                 proxy_http_version 1.1;
                 proxy_set_header Connection \"\";
                 proxy_set_header X-Forwarded-For $remote_addr;
             }}"
        ),
    )
}

#[test]
fn the_client_is_nginxs_client_over_each_protocol() {
    for size in [["--threads", "4"], ["--workers", "4"]] {
        let args =
            ["--access-log-file", "FOLDER/access", "--http", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"];
        let format = [
            "--access-log-format",
            "{remote_addr} {uri} {status} w{worker} t{thread} {ending} \"{user_agent}\"",
        ];
        let master = Master::on_loop(&[&size[..], &args, &format].concat(), |_| {});
        let nginx = nginx_before(&master);
        let agent = [("User-Agent", "Mozilla/5.0 (X11) \\\"")];
        for uri in ["/one", "/http/two"] {
            ask(&nginx, uri, &agent).assert_body("one");
            ask(&nginx, uri, &agent).assert_body("one");
        }
        let mut told = lines(&access(&master), 4);
        told.sort();
        for (line, uri) in told.iter().zip(["/http/two", "/http/two", "/one", "/one"]) {
            let fields: Vec<&str> = line.splitn(7, ' ').collect();
            assert_eq!(fields[..3], ["127.0.0.7", uri, "200"], "{line}");
            let number = |field: &str, letter: char| field.strip_prefix(letter).unwrap().parse::<usize>();
            let worker = number(fields[3], 'w').unwrap();
            if size[0] == "--threads" {
                assert!(worker == 1 && matches!(number(fields[4], 't'), Ok(1..=4)), "{line}");
            } else {
                assert!((1..=4).contains(&worker) && fields[4] == "t-", "{line}");
            }
            assert_eq!(fields[5..], ["complete", r#""Mozilla/5.0 (X11) \x5C\x22""#], "{line}");
        }
    }
}

#[test]
fn combined_is_the_line_that_nginx_writes_too() {
    let master = Master::start(&["--access-log-file", "FOLDER/access", "--access-log-format", "combined"]);
    let nginx = Nginx::serving(&format!(
        "include PARAMS;
         server {{ listen 127.0.0.1:NGINX_PORT; access_log FOLDER/combined; location / {{ uwsgi_pass {}; }} }}",
        master.remote.name
    ));
    let fields = [("User-Agent", "a \"b\" \\ \u{e9}"), ("Referer", "http://www.example.com/?q=\"")];
    ask(&nginx, "/some%20path?a=\"b\"", &fields).assert_body("one");
    ask(&nginx, "/error", &[]).assert_status(500);
    let (ours, nginxs) = (lines(&access(&master), 2), lines(&nginx.folder.path().join("combined"), 2));
    for (ours, nginxs) in ours.iter().zip(&nginxs) {
        let without_time = |line: &str| {
            let (before, rest) = line.split_once('[').unwrap();
            let (time, behind) = rest.split_once(']').unwrap();
            assert_eq!(time.len(), "29/Nov/2026:15:25:56 +0000".len(), "{line}");
            format!("{before}[]{behind}")
        };
        assert_eq!(without_time(ours), without_time(nginxs));
    }
}

#[test]
fn a_request_that_the_timeout_ends_has_its_line() {
    with_longer_times(|factor| {
        let timeout = (f64::from(factor) * 0.3).to_string();
        let args = ["--access-log-file", "FOLDER/access", "--threads", "2", "--timeout", &timeout];
        let format = ["--access-log-format", "{uri} {status} {ending}"];
        let master = Master::on_loop(&[&args[..], &format].concat(), |_| {});
        master.get("/sleep?60000").assert_status(504);
        // A response that had begun.
        let socket = master.remote.send(get("/late-sleep"));
        read_all(&socket);
        assert_eq!(lines(&access(&master), 2), ["/sleep 504 timeout", "/late-sleep 200 timeout"]);
    });
}

#[test]
fn a_request_whose_worker_is_aborted_or_dies_has_its_line() {
    with_longer_times(|factor| {
        let timeout = (f64::from(factor) * 0.3).to_string();
        let args = [
            "--access-log-file",
            "FOLDER/access",
            "--access-log-format",
            "{uri} {status} {bytes} w{worker} {ending}",
        ];
        let master = Master::on_loop(&[&args[..], &["--timeout", &timeout]].concat(), |_| {});
        // What the client got is what the line says.
        let (reply, _) = read_all(master.remote.send(get("/sleep?60000")));
        read_all(master.remote.send(get("/late-sleep")));
        read_all(master.remote.send(get("/crash")));
        let told = lines(&access(&master), 3);
        assert_eq!(told[0], format!("/sleep 504 {} w1 timeout", reply.len()));
        assert!(told[1].starts_with("/late-sleep 200 ") && told[1].ends_with(" w1 timeout"), "{told:?}");
        assert_eq!(told[2], "/crash 000 0 w1 broken-off");

        let master = Master::on_loop(&[&args[..], &["--threads", "2"]].concat(), |_| {});
        read_all(master.remote.send(get("/exit")));
        assert_eq!(lines(&access(&master), 1), ["/exit 000 0 w1 broken-off"]);
    });
}

#[test]
fn a_client_that_leaves_is_a_line_that_is_broken_off() {
    let master = Master::start(&["--access-log-file", "FOLDER/access", "--access-log-format", "json"]);
    let socket = master.remote.send(get("/big"));
    read_until(&socket, "HTTP/1.1 200 OK");
    drop(socket);
    let told: serde_json::Value = serde_json::from_str(&lines(&access(&master), 1)[0]).unwrap();
    assert_eq!(
        (&told["uri"], &told["status"], &told["ending"]),
        (&"/big".into(), &200.into(), &"broken-off".into())
    );
    let sent = told["body_bytes"].as_u64().unwrap();
    assert!(sent < told["bytes"].as_u64().unwrap() && sent < 64 << 20, "{told}");
}

#[test]
fn a_minus_is_stdout() {
    let master =
        Master::start(&["--access-log-file", "-", "--access-log-format", "to stdout: {method} {uri}"]);
    master.get("/one").assert_body("one");
    master.says("to stdout: GET /one");
    assert!(!master.folder.path().join("-").exists());
}

#[test]
fn what_the_command_tells_of_nginx_serves() {
    let master = Master::start(&["--http", "127.0.0.1:0"]);
    let listeners = [("--uwsgi", &master.remote.name), ("--http", &master.tcp(ProtocolName::Http).name)];
    for (option, address) in listeners {
        let told =
            Command::new(env!("CARGO_BIN_EXE_tidegate")).args(["nginx", option, address]).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains("    listen 80;\n"), "{told}");
        let nginx = Nginx::serving(&told.replace("listen 80;", "listen 127.0.0.1:NGINX_PORT;"));
        nginx.get("/one").assert_body("one");
    }
}
