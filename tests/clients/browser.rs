//! A browser: Debian's chromium, without a window.

use std::path::Path;

use crate::server::{Demo, output};
use crate::support::program::installed;

/// What the page at `url` has become in a browser: its document, as HTML.
#[track_caller]
fn dom(url: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    output(chromium(home.path(), &["--dump-dom", url]))
}

/// A chromium that is nobody's: it lives in `home`, asks nobody but us, and leaves nothing behind.
#[track_caller]
fn chromium(home: &Path, arguments: &[&str]) -> std::process::Command {
    let mut chromium = installed("chromium", "chromium");
    chromium
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env("XDG_CACHE_HOME", home)
        .env("TMPDIR", home)
        .arg(format!("--user-data-dir={}", home.join("profile").display()))
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args([
            "--disable-quic",
            "--no-proxy-server",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ])
        .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
        .args(["--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-breakpad"])
        .args(arguments);
    chromium
}

#[test]
fn a_browser_shows_the_demo() {
    let demo = Demo::start();
    let page = dom(&demo.url("/"));
    assert!(page.contains("<title>Tidegate</title>") && page.contains("</h1>"), "{page}");
    for link in ["/hello", "/environ?a=1&amp;b=2", "/echo", "/stream"] {
        assert!(page.contains(&format!("<a href=\"{link}\">")), "no link to {link} in {page}");
    }
    assert!(page.contains("<form method=\"post\" action=\"/echo\""), "{page}");
    assert_eq!(demo.stop(), [""; 0]);
}

#[test]
fn a_browser_watches_a_request() {
    let demo = Demo::start();
    let index = dom(&demo.url("/"));
    let (mut seen, mut rest) = (Vec::new(), index.as_str());
    while let Some((_, behind)) = rest.split_once("href=\"/flow?") {
        let (name, behind) = behind.split_once('"').unwrap();
        seen.push(name);
        rest = behind;
    }
    assert_eq!(seen, ["hello", "environ", "echo", "stream", "nothing"]);
    let page = dom(&demo.url("/flow?echo"));
    assert!(page.contains("<h1>POST /echo, from its first byte to its last</h1>"), "{page}");
    // The packet's datasize is that of its bytes, as the worker read it.
    let (_, row) = page.split_once("<th scope=\"row\">1</th><td><i class=\"n\">").unwrap();
    let bytes: Vec<u8> = (row.split_once('<').unwrap().0.split(' '))
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let datasize = u16::from_le_bytes([bytes[0], bytes[1]]);
    assert!(page.contains(&format!("datasize {datasize}, modifier2 0")), "{page}");
    for text in
        ["start_response  </b>200 OK", "wsgi.input       10 bytes", "Content-Length: 10", "caf\\xc3\\xa9"]
    {
        assert!(page.contains(text), "no {text} in {page}");
    }
    assert_eq!(
        page.matches("HTTP/1.1 200 OK\\r\\n").count(),
        2,
        "told by the worker and read by the client: {page}"
    );
    assert_eq!(demo.stop(), [""; 0]);
}

#[test]
fn a_browser_shows_its_own_request() {
    let demo = Demo::start();
    let page = dom(&demo.url("/environ?a=1&b=%3Ctide%3E"));
    let value = |name: &str| {
        let row = page.split_once(&format!("<th scope=\"row\">{name}</th><td>"));
        let row = row.unwrap_or_else(|| panic!("no {name} in {page}")).1;
        row.split_once("</td>").unwrap().0.trim().to_owned()
    };
    assert_eq!(value("REQUEST_METHOD"), "GET");
    assert_eq!(value("SERVER_PROTOCOL"), "HTTP/1.1");
    assert_eq!(value("QUERY_STRING"), "a=1&amp;b=%3Ctide%3E");
    assert_eq!(value("HTTP_HOST"), demo.url("").strip_prefix("http://").unwrap());
    assert!(value("HTTP_ACCEPT").starts_with("text/html,"));
    assert!(value("HTTP_USER_AGENT").contains("Chrome/"), "{}", value("HTTP_USER_AGENT"));
    assert!(page.contains("The request's body: 0 bytes."), "{page}");
    assert_eq!(demo.stop(), [""; 0]);
}

#[test]
fn a_browser_reads_chunks() {
    let demo = Demo::start();
    let page = dom(&demo.url("/stream?chunks=3&size=64"));
    assert_eq!(page.matches("the tide comes in through the gate").count(), 3, "{page}");
    assert_eq!(demo.stop(), [""; 0]);
}

#[test]
fn a_browser_posts_a_form() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().unwrap();
    let form = folder.path().join("form.html");
    let html = format!(
        "<!doctype html><meta charset=\"utf-8\"><form method=\"post\" action=\"{}\" enctype=\"text/plain\">\
         <input name=\"text\" value=\"caf\u{e9}\"></form><script>document.forms[0].submit()</script>",
        demo.url("/echo")
    );
    std::fs::write(&form, html).unwrap();
    let page = dom(&format!("file://{}", form.display()));
    assert!(page.contains("text=caf\u{e9}"), "{page}");
    assert_eq!(demo.stop(), [""; 0]);
}

#[test]
fn a_browser_shows_the_page_of_a_measurement() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    let mut bench = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let address = demo.url("");
    bench.args(["bench", &address, "/hello", "-d", "1", "--warm-up", "0", "--html"]).arg(&file);
    assert!(output(bench).contains("  p50 "));
    let page = dom(&format!("file://{}", file.display()));
    assert_eq!((page.matches("<svg").count(), page.matches("<polyline").count() >= 3), (3, true), "{page}");
    assert!(
        page.contains("<h2>Rate over time</h2>") && page.contains(&format!("<h1>{address}  GET /hello</h1>"))
    );
    assert_eq!(demo.stop(), [""; 0]);
}
