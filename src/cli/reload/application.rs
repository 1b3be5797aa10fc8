//! Applications in development: one that says why another is not served, and one around it that shows what fails.

use std::sync::Arc;

use bytes::Bytes;
use log::error;

use super::Reload;
use super::page::{POLICY, Page};
use super::polls::{self, is_poll};
use crate::application::environ::Environ;
use crate::application::{AppError, Application, Body, Content, StartResponse};
use crate::ascii::Ascii;
use crate::cli::html::wants_html;
use crate::process::fork_watch;

/// Answers every request with the page that says why there is no application.
pub(super) struct Failed(Arc<Page>);

impl Failed {
    pub(super) fn new(page: Arc<Page>) -> Self {
        Failed(page)
    }
}

impl Application for Failed {
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        let asked = Asked::of(&environ);
        start_response.start(STATUS, asked.fields())?;
        Ok(asked.answer(&self.0).into())
    }
}

/// An application whose failures are shown, if nothing of its response was sent, and whose files the master is told of.
pub(super) struct Shown {
    application: Box<dyn Application>,
    reload: Arc<Reload>,
}

impl Shown {
    pub(super) fn new(application: Box<dyn Application>, reload: Arc<Reload>) -> Self {
        Shown { application, reload }
    }
}

impl Application for Shown {
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        if is_poll(&environ) {
            return polls::answer(&start_response, &self.reload.load);
        }
        let failing = Failing {
            asked: Asked::of(&environ),
            line: format!("{} {}", Ascii(environ.method()), Ascii(environ.uri())),
            start_response: start_response.clone(),
            load: self.reload.load.clone(),
        };
        let called = self.application.call(environ, start_response);
        // A child that the application has forked has nothing to tell.
        fork_watch::end_child(i32::from(called.is_err()));
        self.reload.tell(false);
        let mut body = match called {
            Ok(body) => body,
            Err(failure) => return failing.show(failure).map(Body::from),
        };
        if let Content::Chunks(chunks) = body.content {
            body.content =
                Content::Chunks(Box::new(ShownChunks { chunks, failing: Some(failing), is_over: false }));
        }
        Ok(body)
    }
}

/// A body that may fail in its first step, as a generator does.
struct ShownChunks {
    chunks: Box<dyn Iterator<Item = Result<Bytes, AppError>>>,
    /// Until something may have been sent.
    failing: Option<Failing>,
    is_over: bool,
}

impl Iterator for ShownChunks {
    type Item = Result<Bytes, AppError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        match self.chunks.next() {
            Some(Err(failure)) => {
                self.is_over = true;
                match self.failing.take() {
                    Some(failing) => {
                        fork_watch::end_child(1);
                        Some(failing.show(failure))
                    }
                    None => Some(Err(failure)),
                }
            }
            Some(Ok(chunk)) => {
                if !chunk.is_empty() {
                    self.failing = None;
                }
                Some(Ok(chunk))
            }
            None => None,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.chunks.size_hint()
    }
}

/// What is done if a request fails.
struct Failing {
    asked: Asked,
    line: String,
    start_response: StartResponse,
    load: String,
}

impl Failing {
    /// The page, in place of what start_response was given; the failure, if that is on its way.
    fn show(&self, failure: AppError) -> Result<Bytes, AppError> {
        if self.start_response.replace(STATUS, self.asked.fields()).is_err() {
            return Err(failure);
        }
        let text = failure.to_string();
        error!("{}: answered with 500, and a page that shows it: {text}", self.line);
        Ok(self.asked.answer(&Page::of_request(&self.line, &text, &self.load)))
    }
}

const STATUS: &str = "500 Internal Server Error";

/// What a client takes.
struct Asked {
    is_html: bool,
    /// Whether it may ask once more by itself.
    is_get: bool,
}

impl Asked {
    fn of(environ: &Environ) -> Self {
        Asked { is_html: wants_html(environ), is_get: environ.method() == b"GET" }
    }

    fn fields(&self) -> [(&'static str, &'static str); 4] {
        let kind = if self.is_html { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
        [
            ("Content-Type", kind),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
        ]
    }

    fn answer(&self, page: &Page) -> Bytes {
        if self.is_html { page.html(self.is_get) } else { page.text() }.into()
    }
}
