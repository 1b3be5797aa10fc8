//! Real clients: curl, and Python's http.client.

use tidegate::{Body, Environ, Limits, StartResponse};

use crate::application::start;
use crate::support::application::PLAIN;
use crate::support::program::{installed, output};
use crate::support::server::Server;

#[track_caller]
fn curl(arguments: &[&str], input: &[u8]) -> String {
    let mut curl = installed("curl", "curl");
    curl.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*"]).args(arguments);
    output(curl, input)
}

/// Says which protocol and Host came.
fn protocol(environ: Environ, start_response: StartResponse) -> Result<Body, tidegate::AppError> {
    start_response.start("200 OK", PLAIN)?;
    let get = |name| environ.get(name).unwrap_or_default();
    Ok([get("SERVER_PROTOCOL"), b" ", get("HTTP_HOST")].concat().into())
}

#[test]
fn curl_uses_a_connection_again() {
    let server = start();
    let told = curl(
        &[
            "-w",
            " %{http_code} %{num_connects}\n",
            &server.tcp().url("/one"),
            "-o",
            "-",
            &server.tcp().url("/two"),
        ],
        b"",
    );
    assert_eq!(told, "/one 200 1\n/two 200 0\n");
    let told =
        curl(&["-w", " %{num_connects}\n", &server.tcp().url("/stream"), &server.tcp().url("/stream")], b"");
    assert_eq!(told, "onetwo 1\nonetwo 0\n", "behind chunks too");
    let head =
        curl(&["-I", "-w", "%{num_connects}\n", &server.tcp().url("/large"), &server.tcp().url("/a")], b"");
    assert!(head.contains("Content-Length: 1048576\r\n") && head.ends_with("\r\n\r\n0\n"), "{head}");
}

#[test]
fn curl_uploads_in_chunks() {
    let server = start();
    let input: Vec<u8> = (0..1_000_000_u32).map(|at| b'a' + (at % 23) as u8).collect();
    // PUT, Transfer-Encoding: chunked, and Expect: 100-continue of curl's own.
    let got = curl(&["-T", "-", &server.tcp().url("/echo")], &input);
    assert!(got.as_bytes() == input, "{} bytes came back", got.len());
    let verbose = ["-T", "-", "-D", "-", "-H", "Expect: 100-continue", &server.tcp().url("/echo")];
    let got = curl(&verbose, b"hello");
    assert!(got.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{got}");
    assert!(got.ends_with("\r\n\r\nhello"), "{got}");
}

#[test]
fn curl_expects_100_continue() {
    let server = start();
    let expecting = ["-d", "hello=1", "-H", "Expect: 100-continue", "-D", "-", "--expect100-timeout", "50"];
    let got = curl(&[expecting.as_slice(), &[&server.tcp().url("/echo")]].concat(), b"");
    assert!(got.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{got}");
    assert!(got.ends_with("hello=1"), "{got}");
}

#[test]
fn curl_speaks_http_10() {
    let server = Server::http(Limits::default(), protocol);
    let got = curl(&["--http1.0", "-D", "-", "-H", "Host: a.example", &server.tcp().url("/")], b"");
    assert!(
        got.contains("\r\nConnection: close\r\n") && got.ends_with("\r\n\r\nHTTP/1.0 a.example"),
        "{got}"
    );
    let got = curl(&["--request-target", "http://b.example/x", &server.tcp().url("/")], b"");
    assert_eq!(got, "HTTP/1.1 b.example");
}

#[test]
fn pythons_http_client_keeps_its_connection_and_uploads_in_chunks() {
    const SCRIPT: &str = r#"
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=60)
connection.connect()
socket = connection.sock
for number in range(20):
    connection.request("GET", f"/{number}")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, f"/{number}".encode())
chunks = [b"one" * 1000, b"two", b"x" * 200_000]
connection.request("POST", "/echo", body=iter(chunks), encode_chunked=True,
                   headers={"Transfer-Encoding": "chunked"})
response = connection.getresponse()
assert response.read() == b"".join(chunks)
connection.request("HEAD", "/large")
response = connection.getresponse()
assert response.getheader("Content-Length") == str(1 << 20) and response.read() == b""
connection.request("GET", "/stream")
response = connection.getresponse()
assert response.getheader("Transfer-Encoding") == "chunked" and response.read() == b"onetwo"
assert connection.sock is socket, "it had to connect again"
connection.request("GET", "/fail")
try:
    response = connection.getresponse()
    response.read()
    raise SystemExit("a broken response looks whole")
except (http.client.HTTPException, ConnectionError):
    connection.close()
connection.request("GET", "/again")
assert connection.getresponse().read() == b"/again"
print("passed")
"#;
    let server = start();
    let mut python = installed("python3", "python3");
    python.args(["-c", SCRIPT, &server.tcp().name]);
    assert_eq!(output(python, b""), "passed\n");
}
