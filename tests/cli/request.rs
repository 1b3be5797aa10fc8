//! `tidegate request`: what it sends, and what it makes of the answers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use crate::wire::uwsgi::{PacketHeader, vars};

use crate::process::{Done, Server, run, run_with};

/// A request: its vars as `KEY=VALUE`.
struct Asked {
    vars: Vec<String>,
    body: Vec<u8>,
}

/// A server that takes one request of `body_bytes`, answers with these bytes, and closes.
fn answering(response: &'static [u8], body_bytes: usize) -> (String, JoinHandle<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut header = [0; PacketHeader::LEN];
        socket.read_exact(&mut header).unwrap();
        let header = PacketHeader::from_bytes(header);
        assert_eq!((header.modifier1, header.modifier2), (0, 0));
        let mut block = vec![0; usize::from(header.datasize)];
        socket.read_exact(&mut block).unwrap();
        let mut body = vec![0; body_bytes];
        socket.read_exact(&mut body).unwrap();
        socket.write_all(response).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let vars = vars(&block).into_iter();
        Asked { vars: vars.map(|(key, value)| format!("{}={}", text(key), text(value))).collect(), body }
    });
    (address, serving)
}

/// What `tidegate request` says to a response of these bytes.
fn answered(response: &'static [u8], args: &[&str]) -> Done {
    let (address, serving) = answering(response, 0);
    let done = run(&[&["request", &address, "/"], args].concat());
    serving.join().unwrap();
    done
}

#[test]
fn the_variables_are_those_of_nginx() {
    let (address, serving) = answering(b"HTTP/1.1 204 No Content\r\n\r\n", 7);
    let done = run(&["request", &address, "/a%2Fb/../c?d=%20", "-d", "e=f", "-d", "g=h", "-H", "X-One: 1"]);
    assert_eq!((done.code, done.text(), done.err.as_str()), (Some(0), "", ""));
    let Asked { vars, body } = serving.join().unwrap();
    let port = vars[10].clone();
    let want = [
        "QUERY_STRING=d=%20",
        "REQUEST_METHOD=POST",
        "CONTENT_TYPE=application/x-www-form-urlencoded",
        "CONTENT_LENGTH=7",
        "REQUEST_URI=/a%2Fb/../c?d=%20",
        "PATH_INFO=/a/c",
        "DOCUMENT_ROOT=/usr/share/nginx/html",
        "SERVER_PROTOCOL=HTTP/1.1",
        "REQUEST_SCHEME=http",
        "REMOTE_ADDR=127.0.0.1",
        &port,
        "SERVER_PORT=80",
        "SERVER_NAME=localhost",
        "HTTP_HOST=localhost",
        concat!("HTTP_USER_AGENT=tidegate/", env!("CARGO_PKG_VERSION")),
        "HTTP_ACCEPT=*/*",
        "HTTP_CONTENT_LENGTH=7",
        "HTTP_CONTENT_TYPE=application/x-www-form-urlencoded",
        "HTTP_X_ONE=1",
    ];
    assert_eq!((vars, body.as_slice()), (want.map(str::to_owned).to_vec(), b"e=f&g=h".as_slice()));
    assert!(port.starts_with("REMOTE_PORT=") && port.len() > 13);
}

#[test]
fn every_option_does_its_work() {
    let server = Server::start(&["demo"]);
    let environ = |args: &[&str]| {
        let done = server.request(&[&["/environ"], args].concat());
        assert_eq!(done.code, Some(0), "{}", done.err);
        done.text().to_owned()
    };
    for (args, line) in [
        (&["-X", "DELETE"][..], "REQUEST_METHOD=DELETE\n"),
        (&["-X", "PUT", "-d", "x"], "REQUEST_METHOD=PUT\n"),
        (&["-H", "host: www.example.com:8080"], "HTTP_HOST=www.example.com:8080\n"),
        (&["-H", "Host: www.example.com:8080"], "SERVER_PORT=8080\n"),
        (&["-H", "Cookie: a=1", "-H", "Cookie: b=2"], "HTTP_COOKIE=a=1; b=2\n"),
        (&["-H", "Content-Type: a/b", "-d", "x"], "CONTENT_TYPE=a/b\n"),
        (&["--var", "HTTPS=on", "--var", "X=y=z"], "HTTPS=on\n"),
        (&["--var", "PATH_INFO=/environ", "--var", "SERVER_NAME=me"], "SERVER_NAME=me\n"),
    ] {
        assert!(environ(args).contains(line), "{args:?}: {}", environ(args));
    }
    assert!(!environ(&["-H", "User-Agent:"]).contains("HTTP_USER_AGENT"));
    assert_eq!(run_with(&["request", &server.address, "/echo", "-d", "@-"], b"in\0put").out, b"in\0put");
    assert!(server.request(&["/hello", "-X", "HEAD", "-i"]).text().ends_with("Content-Length: 13\r\n\r\n"));
    assert_eq!(server.request(&["/missing"]).code, Some(0), "a 404 is an answer");
    server.stop();
}

#[test]
fn a_response_is_printed_as_it_is() {
    let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\0\xffbtoo much";
    assert_eq!(answered(plain, &[]).out, b"a\0\xffb");
    assert_eq!(answered(plain, &["-i"]).out, &plain[..plain.len() - 8]);
    assert_eq!(answered(b"HTTP/1.0 500 Oops\n\nto the end", &[]).text(), "to the end");
    assert_eq!(answered(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", &[]).code, Some(0));
    assert_eq!(answered(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", &["-X", "HEAD"]).code, Some(0));
}

#[test]
fn a_broken_response_is_a_line_and_status_1() {
    for (response, line) in [
        (&b""[..], "no response: the server closed the connection"),
        (b"d\0\0\x01", "the response has no status line; it begins with \"d\\x00\\x00\\x01\""),
        (b"HTTP/1.1 OK\r\n\r\n", "the response's status line is broken: \"HTTP/1.1 OK\""),
        (b"HTTP/1.1 200 OK\r\nX: y", "the response broke off in its head, after 21 bytes"),
        (b"HTTP/1.1 200 OK\r\n", "the response broke off in its head, after 17 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "the response's Content-Length is broken: \"x\""),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "the response broke off after 3 of the 9 bytes of its body",
        ),
    ] {
        let done = answered(response, &[]);
        assert_eq!((done.code, done.err), (Some(1), format!("tidegate: {line}\n")));
    }
    assert_eq!(answered(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", &[]).text(), "abc");
}

#[test]
fn a_server_that_is_not_there_or_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let done = run(&["request", &address, "/", "--timeout", "0.1"]);
    assert_eq!(
        (done.code, done.err.as_str()),
        (Some(1), "tidegate: no response: nothing came for 0.1 s (--timeout)\n")
    );
    // A port that was free a moment ago may be another test's by now; nobody is given this one.
    for address in ["127.0.0.1:1", "/no/such/socket", "@tidegate-no-such-name"] {
        let done = run(&["request", address, "/"]);
        assert_eq!((done.code, done.err.lines().count()), (Some(1), 1), "{}", done.err);
        assert!(done.err.contains("cannot connect to "), "{}", done.err);
    }
}

#[test]
fn what_cannot_be_sent_is_a_line_and_status_1() {
    let long = format!("X={}", "x".repeat(70_000));
    for (args, line) in [
        (&["environ"][..], "environ: a path begins with /"),
        (&["/%zz"], "/%zz: two hexadecimal digits follow a %"),
        (&["/", "-H", "nothing"], "-H \"nothing\": write 'Name: value'"),
        (&["/", "--var", "nothing"], "--var \"nothing\": write KEY=VALUE"),
        (&["/", "-d", "@/no/such/file"], "cannot read /no/such/file: No such file"),
        (&["/", "--var", &long], "and a uwsgi packet holds at most 65535"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let done = run(&[&["request", &address], args].concat());
        assert_eq!((done.code, done.err.lines().count()), (Some(1), 1), "{}", done.err);
        assert!(done.err.contains(line), "{}", done.err);
    }
}

#[test]
fn a_refusal_during_the_upload_arrives() {
    let server = Server::start(&["echo", "--max-body", "1m"]);
    let body = vec![b'x'; 20 << 20];
    let done = run_with(&["request", &server.address, "/", "-i", "-d", "@-"], &body);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.text().starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{}", done.text());
    server.stop();
}

#[test]
fn each_protocol_is_spoken() {
    for flag in ["--http", "--fastcgi", "--scgi"] {
        let server = Server::start(&["demo", flag, "127.0.0.1:0"]);
        let line = server.line(&format!("Listening on {}://", &flag[2..]));
        let address = line.rsplit_once("://").unwrap().1.trim_end_matches('/').to_owned();
        let ask = |args: &[&str]| run(&[&["request", flag, &address], args].concat());
        let done = ask(&["/hello", "-i"]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{flag}");
        let text = done.text();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") || text.starts_with("Status: 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nHello, World\n"), "{text}");
        // Longer than a record of FastCGI, and of chunks.
        let body = "x".repeat(200_000);
        assert_eq!(
            ask(&["/echo", "-d", &body[..100_000], "-d", &body[..99_999]]).out.len(),
            200_000,
            "{flag}"
        );
        assert_eq!(ask(&["/stream?chunks=3&size=100000"]).out.len(), 300_000, "{flag}");
        assert_eq!(ask(&["/hello", "-X", "HEAD"]).out, b"", "{flag}");
        let long = format!("X-Long: {}", "y".repeat(300));
        assert!(ask(&["/environ", "-H", &long]).text().contains(&long["X-Long: ".len()..]), "{flag}");
        assert_eq!(ask(&["/none"]).code, Some(0), "{flag}");
        let failed = ask(&["/none", "--fail"]);
        assert_eq!(failed.code, Some(1), "{flag}");
        assert_eq!(failed.err, "tidegate: the response's status is 404 (--fail)\n");
    }
}

#[test]
fn one_protocol_at_a_time() {
    assert_eq!(run(&["request", "--http", "--scgi", "127.0.0.1:1", "/"]).code, Some(2));
    let done = run(&["request", "--http", "127.0.0.1:1", "/", "--var", "A=b"]);
    assert_eq!(done.code, Some(1));
}
