//! Bytes from the wire as text, and text as HTML.

use std::borrow::Cow;
use std::fmt::{self, Write};

use crate::application::environ::Environ;
use crate::application::{AppError, Body, StartResponse};
use crate::ascii::Ascii;

/// The bytes as they are where they are printable UTF-8, else escaped.
pub(super) fn readable(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => Cow::Borrowed(text),
        _ => Cow::Owned(Ascii(bytes).to_string()),
    }
}

/// A text that means itself in HTML, between tags and in quoted attributes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

/// Whether the client says that it reads HTML, as browsers do and curl does not.
pub(super) fn wants_html(environ: &Environ) -> bool {
    let accept = environ.header("Accept").unwrap_or_default();
    accept.split(|byte| matches!(byte, b',' | b';')).any(|range| range.trim_ascii() == b"text/html")
}

/// Answers with an HTML page of this title and content.
pub(super) fn answer_page(
    start_response: &StartResponse,
    title: &str,
    content: &str,
) -> Result<Body, AppError> {
    start_response.start(
        "200 OK",
        [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Vary", "Accept"),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )?;
    Ok(Body::from(page(title, content)))
}

/// An HTML page of this title and content.
pub(super) fn page(title: &str, content: &str) -> String {
    format!(
        "{HEAD}\n<title>{}</title>\n<style>\n{STYLE}</style>\n{BRAND}\n<main>\n{content}</main>\n",
        Escaped(title)
    )
}

/// A short answer in plain text.
pub(super) fn plain(start_response: &StartResponse, status: &str, text: String) -> Result<Body, AppError> {
    start_response.start(status, [("Content-Type", "text/plain; charset=utf-8")])?;
    Ok(Body::from(text))
}

const HEAD: &str = r##"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Cg fill='none' stroke='%230b8794' stroke-width='3' stroke-linecap='round'%3E%3Cpath d='M2 8q5-5 10 0t10 0'/%3E%3Cpath d='M2 17q5-5 10 0t10 0' opacity='.5'/%3E%3C/g%3E%3C/svg%3E">"##;

/// No script runs, whatever finds its way into a page, and nothing is asked of anyone but this server.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

const STYLE: &str = include_str!("page.css");

const BRAND: &str = r#"<header><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M2 8q5-5 10 0t10 0"/><path d="M2 17q5-5 10 0t10 0" opacity=".5"/></svg>Tidegate</header>"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_readable_and_harmless() {
        assert_eq!(readable("caf\u{e9}".as_bytes()), "caf\u{e9}");
        assert_eq!(readable(b"caf\xe9\x1b["), "caf\\xe9\\x1b[");
        let escaped = Escaped("<a href=\"x\">'&'</a>").to_string();
        assert_eq!(escaped, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
    }
}
