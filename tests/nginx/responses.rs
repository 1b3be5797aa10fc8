//! What an application answers reaches the client of nginx.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, mpsc};

use bytes::Bytes;
use tidegate::{AppError, Body};

use crate::support::application::{PLAIN, chunked, pattern};
use crate::support::client::{Response, read_all, read_until};
use crate::support::server::Server;
use crate::support::{PATIENCE, assert_same};
use crate::{PASS, through_nginx};

const NONE: [(&str, &str); 0] = [];

#[test]
fn every_kind_of_response() {
    let server = Server::start(|environ, start_response| {
        let mut body = Body::empty();
        match environ.path() {
            b"/text" => {
                start_response.start("200 OK", PLAIN)?;
                body = "some text".into();
            }
            b"/chunks" => {
                start_response.start("200 OK", PLAIN)?;
                body = Body::chunks(chunked(1 << 20));
            }
            b"/empty" => start_response.start("200 OK", PLAIN)?,
            b"/204" => start_response.start("204 No Content", NONE)?,
            b"/304" => start_response.start("304 Not Modified", [("ETag", "\"x\"")])?,
            b"/relative" => start_response.start("302 Found", [("Location", "/elsewhere?a=b")])?,
            b"/absolute" => {
                start_response.start("301 Moved Permanently", [("Location", "https://other.example/x")])?;
            }
            b"/cookies" => start_response.start("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])?,
            b"/teapot" => start_response.start("418 I'm a teapot", NONE)?,
            b"/reason" => start_response.start("404 Nothing here, sorry", NONE)?,
            other => return Err(AppError::new(format!("{}?", other.escape_ascii()))),
        }
        Ok(body)
    });
    through_nginx(&server, PASS, |nginx| {
        let check = |path: &str, status: u16, header: &str, value: Option<&str>, body: &[u8]| {
            let response = nginx.get(path);
            assert_eq!((response.status, response.complete), (status, true), "{path}: {response:?}");
            assert_eq!(response.header(header), value, "{path}: {response:?}");
            assert_same(&response.body, body);
        };
        check("/text", 200, "Content-Length", Some("9"), b"some text");
        check("/chunks", 200, "Transfer-Encoding", Some("chunked"), &pattern(1 << 20));
        check("/empty", 200, "Content-Length", Some("0"), b"");
        check("/204", 204, "Content-Length", None, b"");
        check("/304", 304, "ETag", Some("\"x\""), b"");
        check("/relative", 302, "Location", Some("/elsewhere?a=b"), b"");
        check("/absolute", 301, "Location", Some("https://other.example/x"), b"");
        check("/teapot", 418, "Content-Length", Some("0"), b"");
        check("/unknown", 500, "Content-Type", Some("text/plain; charset=utf-8"), b"Internal Server Error\n");
        let cookies = nginx.get("/cookies");
        assert_eq!(cookies.all("Set-Cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);

        let raw = |request: &str| read_all(&nginx.send(request, &[], b"")).0;
        assert!(raw("GET /reason").starts_with(b"HTTP/1.1 404 Nothing here, sorry\r\n"));
        for (path, length) in [("/text", Some("9")), ("/chunks", None), ("/empty", None)] {
            let bytes = raw(&format!("HEAD {path}"));
            assert!(bytes.ends_with(b"\r\n\r\n"), "{}", bytes.escape_ascii());
            let response = Response::of(&bytes, None);
            assert_eq!((response.status, response.header("Content-Length")), (200, length), "HEAD {path}");
        }
    });
}

#[test]
fn chunks_arrive_as_they_are_made() {
    let (permit, permits) = mpsc::channel::<()>();
    let permits = Arc::new(Mutex::new(permits));
    let server = Server::start(move |_, start_response| {
        start_response.start("200 OK", [("Content-Type", "text/plain"), ("X-Accel-Buffering", "no")])?;
        let permits = Arc::clone(&permits);
        Ok(Body::chunks((0..5).map(move |step| {
            // Until the client has the last one, this one is not even made.
            permits.lock().expect("no one panics with it").recv_timeout(PATIENCE)?;
            Ok(Bytes::from(format!("<chunk {step}>")))
        })))
    });
    through_nginx(&server, PASS, |nginx| {
        let client = nginx.send("GET /", &[], b"");
        let mut all = Vec::new();
        for step in 0..5 {
            permit.send(()).unwrap();
            let chunk = format!("<chunk {step}>");
            let seen = read_until(&client, &chunk);
            assert_eq!(seen.windows(2).filter(|two| two == b"<c").count(), 1, "{}", seen.escape_ascii());
            all.extend_from_slice(&seen);
        }
        let (end, broken) = read_all(&client);
        let response = Response::of(&[all, end].concat(), broken);
        response.assert_body("<chunk 0><chunk 1><chunk 2><chunk 3><chunk 4>");
    });
}

#[test]
fn a_head_that_fills_nginx_s_buffer_is_taken() {
    let server = Server::start(|environ, start_response| {
        let size = std::str::from_utf8(environ.query())?.parse::<usize>()?;
        let line = "X-00: ".len() + "\r\n".len();
        let count = size / 100;
        let fields = (0..count).map(|i| (format!("X-{i:02}"), "v".repeat(100 - line)));
        start_response.start("200 OK", fields)?;
        Ok("body".into())
    });
    through_nginx(&server, PASS, |nginx| {
        let response = nginx.get("/?3900");
        response.assert_body("body");
        assert_eq!(response.headers.iter().filter(|(name, _)| name.starts_with("X-")).count(), 39);
        // What nginx does not take is its 502; the worker does not mind.
        assert_eq!(nginx.get("/?5000").status, 502);
        nginx.get("/?100").assert_body("body");
    });
    let larger = "location / { uwsgi_pass UPSTREAM; uwsgi_buffer_size 64k; uwsgi_buffers 8 64k; uwsgi_busy_buffers_size 128k; }";
    through_nginx(&server, larger, |nginx| nginx.get("/?9000").assert_body("body"));
}

#[test]
fn a_file_reaches_the_client() {
    const LEN: usize = 32 << 20;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&pattern(LEN)).unwrap();
    let server = Server::start(move |_, start_response| {
        let mut file = file.try_clone()?;
        file.seek(SeekFrom::Start(1_000))?;
        start_response.start("200 OK", PLAIN)?;
        Ok(Body::file(file)?)
    });
    through_nginx(&server, PASS, |nginx| {
        let response = nginx.get("/");
        response.assert_body(&pattern(LEN)[1_000..]);
        assert_eq!(response.header("Content-Length"), Some((LEN - 1_000).to_string().as_str()));
    });
}

#[test]
fn nginx_sends_a_file_in_our_place() {
    let locations = "
        location / { uwsgi_pass UPSTREAM; }
        location /private/ { internal; root FOLDER; }";
    let server = Server::start(|_, start_response| {
        let fields = [("X-Accel-Redirect", "/private/file.txt"), ("Content-Type", "text/x-mine")];
        start_response.start("200 OK", fields)?;
        Ok("not this".into())
    });
    through_nginx(&server, locations, |nginx| {
        let folder = nginx.folder.path().join("private");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("file.txt"), "the file").unwrap();
        let response = nginx.get("/");
        response.assert_body("the file");
        assert_eq!(response.header("Content-Type"), Some("text/x-mine"));
        assert_eq!(nginx.get("/private/file.txt").status, 404);
    });
}

#[test]
fn a_crowd_is_answered() {
    let server = Server::start(|environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(environ.path().to_vec().into())
    });
    through_nginx(&server, PASS, |nginx| {
        let clients: Vec<_> =
            (0..100).map(|i| (nginx.send(&format!("GET /{i}"), &[], b""), format!("/{i}"))).collect();
        for (client, path) in clients {
            Response::read(&client).assert_body(path);
        }
    });
}
