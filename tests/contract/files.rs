//! Files that are served beside the application.

use std::fs;

use tidegate::{AppError, Body, Environ, ProtocolName, StartResponse, StaticFiles};

use crate::request::Request;
use crate::support::application::{PLAIN, pattern};
use crate::support::client::Response;
use crate::ways::Ways;

/// Answers with its own name for the path, and so shows that it was called.
fn application(environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
    start_response.start("200 OK", PLAIN)?;
    Ok(Body::from([b"the application: ", environ.path()].concat()))
}

#[test]
fn files_go_before_the_application() {
    const LEN: usize = 3 << 20;
    let folder = tempfile::tempdir().unwrap();
    let large = pattern(LEN);
    fs::write(folder.path().join("large.bin"), &large).unwrap();
    fs::write(folder.path().join("a.css"), "0123456789").unwrap();
    fs::write(folder.path().join("a.css.gz"), "coded").unwrap();
    fs::write(folder.path().join("empty.txt"), "").unwrap();
    fs::create_dir(folder.path().join("docs")).unwrap();
    fs::write(folder.path().join("docs/index.html"), "index").unwrap();
    let files =
        StaticFiles::new().folder("/static", folder.path()).unwrap().cache_control("max-age=60").unwrap();
    let ways = Ways::beside(files, application);
    let get = |path: &str| Request::get(format!("/static/{path}"));
    let header = |response: &Response, name: &str| response.header(name).unwrap_or("none").to_owned();

    ways.each("a large file", |way| way.ask(&get("large.bin")).assert_body(&large));
    ways.each("an empty file", |way| way.ask(&get("empty.txt")).assert_body(""));
    ways.each("a file and its fields", |way| {
        let response = way.ask(&get("a.css"));
        response.assert_body("0123456789");
        let fields = ["Content-Type", "Content-Length", "Cache-Control", "Vary", "Accept-Ranges"];
        assert_eq!(
            fields.map(|name| header(&response, name)),
            ["text/css; charset=utf-8", "10", "max-age=60", "Accept-Encoding", "bytes"]
        );
        let etag = header(&response, "ETag");
        let again = way.ask(&get("a.css").field("If-None-Match", &etag));
        assert_eq!((again.status, again.body.len(), header(&again, "ETag")), (304, 0, etag.clone()));
        let other = way.ask(&get("a.css").field("If-Match", "\"x\""));
        other.assert_status(412);
    });
    ways.each("HEAD", |way| {
        let response = way.ask(&get("a.css").with_method("HEAD"));
        assert_eq!((response.status, header(&response, "Content-Length")), (200, "10".to_owned()));
        assert!(response.body.is_empty());
    });
    ways.each("a coding", |way| {
        let response = way.ask(&get("a.css").field("Accept-Encoding", "gzip"));
        response.assert_body("coded");
        assert_eq!(header(&response, "Content-Encoding"), "gzip");
    });
    ways.each("a range", |way| {
        let response = way.ask(&get("a.css").field("Range", "bytes=2-4"));
        response.assert_status(206);
        assert_eq!(
            (response.text(), header(&response, "Content-Range")),
            ("234".into(), "bytes 2-4/10".into())
        );
        let response = way.ask(&get("a.css").field("Range", "bytes=10-"));
        response.assert_status(416);
        assert_eq!(header(&response, "Content-Range"), "bytes */10");
    });
    ways.each("several ranges", |way| {
        let response = way.ask(&get("large.bin").field("Range", "bytes=0-99999,1000000-2000000,-1"));
        response.assert_status(206);
        let media_type = header(&response, "Content-Type");
        let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
        let mut want = Vec::new();
        for range in [0..100_000, 1_000_000..2_000_001, LEN - 1..LEN] {
            let line_end = if want.is_empty() { "" } else { "\r\n" };
            let (first, last) = (range.start, range.end - 1);
            let head = format!(
                "{line_end}--{boundary}\r\nContent-Type: application/octet-stream\r\n\
                 Content-Range: bytes {first}-{last}/{LEN}\r\n\r\n"
            );
            want.extend_from_slice(head.as_bytes());
            want.extend_from_slice(&large[range]);
        }
        want.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        crate::support::assert_same(&response.body, &want);
    });
    ways.each("another method", |way| {
        let response = way.ask(&Request::post("/static/a.css", vec![b'x'; 300_000]));
        response.assert_status(405);
        assert_eq!(header(&response, "Allow"), "GET, HEAD");
    });
    ways.each("a folder", |way| {
        way.ask(&get("docs/")).assert_body("index");
        let response = way.ask(&get("docs?a=b"));
        response.assert_status(301);
        let location = header(&response, "Location");
        assert!(location.ends_with("/static/docs/?a=b"), "{location}");
    });
    ways.each("what is not there is the application's", |way| {
        for path in ["/static/none", "/static/none/", "/statics", "/static/.env", "/static/", "/"] {
            way.ask(&Request::get(path)).assert_body(format!("the application: {path}"));
        }
        way.ask(&Request::post("/static/none", "body")).assert_body("the application: /static/none");
    });
    assert!(
        ways.server.lines.all().iter().all(|line| !line.contains("ERROR")),
        "{:?}",
        ways.server.lines.all()
    );
}

#[test]
fn a_file_that_becomes_shorter_is_seen_to_be_broken_off() {
    const LEN: u64 = 64 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.bin");
    let ways = Ways::beside(StaticFiles::new().folder("/static", folder.path()).unwrap(), application);
    ways.each("a file that becomes shorter", |way| {
        fs::File::create(&path).unwrap().set_len(LEN).unwrap();
        let mut client = crate::client::Client::connect_small(way);
        client.send(Request::get("/static/large.bin").encode(way.client_protocol()));
        // The head has come, and most of the rest has no room.
        let begun = crate::support::client::read_until(&mut client, "\r\n\r\n");
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        let (rest, broken) = crate::support::client::read_all(&mut client);
        let response = Response::of(&[begun, rest].concat(), broken);
        assert!(!response.complete, "{} bytes came", response.body.len());
    });
    let told = ways.server.lines.count("the file became shorter");
    assert!(told > 0, "{:?}", ways.server.lines.all());
    ways.each("the worker lives", |way| {
        way.ask(&Request::get("/x")).assert_body("the application: /x");
    });
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was() {
    const LEN: usize = 32 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.bin");
    let ways = Ways::beside(StaticFiles::new().folder("/static", folder.path()).unwrap(), application);
    ways.each("a file that is replaced", |way| {
        fs::write(&path, vec![b'1'; LEN]).unwrap();
        let mut client = crate::client::Client::connect_small(way);
        client.send(Request::get("/static/large.bin").encode(way.client_protocol()));
        let begun = crate::support::client::read_until(&mut client, "\r\n\r\n");
        fs::write(folder.path().join("new"), "2").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        // While one client is slow, another is answered, with the new file.
        way.ask(&Request::get("/static/large.bin")).assert_body("2");
        let (rest, broken) = crate::support::client::read_all(&mut client);
        Response::of(&[begun, rest].concat(), broken).assert_body(vec![b'1'; LEN]);
    });
}

#[test]
fn a_connection_is_kept_through_files_and_answers_of_the_application() {
    let folder = tempfile::tempdir().unwrap();
    let large = pattern(300_000);
    fs::write(folder.path().join("large.bin"), &large).unwrap();
    fs::write(folder.path().join("a.txt"), "0123456789").unwrap();
    let ways = Ways::beside(StaticFiles::new().folder("/static", folder.path()).unwrap(), application);
    ways.each("many requests", |way| {
        let is_kept = matches!(way.protocol, ProtocolName::Http | ProtocolName::Fastcgi);
        if !way.behind_nginx || !is_kept {
            return;
        }
        let etag = way.ask(&Request::get("/static/a.txt")).header("ETag").unwrap().to_owned();
        let before = ways.server.connections();
        for _ in 0..5 {
            way.ask(&Request::get("/static/large.bin")).assert_body(&large);
            way.ask(&Request::get("/x")).assert_body("the application: /x");
            way.ask(&Request::get("/static/a.txt").field("If-None-Match", &etag)).assert_status(304);
            way.ask(&Request::get("/static/a.txt").field("Range", "bytes=0-0,5-6,-1")).assert_status(206);
            way.ask(&Request::get("/static/a.txt").field("Range", "bytes=99-")).assert_status(416);
            way.ask(&Request::post("/static/a.txt", "body")).assert_status(405);
            way.ask(&Request::post("/x", "body")).assert_body("the application: /x");
        }
        assert_eq!(ways.server.connections() - before, 0, "nginx connects anew");
    });
}
