//! What `tidegate serve` serves and says.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use crate::process::{Server, run};

#[test]
fn hello_is_exactly_that() {
    let server = Server::start(&["hello"]);
    let done = server.request(&["/", "-i"]);
    assert_eq!(
        done.text(),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World\n"
    );
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    server.stop();
}

#[test]
fn the_start_tells_what_to_do_next() {
    let server = Server::start(&["demo"]);
    let address = server.address.clone();
    let (out, err) = server.stop();
    let line = format!("    tidegate request {address} /hello");
    assert!(out.contains(&line), "{line:?} is not among {out:#?}");
    // nginx's configuration is for a terminal.
    assert!(!out.iter().any(|line| line.contains("server {")), "{out:#?}");
    let started = format!(" INFO serves demo on uwsgi://{address}, with 1 worker");
    assert!(err.iter().any(|line| line.ends_with(&started)), "{started:?} is not among {err:#?}");
}

#[test]
fn environ_is_text_or_a_page() {
    let server = Server::start(&["environ"]);
    let done = server.request(&["/a%20b?<c>", "-d", "xyz", "-H", "X-Test: <&>"]);
    for line in ["REQUEST_METHOD=POST", "PATH_INFO=/a b", "QUERY_STRING=<c>", "HTTP_X_TEST=<&>"] {
        assert!(done.text().lines().any(|one| one == line), "{line} in {}", done.text());
    }
    assert!(done.text().ends_with("\nThe request's body: 3 bytes\n"));
    let page = server.request(&["/<b>", "-i", "-H", "Accept: text/html,*/*;q=0.8", "-H", "X-Test: <&>"]);
    assert!(page.text().contains("Content-Type: text/html; charset=utf-8\r\n"));
    assert!(page.text().contains("<th scope=\"row\">HTTP_X_TEST<td>&lt;&amp;&gt;\n"), "{}", page.text());
    assert!(page.text().contains("<h1>GET /&lt;b&gt;</h1>") && page.text().contains("body: 0 bytes"));
    server.stop();
}

#[test]
fn echo_gives_back_what_it_got() {
    let server = Server::start(&["echo"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    let body: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    fs::write(&file, &body).unwrap();
    let done = server.request(&["/", "-d", &format!("@{}", file.display())]);
    assert!(done.out == body, "{} bytes came back", done.out.len());
    let done = server.request(&["/", "-i", "-d", "x", "-H", "Content-Type: image/png"]);
    assert!(done.text().contains("Content-Type: image/png\r\nContent-Length: 1\r\n"), "{}", done.text());
    let done = server.request(&["/", "-i"]);
    assert!(done.text().contains("octet-stream\r\nContent-Length: 0\r\n"), "{}", done.text());
    server.stop();
}

#[test]
fn stream_does_as_the_query_says() {
    let server = Server::start(&["stream"]);
    let done = server.request(&["/?chunks=3&size=100000&delay=1"]);
    assert_eq!(done.out.len(), 300_000);
    assert!(server.request(&["/", "-i"]).text().contains("X-Accel-Buffering: no\r\n"));
    let done = server.request(&["/?size=0", "-i"]);
    assert!(done.text().starts_with("HTTP/1.1 400 Bad Request\r\n"));
    assert!(done.text().ends_with("size=0: it must be a number from 1 to 1048576\n"), "{}", done.text());
    server.stop();
}

#[test]
fn the_demo_has_them_all_wherever_it_is_mounted() {
    let server = Server::start(&["demo"]);
    assert_eq!(server.request(&["/hello"]).text(), "Hello, World\n");
    assert_eq!(server.request(&["/echo", "-d", "back"]).text(), "back");
    assert!(server.request(&["/environ"]).text().contains("PATH_INFO=/environ\n"));
    assert_eq!(server.request(&["/stream?chunks=2&size=5"]).out.len(), 10);
    for missing in ["/nothing", "/demo", "/hello/", "//hello/x"] {
        assert!(
            server.request(&[missing, "-i"]).text().starts_with("HTTP/1.1 404 Not Found\r\n"),
            "{missing}"
        );
    }
    let mounted = ["/x", "-H", "Accept: text/html", "--var", "SCRIPT_NAME=/my app", "--var", "PATH_INFO="];
    let page = server.request(&mounted);
    for name in ["hello", "environ", "echo", "stream"] {
        assert!(page.text().contains(&format!("\"/my%20app/{name}")), "{name} in {}", page.text());
    }
    server.stop();
}

#[test]
fn nothing_at_all_is_the_demo_on_its_usual_port() {
    // Whoever has the port, it is not free for this one: so it says what it would have done, and ends.
    let _taken = TcpListener::bind("127.0.0.1:3031");
    let done = run(&[]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.starts_with("tidegate: 127.0.0.1:3031: cannot listen: "), "{}", done.err);
}

#[test]
fn several_addresses_are_served_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock").display().to_string();
    let name = format!("@tidegate-test-cli-{}", std::process::id());
    let server = Server::start(&[
        "hello",
        "--uwsgi",
        &name,
        "--uwsgi",
        &path,
        "--uwsgi",
        "127.0.0.1:0",
        "--socket-mode",
        "0600",
    ]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let unix = server.line("Listening on uwsgi://unix:");
    let tcp = server.line("Listening on uwsgi://127.0.0.1:");
    for line in [unix, tcp] {
        let address = line.rsplit("://").next().unwrap();
        assert_eq!(run(&["request", address, "/"]).text(), "Hello, World\n");
    }
    assert_eq!(server.request(&["/"]).text(), "Hello, World\n");
    server.stop();
}

#[test]
fn the_access_log_has_a_line_for_each_request() {
    let server = Server::start(&["demo", "--access-log"]);
    server.request(&["/hello", "-X", "PUT"]);
    server.request(&["/stream?size=0"]);
    let done = server.request(&["/x", "--var", "CONTENT_LENGTH=many"]);
    assert!(done.text().contains("\"many\" is not a number of bytes"), "{}", done.text());
    let (out, err) = server.stop();
    let lines: Vec<Vec<&str>> =
        out.iter().filter(|line| line.starts_with("20")).map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines.len(), 3, "{out:#?}");
    let want = [("PUT", "/hello", "200"), ("GET", "/stream?size=0", "400"), ("GET", "/x", "400")];
    for (line, want) in lines.iter().zip(want) {
        assert_eq!((line.len(), (line[2], line[3], line[4])), (8, want), "{line:?}");
        assert!(line[0].len() == 24 && line[0].ends_with('Z') && line[1] == "127.0.0.1", "{line:?}");
        let [bytes, first, all] = [5, 6, 7].map(|at| line[at].parse::<u64>().unwrap());
        assert!(bytes > 70 && first <= all, "{line:?}");
    }
    assert!(err.iter().any(|line| line.contains(" WARN ") && line.contains("refused with 400")), "{err:#?}");
}

#[test]
fn a_packet_without_a_method_is_a_get_and_the_log_says_so_once() {
    let server = Server::start(&["environ", "--access-log"]);
    for _ in 0..3 {
        let done = server.request(&["/a%20b?c", "--var", "REQUEST_METHOD=", "--var", "SERVER_PROTOCOL="]);
        for line in ["REQUEST_METHOD=GET", "SERVER_PROTOCOL=HTTP/1.1"] {
            assert!(done.text().lines().any(|told| told == line), "{}", done.text());
        }
    }
    let (out, err) = server.stop();
    let lines = out.iter().filter(|line| line.contains(" GET /a%20b?c 200 ")).count();
    assert_eq!(lines, 3, "{out:#?}");
    let told = err.iter().filter(|line| line.contains("include uwsgi_params;")).collect::<Vec<_>>();
    assert!(told.len() == 1 && told[0].contains(" WARN "), "{err:#?}");
}

#[test]
fn the_trace_tells_the_flow() {
    let server = Server::start(&["hello", "--trace", "--access-log"]);
    server.request(&["/a?b=c"]);
    let (out, _) = server.stop();
    let story: Vec<&str> = out.iter().filter_map(|line| line.strip_prefix("#1 ")).collect();
    let told: Vec<&str> =
        story.iter().filter(|line| line.contains(" ms ")).map(|line| line[17..].trim_end()).collect();
    for (line, want) in told.iter().zip([
        "received        ",
        "request         uwsgi packet: modifier1 0 (WSGI), datasize ",
        "call            application(environ, start_response)",
        "start_response  200 OK",
        "write           78 bytes",
        "finished        200, 78 bytes in 1 write",
    ]) {
        assert!(line.starts_with(want), "{line:?} instead of {want:?} in {story:#?}");
    }
    assert_eq!(told.len(), 6);
    for text in
        ["REQUEST_URI      /a?b=c", "CONTENT_TYPE     (empty)", "wsgi.url_scheme  http", "| Hello, World\\n"]
    {
        assert!(story.iter().any(|line| line.ends_with(text)), "{text:?} is not in {story:#?}");
    }
    assert!(out.iter().any(|line| line.contains(" GET /a?b=c 200 78 ")), "{out:#?}");
}

#[test]
fn a_ping_is_answered() {
    let server = Server::start(&["hello", "--trace"]);
    let mut socket = TcpStream::connect(&server.address).unwrap();
    socket.write_all(include_bytes!("../../fixtures/uwsgi/ping.bin")).unwrap();
    let mut pong = Vec::new();
    socket.read_to_end(&mut pong).unwrap();
    assert_eq!(pong, [0x64, 0, 0, 1]);
    assert!(server.line("#1 ").contains("received        4 bytes"));
    assert!(server.line("#1 ").contains("write           4 bytes"));
    assert!(server.line("| ").ends_with("| d\\x00\\x00\\x01"));
    assert!(server.line("#1 ").contains("closed          with no request"));
    server.stop();
}

#[test]
fn a_probe_of_the_applications_port_is_told_of_in_the_log() {
    let server = Server::start(&["demo"]);
    for _ in 0..2 {
        assert!(server.request(&["/ready", "-i"]).text().starts_with("HTTP/1.1 404 "));
    }
    let (_, err) = server.stop();
    let told =
        err.iter().filter(|line| line.contains("GET /ready is a 404 of the application's; if it is a probe"));
    assert_eq!(told.count(), 1, "{err:#?}");
}

#[test]
fn the_access_log_has_only_the_requests_that_are_wanted() {
    let server = Server::start(&[
        "demo",
        "--access-log-only",
        "4xx,larger=1m",
        "--access-log-except",
        "REQUEST_URI=[?]hidden$",
        "--access-log-format",
        "{method} {uri} {status} {worker_requests}",
    ]);
    for path in ["/hello", "/nowhere", "/nowhere?hidden", "/stream?size=1000000", "/stream?size=1000"] {
        server.request(&[path]);
    }
    let (out, _) = server.stop();
    let lines: Vec<&String> = out.iter().filter(|line| line.starts_with("GET ")).collect();
    assert_eq!(lines, ["GET /nowhere 404 2", "GET /stream?size=1000000 200 4"]);
}

/// The line that tools for uWSGI's logs read.
const OF_UWSGI: &str = "[pid: {pid}|app: 0|req: {worker_requests}/{requests}] {remote_addr} ({remote_user?}) \
{{{variables} vars in {variables_bytes} bytes}} [{start:%a %b %e %H:%M:%S %Y}] {method} {uri} => generated {body_bytes} \
bytes in {time_ms} msecs ({protocol} {status}) {header_fields} headers in {head_bytes} bytes ({steps} switches on core {core})";

#[test]
fn a_line_is_as_uwsgi_s() {
    let server = Server::start(&["hello", "--workers", "2", "--access-log-format", OF_UWSGI]);
    (0..6).for_each(|_| drop(server.request(&["/a?b"])));
    let (out, _) = server.stop();
    let lines: Vec<&String> = out.iter().filter(|line| line.starts_with("[pid: ")).collect();
    assert_eq!(lines.len(), 6, "{out:#?}");
    let mut requests = Vec::new();
    for line in lines {
        let (before, behind) = line.split_once("] 127.0.0.1 () {").unwrap_or_else(|| panic!("{line}"));
        let (own, all) = before.split_once("|app: 0|req: ").unwrap().1.split_once('/').unwrap();
        assert!(own.parse::<u64>().unwrap() <= all.parse().unwrap(), "{line}");
        requests.push(all.parse::<u64>().unwrap());
        let (variables, rest) = behind.split_once(" vars in ").unwrap();
        assert!(variables.parse::<u64>().unwrap() > 10, "{line}");
        assert!(rest.contains("] GET /a?b => generated 13 bytes in "), "{line}");
        assert!(rest.contains(" (HTTP/1.1 200) 2 headers in ") && rest.ends_with(" on core 0)"), "{line}");
    }
    requests.sort_unstable();
    assert_eq!(requests, [1, 2, 3, 4, 5, 6], "they are counted over all workers");
}
