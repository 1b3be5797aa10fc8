//! What an application answers reaches the client of nginx.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use tidegate::Body;

use crate::support::application::{PLAIN, chunked, pattern};
use crate::support::client::read_all;
use crate::support::server::Server;
use crate::{PASS, through_nginx};

const NONE: [(&str, &str); 0] = [];

#[test]
fn a_reason_of_ones_own_arrives() {
    let server = Server::start(|_, start_response| {
        start_response.start("404 Nothing here, sorry", NONE)?;
        Ok(Body::empty())
    });
    through_nginx(&server, PASS, |nginx| {
        let (bytes, _) = read_all(&nginx.send("GET /", &[], b""));
        assert!(bytes.starts_with(b"HTTP/1.1 404 Nothing here, sorry\r\n"), "{}", bytes.escape_ascii());
    });
}

#[test]
fn head_is_told_no_length_that_the_body_has_not_said() {
    let server = Server::start(|environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(if environ.path() == b"/empty" { Body::empty() } else { Body::chunks(chunked(1 << 20)) })
    });
    through_nginx(&server, PASS, |nginx| {
        for path in ["/chunks", "/empty"] {
            let head = nginx.ask(&format!("HEAD {path}"), &[], b"");
            assert_eq!((head.status, head.header("Content-Length"), head.text()), (200, None, String::new()));
        }
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
