//! `demo`: an index page, and the other applications below it.

use std::fmt::Write;

use super::Builtin;
use crate::application::environ::Environ;
use crate::application::{AppError, Application, Body, StartResponse};
use crate::cli::html::{Escaped, page, plain, readable, wants_html};

/// What the index page lists: a path below ours, and what is there.
const PLACES: [(&str, &str); 5] = [
    ("/hello", "Hello, World"),
    ("/environ?a=1&b=2", "what the application is told of a request"),
    ("/echo", "the request's body back; POST something to it"),
    ("/stream", "ten chunks of 1 KiB"),
    ("/stream?chunks=10&size=64&delay=200", "a line every 200 ms; the worker does nothing else meanwhile"),
];

pub(super) fn call(environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
    let path = environ.path();
    let found =
        path.strip_prefix(b"/").and_then(|name| Some(std::str::from_utf8(name).ok()?.parse::<Builtin>()));
    match found {
        Some(Ok(mut other)) if other != Builtin::Demo => other.call(environ, start_response),
        _ if matches!(path, b"" | b"/") => index(&environ, &start_response),
        _ => {
            let text = format!("{}: there is nothing here; see {}/\n", readable(path), base(&environ));
            plain(&start_response, "404 Not Found", text)
        }
    }
}

fn index(environ: &Environ, start_response: &StartResponse) -> Result<Body, AppError> {
    let base = base(environ);
    let mut content = String::new();
    if !wants_html(environ) {
        for (path, what) in PLACES {
            writeln!(content, "{:<40} {what}", format!("{base}{path}"))?;
        }
        return plain(start_response, "200 OK", content);
    }
    content.push_str(
        "<h1>Tidegate serves its demo application</h1>\n\
         <p>It works: this page is the application's answer to your request. Four more applications are below it:\n\
         <dl class=\"card\">\n",
    );
    for (path, what) in PLACES {
        let link = format!("{base}{path}");
        writeln!(
            content,
            "<div><dt><a href=\"{0}\">{0}</a></dt><dd>{1}</dd></div>",
            Escaped(&link),
            Escaped(what)
        )?;
    }
    writeln!(
        content,
        "</dl>\n<form method=\"post\" action=\"{}/echo\" enctype=\"text/plain\">\n\
         <input name=\"text\" aria-label=\"text\" value=\"caf\u{e9}\"> <button>POST it to {0}/echo</button>\n</form>",
        Escaped(&base)
    )?;
    let fields = [("Content-Type", "text/html; charset=utf-8"), ("Vary", "Accept")];
    start_response.start("200 OK", fields)?;
    Ok(Body::from(page("Tidegate", &content)))
}

/// Where we are mounted, as a link writes it: SCRIPT_NAME, percent-encoded.
fn base(environ: &Environ) -> String {
    let script_name = environ.get("SCRIPT_NAME").unwrap_or_default();
    let mut base = String::new();
    for byte in script_name.strip_suffix(b"/").unwrap_or(script_name) {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => base.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => base.push(char::from(*byte)),
            byte => base.push_str(&format!("%{byte:02X}")),
        }
    }
    base
}
