//! `demo`: an index page, and the other applications below it.

use std::fmt::Write;

use super::{Builtin, docs, flow, own};
use crate::application::environ::Environ;
use crate::application::{AppError, Application, Body, StartResponse};
use crate::cli::html::{Escaped, answer_page, plain, readable, wants_html};

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
        Some(Ok(mut other)) if other != Builtin::Demo => return other.call(environ, start_response),
        _ => {}
    }
    if matches!(path, b"" | b"/") {
        return index(&environ, &start_response);
    }
    if path == b"/flow" {
        return flow::call(&environ, &start_response, &base(&environ));
    }
    match path.strip_prefix(b"/docs/").and_then(docs::page) {
        Some(page) => {
            start_response.start("200 OK", [("Content-Type", "text/plain; charset=utf-8")])?;
            Ok(Body::from(page))
        }
        None => {
            let text = format!("{}: there is nothing here; see {}/\n", readable(path), base(&environ));
            plain(&start_response, "404 Not Found", text)
        }
    }
}

fn index(environ: &Environ, start_response: &StartResponse) -> Result<Body, AppError> {
    let base = base(environ);
    if !wants_html(environ) {
        return plain(start_response, "200 OK", text(&base)?);
    }
    let mut content = String::from(
        "<h1>It works. Tidegate serves its demo application</h1>\n\
         <p>This page is the application's answer to your request, and each click is a line in the terminal, if it was \
         started in one.\n\
         <h2>Watch a request</h2>\n<p>Have one made, and see all of it: the packet's bytes, the variables, start_response, the \
         writes.\n",
    );
    content.push_str(&flow::choices(&base, None));
    content.push_str("<h2>The demo's applications</h2>\n<dl class=\"card\">\n");
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
    own(&mut content)?;
    documentation(&mut content, &base)?;
    answer_page(start_response, "Tidegate", &content)
}

fn text(base: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for (path, what) in PLACES {
        writeln!(text, "{:<40} {what}", format!("{base}{path}"))?;
    }
    writeln!(text, "{:<40} a request from its first byte to its last", format!("{base}/flow?hello"))?;
    for (file, _, what) in docs::PAGES {
        writeln!(text, "{:<40} {what}", format!("{base}/docs/{file}"))?;
    }
    Ok(text)
}

/// What to do next.
fn own(content: &mut String) -> std::fmt::Result {
    content.push_str("<h2>Now your own application</h2>\n");
    for (language, note, commands) in own::OWN {
        let commands = Escaped(commands);
        writeln!(content, "<h3>{language}</h3>\n<p>{note}\n<pre class=\"card copy\">{commands}</pre>")?;
    }
    writeln!(
        content,
        "<p>A click selects a whole block. The application is at <code>http://127.0.0.1:8081/</code> then.\n\
         <h2>nginx before it</h2>\n<p>You have come over HTTP, unless nginx has brought you. Started as \
         <code>cargo run</code>, the demo speaks uwsgi on 127.0.0.1:3031 as well: this goes to \
         <code>/etc/nginx/conf.d/tidegate.conf</code> as it stands; then <code>nginx -s reload</code>, and open \
         <code>http://localhost:8000/</code>. <code>tidegate nginx --fastcgi ADDR</code> prints the block for another \
         protocol or address.\n<pre class=\"card copy\">{}</pre>",
        Escaped(own::NGINX)
    )
}

fn documentation(content: &mut String, base: &str) -> std::fmt::Result {
    content.push_str(
        "<h2>Documentation</h2>\n<p>Of this version, and from this server.\n<ul class=\"links\">\n",
    );
    for (file, _, what) in docs::PAGES {
        writeln!(content, "<li><a href=\"{}/docs/{file}\">{}</a>", Escaped(base), Escaped(what))?;
    }
    content.push_str("</ul>\n");
    Ok(())
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
