//! `flow`: a request of the visitor's choice, from its first byte to its last.

use std::fmt::Write;

use super::watch::{WATCHABLE, Watchable, Watched};
use crate::application::environ::Environ;
use crate::application::{AppError, Body, StartResponse};
use crate::cli::decode::{Field, parts};
use crate::cli::html::{Escaped, answer_page, plain, wants_html};

/// `base` is where the demo is mounted, as a link writes it.
pub(super) fn call(environ: &Environ, start_response: &StartResponse, base: &str) -> Result<Body, AppError> {
    let asked = environ.query();
    let Some(watchable) = WATCHABLE.iter().find(|one| one.name.as_bytes() == asked) else {
        let all = WATCHABLE.map(|one| format!("{base}/flow?{}\n", one.name)).concat();
        return plain(
            start_response,
            "404 Not Found",
            format!("A request that can be watched is one of\n{all}"),
        );
    };
    let watched = watchable.watch()?;
    if !wants_html(environ) {
        return plain(start_response, "200 OK", text(watchable, &watched)?);
    }
    let content = html(watchable, &watched, base)?;
    answer_page(start_response, &format!("{} {}", watchable.method(), watchable.target), &content)
}

/// Links to all of them; the one that is shown is no link.
pub(super) fn choices(base: &str, shown: Option<&Watchable>) -> String {
    let choice = |one: &Watchable| {
        let (request, what) = (format!("{} {}", one.method(), one.target), one.what);
        let link = match shown {
            Some(shown) if shown == one => " aria-current=\"page\"".to_owned(),
            _ => format!(" href=\"{}/flow?{}\"", Escaped(base), one.name),
        };
        format!("<a{link}><code>{}</code> {}</a>\n", Escaped(&request), Escaped(what))
    };
    format!("<nav class=\"choices\">\n{}</nav>\n", WATCHABLE.iter().map(choice).collect::<String>())
}

fn text(watchable: &Watchable, watched: &Watched) -> Result<String, std::fmt::Error> {
    let mut text = format!("{} {}\n\nThe packet\n", watchable.method(), watchable.target);
    for part in parts(&watched.packet) {
        let hex: Vec<String> = part.fields.iter().map(|(_, bytes)| hex(bytes)).collect();
        writeln!(text, "{:5}  {}  {}", part.at, part.meaning, hex.join(" "))?;
    }
    write!(text, "\nThe trace\n{}The reply\n{}", watched.trace, lines(&watched.reply))?;
    Ok(text)
}

fn html(watchable: &Watchable, watched: &Watched, base: &str) -> Result<String, std::fmt::Error> {
    let mut page = format!(
        "<p><a href=\"{}/\">Demo</a>\n<h1>{} {}, from its first byte to its last</h1>\n\
         <p>Your click had this request made, a moment ago: the packet is what nginx's <code>uwsgi_pass</code> would send, \
         a worker of its own, made in this process for this one request, has served it and told what it did. Ask again, and \
         the times are others.\n{}",
        Escaped(base),
        watchable.method(),
        Escaped(watchable.target),
        choices(base, Some(watchable)),
    );
    write!(
        page,
        "<h2>1. The packet, {} bytes</h2>\n<p class=\"legend\"><i class=\"n\">a number</i> <i class=\"l\">a length</i> \
         <i class=\"k\">a key</i> <i class=\"v\">a value</i>, at their offsets. Numbers are little-endian.\n\
         <table class=\"card bytes\">\n",
        watched.packet.len()
    )?;
    for part in parts(&watched.packet) {
        write!(page, "<tr><th scope=\"row\">{}<td>", part.at)?;
        for (field, bytes) in part.fields {
            if !bytes.is_empty() {
                write!(page, "<i class=\"{}\">{}</i> ", class(field), hex(bytes))?;
            }
        }
        writeln!(page, "<td>{}", Escaped(&part.meaning))?;
    }
    page.push_str(
        "</table>\n<h2>2. What the worker did, as <code>--trace</code> tells it</h2>\n\
         <p>Milliseconds since the first byte: the variables, the call, start_response, the writes.\n<pre class=\"card\">",
    );
    for line in watched.trace.trim_end().lines() {
        writeln!(page, "{}", told(line))?;
    }
    writeln!(
        page,
        "</pre>\n<h2>3. The reply, {} bytes</h2>\n<p>The client read this, up to the connection's end.\n<pre class=\"card\">{}</pre>\n\
         <h2>The same in your shell</h2>\n<p>With the server that listens for uwsgi on 127.0.0.1:3031, as \
         <code>cargo run</code> has it:\n<pre class=\"card copy\">{}</pre>\n\
         <p>The option <code>--trace</code> has a server tell this of every request, in its terminal.",
        watched.reply.len(),
        Escaped(&lines(&watched.reply)),
        Escaped(&watchable.command("127.0.0.1:3031")),
    )?;
    Ok(page)
}

/// A line of the trace, with what happened set off.
fn told(line: &str) -> String {
    match (line.get(..WHAT), line.get(WHAT..TEXT), line.get(TEXT..)) {
        (Some(time), Some(what), Some(text)) if !what.trim().is_empty() => {
            format!("<s>{}</s><b>{}</b>{}", Escaped(time), Escaped(what), Escaped(text))
        }
        (Some(time), ..) => format!("<s>{}</s>{}", Escaped(time), Escaped(&line[WHAT..])),
        _ => Escaped(line).to_string(),
    }
}

fn class(field: Field) -> &'static str {
    match field {
        Field::Number => "n",
        Field::Length => "l",
        Field::Key => "k",
        Field::Value | Field::Body => "v",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Bytes as lines, in which nothing is left out.
fn lines(bytes: &[u8]) -> String {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| format!("{}\n", line.escape_ascii())).collect()
}

/// Where in a line of the trace the word for what happened begins.
const WHAT: usize = 20;
/// Where the text begins.
const TEXT: usize = 36;
