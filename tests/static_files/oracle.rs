//! The answers to a table of requests, against nginx's own for the same tree. Where they differ it is meant, and said here.

use crate::support::client::{Remote, Response};
use crate::support::nginx::Nginx;
use crate::tree::{self, MODIFIED, SECRET, Tree};

/// A request, its fields, and where the answer is not nginx's.
type Row = (&'static str, &'static [(&'static str, &'static str)], Differences);

/// What differs, nginx's and ours. `-` is none.
type Differences = &'static [(&'static str, &'static str, &'static str)];

/// What nginx forbids to list is not there for us: it is the application's.
const NO_INDEX: Differences = &[("status", "403", "404")];
/// nginx leads to the folder, and then says 403.
const NO_INDEX_TO_LEAD_TO: Differences = &[("Location", "/static/bare/", "-"), ("status", "301", "404")];
/// RFC 9110 section 13.1.3 has a date that is later than the file's be a 304; nginx's if_modified_since is `exact`.
const NOT_MODIFIED: Differences = &[
    ("Accept-Ranges", "bytes", "-"),
    ("Content-Length", "10", "-"),
    ("Content-Type", "text/plain; charset=utf-8", "-"),
    ("body", "0123456789", ""),
    ("status", "200", "304"),
];
/// What is no range is ignored (RFC 9110 section 14.2 lets us, and Apache does); nginx says 416.
const NO_RANGE: Differences = &[
    ("Accept-Ranges", "-", "bytes"),
    ("Content-Length", "-", "10"),
    ("Content-Range", "bytes */10", "-"),
    ("Content-Type", "-", "text/plain; charset=utf-8"),
    ("ETag", "-", ETAG),
    ("Last-Modified", "-", MODIFIED),
    ("body", "-", "0123456789"),
    ("status", "416", "200"),
];
/// A range is for GET alone (RFC 9110 section 14.2).
const NO_RANGE_OF_HEAD: Differences = &[
    ("Accept-Ranges", "-", "bytes"),
    ("Content-Length", "2", "10"),
    ("Content-Range", "bytes 0-1/10", "-"),
    ("status", "206", "200"),
];
/// A coded file has an ETag of its own, whatever its length, and can be had by ranges.
const CODED_CSS: Differences =
    &[("Accept-Ranges", "-", "bytes"), ("ETag", "\"2ebc98a1-f\"", "\"2ebc98a1-f-gzip\"")];
const CODED_TXT: Differences =
    &[("Accept-Ranges", "-", "bytes"), ("ETag", "\"2ebc98a1-10\"", "\"2ebc98a1-10-gzip\"")];
/// What a client likes better is sent (RFC 9110 section 12.5.3).
const LIKES_IDENTITY: Differences = &[
    ("Accept-Ranges", "-", "bytes"),
    ("Content-Encoding", "gzip", "-"),
    ("Content-Length", "15", "22"),
    ("ETag", "\"2ebc98a1-f\"", "\"2ebc98a1-16\""),
    ("body", "gzip of app.css", "body { color: black }\n"),
];
/// This nginx has no brotli.
const LIKES_BROTLI: Differences = &[
    ("Accept-Ranges", "-", "bytes"),
    ("Content-Encoding", "gzip", "br"),
    ("Content-Length", "15", "13"),
    ("ETag", "\"2ebc98a1-f\"", "\"2ebc98a1-d-br\""),
    ("body", "gzip of app.css", "br of app.css"),
];
/// nginx does not know the asterisk.
const LIKES_ANY: Differences = &[
    ("Content-Encoding", "-", "gzip"),
    ("Content-Length", "9", "16"),
    ("ETag", "\"2ebc98a1-9\"", "\"2ebc98a1-10-gzip\""),
    ("body", "only gzip", "gzip of only.txt"),
];
const CODED_RANGE: Differences = &[
    ("Content-Length", "16", "4"),
    ("Content-Range", "-", "bytes 0-3/16"),
    ("ETag", "\"2ebc98a1-10\"", "\"2ebc98a1-10-gzip\""),
    ("body", "gzip of only.txt", "gzip"),
    ("status", "200", "206"),
];
/// nginx serves what is hidden.
const HIDDEN: Differences = &[
    ("Accept-Ranges", "bytes", "-"),
    ("Content-Length", "10", "-"),
    ("Content-Type", "application/octet-stream", "-"),
    ("ETag", ETAG, "-"),
    ("Last-Modified", MODIFIED, "-"),
    ("body", SECRET, "-"),
    ("status", "200", "404"),
];
/// nginx makes the path a plain one first. Behind it we see that; browsers send no other.
const NOT_PLAIN: Differences = &[
    ("Accept-Ranges", "bytes", "-"),
    ("Content-Length", "10", "-"),
    ("Content-Type", "text/plain; charset=utf-8", "-"),
    ("ETag", ETAG, "-"),
    ("Last-Modified", MODIFIED, "-"),
    ("body", "0123456789", "-"),
    ("status", "200", "404"),
];

const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
/// Of a.txt.
const ETAG: &str = "\"2ebc98a1-a\"";

const TABLE: &[Row] = &[
    // Files, their types and names.
    ("GET /static/a.txt", &[], &[]),
    ("GET /static/a.txt?query=1", &[], &[]),
    ("GET /static/page.html", &[], &[]),
    ("GET /static/app.css", &[], &[]),
    ("GET /static/picture.png", &[], &[]),
    ("GET /static/no-extension", &[], &[]),
    ("GET /static/empty.txt", &[], &[]),
    ("GET /static/with%20space.txt", &[], &[]),
    ("GET /static/caf%C3%A9.txt", &[], &[]),
    ("GET /static/100%25.txt", &[], &[]),
    ("GET /static/%61.txt", &[], &[]),
    ("GET /static/docs/deep/er/a.txt", &[], &[]),
    ("GET /static/docs%2Fdeep/er/a.txt", &[], &[]),
    ("GET /static/app.css.gz", &[], &[]),
    // Methods.
    ("HEAD /static/a.txt", &[], &[]),
    ("HEAD /static/empty.txt", &[], &[]),
    ("POST /static/a.txt", &[("Content-Length", "0")], &[]),
    ("PUT /static/a.txt", &[("Content-Length", "0")], &[]),
    ("DELETE /static/a.txt", &[], &[]),
    ("OPTIONS /static/a.txt", &[], &[]),
    // Folders.
    ("GET /static/docs/", &[], &[]),
    ("GET /static/docs/index.html", &[], &[]),
    ("HEAD /static/docs/", &[], &[]),
    ("GET /static/docs", &[], &[]),
    ("GET /static/docs?a=b", &[], &[]),
    ("HEAD /static/docs", &[], &[]),
    ("GET /static/docs/deep/", &[], NO_INDEX),
    ("GET /static/bare/", &[], NO_INDEX),
    ("GET /static/bare", &[], NO_INDEX_TO_LEAD_TO),
    ("GET /static/", &[], NO_INDEX),
    // What is not there.
    ("GET /static/none", &[], &[]),
    ("GET /static/none/", &[], &[]),
    ("GET /static/none/none", &[], &[]),
    ("GET /static/a.txt/", &[], &[]),
    ("GET /static/a.txt/b", &[], &[]),
    ("HEAD /static/none", &[], &[]),
    ("GET /static/A.TXT", &[], &[]),
    // Conditions.
    ("GET /static/a.txt", &[("If-None-Match", ETAG)], &[]),
    ("GET /static/a.txt", &[("If-None-Match", "W/\"2ebc98a1-a\"")], &[]),
    ("GET /static/a.txt", &[("If-None-Match", "\"x\", \"2ebc98a1-a\"")], &[]),
    ("GET /static/a.txt", &[("If-None-Match", "*")], &[]),
    ("GET /static/a.txt", &[("If-None-Match", "\"x\"")], &[]),
    ("HEAD /static/a.txt", &[("If-None-Match", ETAG)], &[]),
    ("GET /static/a.txt", &[("If-Modified-Since", MODIFIED)], &[]),
    ("GET /static/a.txt", &[("If-Modified-Since", BEFORE)], &[]),
    ("GET /static/a.txt", &[("If-Modified-Since", AFTER)], NOT_MODIFIED),
    ("GET /static/a.txt", &[("If-Modified-Since", "yesterday")], &[]),
    ("GET /static/a.txt", &[("If-None-Match", "\"x\""), ("If-Modified-Since", MODIFIED)], &[]),
    ("GET /static/a.txt", &[("If-Match", ETAG)], &[]),
    ("GET /static/a.txt", &[("If-Match", "*")], &[]),
    ("GET /static/a.txt", &[("If-Match", "\"x\"")], &[]),
    ("GET /static/a.txt", &[("If-Match", "W/\"2ebc98a1-a\"")], &[]),
    ("GET /static/a.txt", &[("If-Unmodified-Since", MODIFIED)], &[]),
    ("GET /static/a.txt", &[("If-Unmodified-Since", BEFORE)], &[]),
    ("GET /static/a.txt", &[("If-Unmodified-Since", AFTER)], &[]),
    ("GET /static/a.txt", &[("If-Match", "\"x\""), ("If-None-Match", ETAG)], &[]),
    // Ranges.
    ("GET /static/a.txt", &[("Range", "bytes=0-0")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=2-5")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=5-")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=-3")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=-100")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-100")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-9")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=10-")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=10-20")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=-0")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-1,4-5")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=4-5, 0-1 ,-1")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-1,20-")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-9,0-9")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=20-,30-")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=a-b")], NO_RANGE),
    ("GET /static/a.txt", &[("Range", "bytes=5-2")], NO_RANGE),
    ("GET /static/a.txt", &[("Range", "bytes=")], &[]),
    ("GET /static/a.txt", &[("Range", "lines=0-1")], &[]),
    ("HEAD /static/a.txt", &[("Range", "bytes=0-1")], NO_RANGE_OF_HEAD),
    ("GET /static/empty.txt", &[("Range", "bytes=0-")], &[]),
    ("GET /static/empty.txt", &[("Range", "bytes=-5")], &[]),
    ("GET /static/page.html", &[("Range", "bytes=0-1,4-5")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-1"), ("If-Range", ETAG)], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-1"), ("If-Range", "\"x\"")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-1"), ("If-Range", "W/\"2ebc98a1-a\"")], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-1"), ("If-Range", MODIFIED)], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-1"), ("If-Range", AFTER)], &[]),
    ("GET /static/a.txt", &[("Range", "bytes=0-1"), ("If-None-Match", ETAG)], &[]),
    // Codings.
    ("GET /static/app.css", &[("Accept-Encoding", "gzip")], CODED_CSS),
    ("GET /static/app.css", &[("Accept-Encoding", "gzip;q=0")], &[]),
    ("GET /static/app.css", &[("Accept-Encoding", "gzip;q=0.5, identity")], LIKES_IDENTITY),
    ("GET /static/app.css", &[("Accept-Encoding", "identity")], &[]),
    ("GET /static/app.css", &[("Accept-Encoding", "gzip, br")], LIKES_BROTLI),
    ("GET /static/only.txt", &[("Accept-Encoding", "gzip, br")], CODED_TXT),
    ("GET /static/only.txt", &[("Accept-Encoding", "*")], LIKES_ANY),
    ("GET /static/only.txt", &[("Accept-Encoding", "gzip"), ("Range", "bytes=0-3")], CODED_RANGE),
    ("HEAD /static/only.txt", &[("Accept-Encoding", "gzip")], CODED_TXT),
    ("GET /static/a.txt", &[("Accept-Encoding", "gzip")], &[]),
    // Names that are not served.
    ("GET /static/.env", &[], HIDDEN),
    ("GET /static/.git/config", &[], HIDDEN),
    ("GET /static//a.txt", &[], NOT_PLAIN),
    ("GET /static/./a.txt", &[], NOT_PLAIN),
    ("GET /static/docs/../a.txt", &[], NOT_PLAIN),
    ("GET /static/../secret.txt", &[], &[]),
    ("GET /static/%2e%2e/secret.txt", &[], &[]),
    ("GET /static..%2fsecret.txt", &[], &[]),
];

/// What is compared, one line of an answer after the other.
fn shown(answer: &Response) -> Vec<(&'static str, String)> {
    let is_ours_to_say = answer.status < 400;
    let mut shown = vec![("status", answer.status.to_string())];
    let media_type = answer.header("Content-Type").unwrap_or("-");
    let (media_type, boundary) = match media_type.split_once("boundary=") {
        Some((media_type, boundary)) => (media_type, boundary),
        None => (media_type, "none"),
    };
    let body = answer.text().replace(boundary, "BOUNDARY");
    if is_ours_to_say && answer.status != 301 {
        shown.push(("Content-Type", media_type.replace("application/javascript", "text/javascript")));
        // nginx begins the first part with a line end too.
        shown.push(("body", body.trim_start_matches("\r\n").to_owned()));
        let length = answer.header("Content-Length").unwrap_or("-");
        shown.push((
            "Content-Length",
            if boundary == "none" { length.to_owned() } else { "parts".to_owned() },
        ));
    }
    for name in ["ETag", "Last-Modified", "Content-Range", "Content-Encoding", "Vary", "Accept-Ranges"] {
        if is_ours_to_say || name == "Content-Range" {
            shown.push((name, answer.header(name).unwrap_or("-").to_owned()));
        }
    }
    let location = answer.header("Location").unwrap_or("-");
    shown.push(("Location", location.trim_start_matches("http://www.example.com").to_owned()));
    shown
}

#[test]
fn the_answers_are_nginx_s_but_where_they_are_meant_to_differ() {
    let tree = Tree::new();
    let server = tree.serve();
    let nginx = Nginx::start(
        &Remote::at("127.0.0.1:1"),
        &format!(
            "types {{ text/html html; text/css css; text/plain txt; image/png png; application/gzip gz; }}
             default_type application/octet-stream;
             charset utf-8;
             charset_types text/css text/plain;
             absolute_redirect off;
             location /static/ {{ alias {}/; gzip_static on; gzip_vary on; }}",
            tree.folder().display()
        ),
    );
    let mut wrong = Vec::new();
    let mut differing = 0;
    for (request, fields, differences) in TABLE {
        let ours = shown(&tree::ask(&server, request, fields));
        let theirs = shown(&nginx.ask(request, fields, b""));
        let value = |shown: &[(&str, String)], name: &str| {
            shown.iter().find(|(one, _)| *one == name).map_or("-".to_owned(), |(_, value)| value.clone())
        };
        let mut names: Vec<_> = ours.iter().chain(&theirs).map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let found: Vec<_> = (names.iter())
            .map(|name| (*name, value(&theirs, name), value(&ours, name)))
            .filter(|(_, theirs, ours)| theirs != ours)
            .collect();
        let mut meant: Vec<_> = (differences.iter())
            .map(|(name, theirs, ours)| (*name, (*theirs).to_owned(), (*ours).to_owned()))
            .collect();
        meant.sort_unstable();
        differing += usize::from(!meant.is_empty());
        if found != meant {
            wrong.push(format!("{request} {fields:?}\n    {found:?}\n    meant: {meant:?}"));
        }
    }
    println!("{} requests, {differing} of them answered otherwise on purpose", TABLE.len());
    assert!(TABLE.len() >= 60);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
