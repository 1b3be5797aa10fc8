//! The table: the application's contract, a case a line or some.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::LazyLock;

use bytes::Bytes;
use tidegate::{AppError, Body, Environ, StartResponse};

use crate::cases::Case;
use crate::request::Request;
use crate::support::application::{Answer, PLAIN, chunked, echo, pattern};

const NONE: [(&str, &str); 0] = [];
const FILE_BYTES: usize = 8 << 20;

/// The file that is sent.
static FILE: LazyLock<File> = LazyLock::new(|| {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&pattern(FILE_BYTES)).unwrap();
    file
});

pub(crate) fn contract() -> Vec<Case> {
    let mut cases = bodies();
    cases.extend(heads());
    cases.extend(failures());
    cases.extend(requests());
    cases
}

/// Bodies of every kind, and their lengths.
fn bodies() -> Vec<Case> {
    vec![
        Case::new("one-chunk", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok("some text".into())
        })
        .gives(200, "some text")
        .with("Content-Type", &["text/plain"])
        .with("Content-Length", &["9"]),
        // An application that knows HEAD and makes no body for it has said nothing of GET's length.
        Case::new("head-known", |environ, start| {
            start.start("200 OK", PLAIN)?;
            Ok(if environ.method() == b"HEAD" { Body::empty() } else { "some text".into() })
        })
        .gives(200, "some text")
        .with("Content-Length", &["9"]),
        Case::new("given-length", |_, start| {
            start.start("200 OK", [("Content-Length", "9")])?;
            Ok(texts(&["some", " ", "text"]))
        })
        .gives(200, "some text")
        .with("Content-Length", &["9"]),
        Case::new("no-length", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok(Body::chunks(chunked(300_000)))
        })
        .gives(200, pattern(300_000))
        .with("Content-Length", &[]),
        Case::new("empty-chunks", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok(texts(&["", "", "some", "", " text", ""]))
        })
        .gives(200, "some text")
        .with("Content-Length", &[]),
        Case::new("empty-chunks-alone", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok(texts(&["", ""]))
        })
        .with("Content-Length", &["0"]),
        Case::new("empty", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok(Body::empty())
        })
        .with("Content-Length", &["0"]),
        Case::new("empty-file", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok(Body::file_part(FILE.try_clone()?, 0, 0))
        })
        .with("Content-Length", &["0"]),
        Case::new("file", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok(Body::file_part(FILE.try_clone()?, 1_000, (FILE_BYTES - 1_000) as u64))
        })
        .gives(200, &pattern(FILE_BYTES)[1_000..])
        .with("Content-Length", &[&(FILE_BYTES - 1_000).to_string()]),
        Case::new("file-cut", |_, start| {
            start.start("200 OK", [("Content-Length", "100000")])?;
            Ok(Body::file_part(FILE.try_clone()?, 0, FILE_BYTES as u64))
        })
        .gives(200, pattern(100_000)),
        Case::new("too-much", |_, start| {
            start.start("200 OK", [("Content-Length", "5")])?;
            Ok(texts(&["123", "4567", "8"]))
        })
        .gives(200, "12345")
        .with("Content-Length", &["5"])
        .logs("longer than its Content-Length"),
        Case::new("too-much-at-once", |_, start| {
            start.start("200 OK", [("Content-Length", "5")])?;
            Ok("12345678".into())
        })
        .gives(200, "12345"),
        Case::new("none-wanted", |_, start| {
            start.start("200 OK", [("Content-Length", "0")])?;
            Ok(texts(&["123"]))
        })
        .with("Content-Length", &["0"]),
    ]
}

/// Statuses and fields.
fn heads() -> Vec<Case> {
    vec![
        Case::new("no-content", |_, start| {
            start.start("204 No Content", [("X-A", "1")])?;
            Ok(Body::empty())
        })
        .gives(204, "")
        .with("X-A", &["1"])
        .with("Content-Length", &[])
        .with("Transfer-Encoding", &[]),
        Case::new("no-content-with-body", |_, start| {
            start.start("204 No Content", [("Content-Length", "4")])?;
            Ok(texts(&["body"]))
        })
        .gives(204, "")
        .with("Content-Length", &[])
        .with("Transfer-Encoding", &[]),
        Case::new("reset-content-with-body", |_, start| {
            start.start("205 Reset Content", [("Content-Length", "4"), ("X-A", "1")])?;
            Ok(texts(&["body"]))
        })
        .gives(205, "")
        .with("X-A", &["1"])
        .with("Content-Length", &["0"])
        .with("Transfer-Encoding", &[]),
        Case::new("reset-content", |_, start| {
            start.start("205 Reset Content", [("X-A", "1")])?;
            Ok(Body::empty())
        })
        .gives(205, "")
        .with("Content-Length", &["0"])
        .with("Transfer-Encoding", &[]),
        Case::new("not-modified", |_, start| {
            start.start("304 Not Modified", [("ETag", "\"x\"")])?;
            Ok("a body that is not sent".into())
        })
        .gives(304, "")
        .with("ETag", &["\"x\""])
        .with("Content-Length", &[])
        .with("Transfer-Encoding", &[]),
        Case::new("redirect", |_, start| {
            start.start("302 Found", [("Location", "/elsewhere?a=b")])?;
            Ok("elsewhere".into())
        })
        .gives(302, "elsewhere")
        .with("Location", &["/elsewhere?a=b"]),
        Case::new("redirect-abroad", |_, start| {
            start.start("301 Moved Permanently", [("Location", "https://other.example/x")])?;
            Ok(Body::empty())
        })
        .gives(301, "")
        .with("Location", &["https://other.example/x"]),
        Case::new("teapot", |_, start| {
            start.start("418 I'm a teapot", NONE)?;
            Ok("short and stout".into())
        })
        .gives(418, "short and stout"),
        Case::new("unavailable", |_, start| {
            start.start("503 Service Unavailable", [("Retry-After", "120")])?;
            Ok("later".into())
        })
        .gives(503, "later")
        .with("Retry-After", &["120"]),
        many_headers(),
        Case::new("cookies", |_, start| {
            start.start("200 OK", [("Set-Cookie", "a=1; Path=/"), ("X-B", ""), ("Set-Cookie", "b=2")])?;
            Ok("set".into())
        })
        .gives(200, "set")
        .with("Set-Cookie", &["a=1; Path=/", "b=2"])
        .with("X-B", &[""]),
        Case::new("late-start", |_, start| {
            Ok(Body::chunks((0..2).map(move |step| {
                match step {
                    0 => start
                        .start("202 Accepted", [("X-Late", "yes")])
                        .map(|()| "late".into())
                        .map_err(Into::into),
                    _ => Ok(" it is".into()),
                }
            })))
        })
        .gives(202, "late it is")
        .with("X-Late", &["yes"]),
        Case::new("late-start-with-nothing", |_, start| {
            Ok(Body::chunks((0..3).map(move |step| {
                if step == 1 {
                    start.start("202 Accepted", NONE)?;
                }
                Ok(Bytes::new())
            })))
        })
        .gives(202, ""),
        Case::new("replaced", |_, start| {
            start.start("200 OK", [("X-A", "1")])?;
            start.replace("409 Conflict", [("X-B", "2")])?;
            Ok("replaced".into())
        })
        .gives(409, "replaced")
        .with("X-A", &[])
        .with("X-B", &["2"]),
        Case::new("replaced-late", |_, start| {
            start.start("200 OK", [("X-A", "1")])?;
            Ok(Body::chunks((0..2).map(move |step| match step {
                0 => Ok(Bytes::new()),
                _ => start.replace("409 Conflict", NONE).map(|()| "replaced".into()).map_err(Into::into),
            })))
        })
        .gives(409, "replaced")
        .with("X-A", &[]),
    ]
}

fn many_headers() -> Case {
    let names: [&'static str; 5] = ["X-Field-00", "X-Field-01", "X-Field-17", "X-Field-58", "X-Field-59"];
    let case = Case::new("many-headers", |_, start| {
        start.start("200 OK", (0..60).map(|i| (format!("X-Field-{i:02}"), format!("value {i:02}"))))?;
        Ok("many".into())
    });
    names.into_iter().fold(case.gives(200, "many"), |case, name| {
        let value = format!("value {}", &name[8..]);
        case.with(name, &[&value])
    })
}

/// The application fails, and nothing has been sent.
fn failures() -> Vec<Case> {
    vec![
        Case::new("error", |_, _| Err(AppError::new("an error"))).fails(),
        Case::new("error-behind-start", |_, start| {
            start.start("200 OK", [("Content-Length", "1000"), ("X-A", "1")])?;
            Err(AppError::new("an error"))
        })
        .fails()
        .with("X-A", &[]),
        Case::new("error-in-first-step", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok(Body::chunks([Ok(Bytes::new()), Err(AppError::new("an error"))]))
        })
        .fails(),
        Case::new("panic", |_, _| panic!("a panic")).fails(),
        Case::new("panic-behind-start", |_, start| {
            start.start("200 OK", PLAIN)?;
            panic!("a late panic")
        })
        .fails()
        .logs("panicked: a late panic"),
        Case::new("panic-in-first-step", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok(Body::chunks(std::iter::once_with(|| panic!("a panic"))))
        })
        .fails(),
        Case::new("no-start", |_, _| Ok("no start_response".into())).fails(),
        Case::new("no-start-no-body", |_, _| Ok(Body::empty())).fails(),
        Case::new("no-start-chunks", |_, _| Ok(texts(&["no head"]))).fails(),
        Case::new("too-little-at-once", |_, start| {
            start.start("200 OK", [("Content-Length", "9")])?;
            Ok("short".into())
        })
        // HEAD has no body that could be too short.
        .asked(|request| request.with_method("DELETE"))
        .fails(),
        Case::new("second-start", |_, start| {
            start.start("200 OK", PLAIN)?;
            start.start("200 OK", PLAIN)?;
            Ok("twice".into())
        })
        .fails(),
        Case::new("split-header", |_, start| {
            start.start("200 OK", [("X-A", "a\r\nX-Evil: yes")])?;
            Ok("split".into())
        })
        .fails()
        .with("X-Evil", &[]),
        Case::new("bad-name", |_, start| {
            start.start("200 OK", [("X A", "a")])?;
            Ok("bad".into())
        })
        .fails(),
        Case::new("hop-by-hop", |_, start| {
            start.start("200 OK", [("Transfer-Encoding", "chunked")])?;
            Ok("bad".into())
        })
        .fails(),
        Case::new("bad-status", |_, start| {
            start.start("200", NONE)?;
            Ok("bad".into())
        })
        .fails(),
        Case::new("two-lengths", |_, start| {
            start.start("200 OK", [("Content-Length", "3"), ("Content-Length", "3")])?;
            Ok("bad".into())
        })
        .fails(),
    ]
}

/// What the application is told.
fn requests() -> Vec<Case> {
    vec![
        Case::new("escapes", |environ, start| {
            tell(&environ, &start, &["PATH_INFO", "REQUEST_URI", "QUERY_STRING"])
        })
        .asked(|request| request.with_target(ESCAPES))
        .gives(200, format!("/escapes/caf\\xe9/\\xc3\\xa9%/?+;=\n{ESCAPES}\nq=%20&q=a+b%FF&?\n")),
        Case::new("query-alone", |environ, start| tell(&environ, &start, &["PATH_INFO", "QUERY_STRING"]))
            .asked(|request| request.with_target("/query-alone?"))
            .gives(200, "/query-alone\n\n"),
        Case::new("repeated", |environ, start| {
            tell(&environ, &start, &["HTTP_COOKIE", "HTTP_X_TWICE", "HTTP_ACCEPT", "HTTP_PROXY"])
        })
        .asked(|request| {
            (request.field("Cookie", "a=1").field("X-Twice", "one").field("Accept", "text/html"))
                .field("x-twice", "two, three")
                .field("Cookie", "b=2; c=3")
                .field("Proxy", "http://evil.example")
        })
        .gives(200, "a=1; b=2; c=3\none, two, three\ntext/html\n\n"),
        Case::new("method", |environ, start| tell(&environ, &start, &["REQUEST_METHOD"]))
            .asked(|request| request.with_method("PROPFIND"))
            .gives(200, "PROPFIND\n"),
        Case::new("posted", |mut environ, start| {
            let mut body = String::new();
            environ.input().read_to_string(&mut body)?;
            start.start("200 OK", PLAIN)?;
            let variables =
                ["CONTENT_TYPE", "CONTENT_LENGTH"].map(|name| environ.get(name).unwrap_or_default());
            Ok(format!("{}, {body}", variables.join(&b", "[..]).escape_ascii()).into())
        })
        .asked(|request| {
            Request::post(request.target, "a=1&b=2")
                .field("Content-Type", "application/x-www-form-urlencoded")
        })
        .gives(200, "application/x-www-form-urlencoded, 7, a=1&b=2"),
        Case::new("body-left-alone", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok("not read".into())
        })
        .asked(|request| Request::post(request.target, pattern(300_000)))
        .gives(200, "not read"),
        Case::new("old", |_, start| {
            start.start("200 OK", PLAIN)?;
            Ok(Body::chunks(chunked(300_000)))
        })
        .asked(Request::http10)
        .gives(200, pattern(300_000))
        .with("Transfer-Encoding", &[]),
        Case::new("old-post", echo)
            .asked(|request| Request::post(request.target, pattern(1_000)).http10())
            .gives(200, pattern(1_000)),
    ]
}

const ESCAPES: &str = "/escapes/caf%E9/%C3%A9%25%2f%3F+;=?q=%20&q=a+b%FF&?";

/// The values of these variables, a line each; an empty one where there is none.
fn tell(environ: &Environ, start_response: &StartResponse, names: &[&str]) -> Answer {
    start_response.start("200 OK", PLAIN)?;
    let line = |name: &&str| format!("{}\n", environ.get(*name).unwrap_or_default().escape_ascii());
    Ok(names.iter().map(line).collect::<String>().into())
}

fn texts(texts: &[&'static str]) -> Body {
    let chunks: Vec<_> = texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect();
    Body::chunks(chunks)
}
