//! `environ`: what arrived, in wire order.

use std::fmt::Write;

use crate::application::environ::Environ;
use crate::application::{AppError, Body, StartResponse};
use crate::cli::html::{Escaped, answer_page, readable, wants_html};

pub(super) fn call(mut environ: Environ, start_response: &StartResponse) -> Result<Body, AppError> {
    let body_bytes = environ.input().len();
    if wants_html(&environ) {
        let request = format!("{} {}", readable(environ.method()), readable(environ.uri()));
        return answer_page(start_response, &request, &html(&request, &environ, body_bytes)?);
    }
    let text = text(&environ, body_bytes)?;
    let fields = [("Content-Type", "text/plain; charset=utf-8"), ("Vary", "Accept")];
    start_response.start("200 OK", fields)?;
    Ok(Body::from(text))
}

/// `NAME=value` lines, as env(1) prints them, then the body's length.
fn text(environ: &Environ, body_bytes: u64) -> Result<String, AppError> {
    let mut text = String::new();
    for (name, value) in environ.iter() {
        writeln!(text, "{}={}", readable(name), readable(value))?;
    }
    writeln!(text, "\nThe request's body: {body_bytes} bytes")?;
    Ok(text)
}

fn html(request: &str, environ: &Environ, body_bytes: u64) -> Result<String, AppError> {
    let mut content = format!("<h1>{}</h1>\n<table class=\"card\">\n", Escaped(request));
    for (name, value) in environ.iter() {
        let (name, value) = (readable(name), readable(value));
        write!(content, "<tr><th scope=\"row\">{}<td>", Escaped(&name))?;
        match &*value {
            "" => content.push_str("<em>empty</em>\n"),
            value => writeln!(content, "{}", Escaped(value))?,
        }
    }
    writeln!(content, "</table>\n<p>The request's body: {body_bytes} bytes.")?;
    Ok(content)
}
