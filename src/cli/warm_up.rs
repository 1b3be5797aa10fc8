//! Requests that an application answers before it serves (`--warm-up`): what it imports and connects to by then, no client
//! waits for, and what is broken serves nobody.

use std::time::Instant;

use log::{info, warn};

use super::Result;
use super::request::Request;
use crate::application::Application;
use crate::application::environ::Environ;
use crate::application::input::Input;
use crate::application::variables::Variables;
use crate::connection::rehearsal::rehearse;
use crate::limits::Limits;

/// Has `application` answer a GET of each of `targets`, which are paths, or URLs whose host is sent too.
///
/// An exception and a status of 500 or more are errors. A status of 400 or more is a warning: nothing was warmed up.
pub(super) fn warm_up<A: Application>(
    application: &mut A,
    targets: &[String],
    limits: &Limits,
) -> Result<()> {
    for target in targets {
        let begin = Instant::now();
        let failed = |why: String| format!("--warm-up {target}: {why}");
        let environ = environ(target).map_err(|error| failed(error.to_string()))?;
        let code = rehearse(application, environ, limits, BODY_BYTES_MAX)
            .map_err(|error| failed(format!("the application fails: {error}")))?;
        let time = begin.elapsed().as_secs_f64();
        match code {
            500.. => {
                return Err(failed(format!(
                    "the application answers with {code}; the log before this says why"
                ))
                .into());
            }
            400.. => warn!(
                "--warm-up {target}: answered with {code} after {time:.2} s; where the application wants its own host, \
                 give http://HOST/path"
            ),
            _ => info!("--warm-up {target}: answered with {code} after {time:.2} s"),
        }
    }
    Ok(())
}

/// Whether `text` can be warmed up with: `/path` or `http://host/path`.
pub(super) fn target(text: &str) -> std::result::Result<String, String> {
    environ(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// A GET as nginx would send it, for a client on this machine.
fn environ(target: &str) -> Result<Environ> {
    let (scheme, host, path) = split(target);
    let mut request = Request::new(path.as_bytes())?;
    if let Some(host) = host {
        request.add_field(format!("Host: {host}").as_bytes())?;
    }
    if scheme == "https" {
        request.add_var(b"REQUEST_SCHEME=https")?;
        request.add_var(b"HTTPS=on")?;
    }
    request.add_var(b"REMOTE_ADDR=127.0.0.1")?;
    let mut variables = Variables::new();
    for (name, value) in request.vars(None) {
        variables.set(&name, &value);
    }
    // It has no Content-Length that could be wrong.
    let _ = variables.complete();
    Ok(Environ::new(variables, Input::default()))
}

/// The scheme, the host and the path of a URL, or of a path alone.
fn split(target: &str) -> (&str, Option<&str>, &str) {
    for scheme in ["http", "https"] {
        if let Some(rest) = target.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) {
            let slash = rest.find('/').unwrap_or(rest.len());
            let path = if slash == rest.len() { "/" } else { &rest[slash..] };
            return (scheme, Some(&rest[..slash]), path);
        }
    }
    ("http", None, target)
}

/// How much is asked for of a body that does not end, bytes: a page has less.
const BODY_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::{AppError, Body, StartResponse};

    fn warm(target: &str, status: &'static str) -> Result<Vec<String>> {
        let mut seen = Vec::new();
        let mut application = |environ: Environ, start_response: StartResponse| {
            let text =
                |name: &str| String::from_utf8_lossy(environ.get(name).unwrap_or_default()).into_owned();
            seen = ["REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_HOST", "wsgi.url_scheme"]
                .map(text)
                .to_vec();
            seen[4] = environ.url_scheme().to_owned();
            if status.is_empty() {
                return Err(AppError::new("broken"));
            }
            start_response.start(status, [("A", "b")])?;
            // It has no end.
            Ok(Body::chunks(std::iter::repeat_with(|| Ok(vec![0; 1 << 20].into()))))
        };
        warm_up(&mut application, &[target.to_owned()], &Limits::default())?;
        Ok(seen)
    }

    #[test]
    fn it_is_a_request_as_of_a_client() {
        assert_eq!(warm("/a%20b?c=d", "200 OK").unwrap(), ["GET", "/a b", "c=d", "localhost", "http"]);
        assert_eq!(warm("https://example.com", "404 No").unwrap(), ["GET", "/", "", "example.com", "https"]);
        assert_eq!(warm("http://a:81/b", "302 No").unwrap(), ["GET", "/b", "", "a:81", "http"]);
    }

    #[test]
    fn an_exception_and_a_5xx_are_errors() {
        assert_eq!(warm("/a", "").unwrap_err().to_string(), "--warm-up /a: the application fails: broken");
        let error = warm("/a", "503 Not yet").unwrap_err().to_string();
        assert!(error.starts_with("--warm-up /a: the application answers with 503"), "{error}");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        assert_eq!(target("health").unwrap_err(), "health: a path begins with /");
        assert!(target("/%zz").is_err());
        assert_eq!(target("http://a/b").unwrap(), "http://a/b");
    }
}
