//! What a reader asks for, by the bytes that it has sent so far.

use httparse::{EMPTY_HEADER, Status};

/// A form in which the values leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// uWSGI's keys, and our own.
    Json,
    /// Prometheus's text format, version 0.0.4.
    Prometheus,
    /// Whether requests are to be sent here.
    Ready,
    /// Whether the server is to be started anew.
    Live,
}

/// What is told, and whether it is good news.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub text: String,
    pub is_well: bool,
}

impl From<String> for Told {
    fn from(text: String) -> Self {
        Told { text, is_well: true }
    }
}

impl From<Result<String, String>> for Told {
    fn from(told: Result<String, String>) -> Self {
        let is_well = told.is_ok();
        Told { text: told.unwrap_or_else(|why| why) + "\n", is_well }
    }
}

/// What a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// It has asked for nothing yet.
    Nothing,
    /// An HTTP request has begun.
    Begun,
    /// It has asked for this by HTTP.
    For {
        /// In this form.
        form: Form,
        /// It wants the head alone.
        head_only: bool,
    },
    /// It has sent what gets no values: this status line and this sentence instead.
    Wrong(&'static str, &'static str),
}

/// A request's head has at most so many bytes; Prometheus sends 300, a browser 1,000.
pub(crate) const HEAD_BYTES_MAX: usize = 8 << 10;

/// A request has at most so many fields, a count; a browser sends 20.
const FIELDS_COUNT_MAX: usize = 64;

impl Request {
    /// Reads what has come.
    pub(crate) fn by(bytes: &[u8]) -> Request {
        if bytes.is_empty() {
            return Request::Nothing;
        }
        let mut fields = [EMPTY_HEADER; FIELDS_COUNT_MAX];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(bytes) {
            Ok(Status::Complete(_)) => {}
            Ok(Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Request::Begun,
            Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Request::Wrong(
                    "431 Request Header Fields Too Large",
                    "The request's head is too large.",
                );
            }
            Err(_) => {
                return Request::Wrong(
                    "400 Bad Request",
                    "This is no HTTP request; here are the statistics and probes, and the application is at its own address.",
                );
            }
        }
        let head_only = match request.method {
            Some("GET") => false,
            Some("HEAD") => true,
            _ => return Request::Wrong("405 Method Not Allowed", "Only GET and HEAD are answered here."),
        };
        let path = request.path.unwrap_or_default();
        let form = match path.split('?').next() {
            Some("/") => Form::Json,
            Some("/metrics") => Form::Prometheus,
            Some("/ready") => Form::Ready,
            Some("/live") => Form::Live,
            _ => {
                let why = "There is / for JSON, /metrics for Prometheus, /ready and /live for probes; the application is at its \
                           own address.";
                return Request::Wrong("404 Not Found", why);
            }
        };
        Request::For { form, head_only }
    }

    /// The response: its head, and what `values` has in a form.
    pub(crate) fn response(self, values: impl FnOnce(Form) -> Told) -> Vec<u8> {
        match self {
            // As uWSGI's stats server answers.
            Request::Nothing => values(Form::Json).text.into_bytes(),
            Request::Begun => {
                response("408 Request Timeout", PLAIN, "The request did not come to its end.\n", false)
            }
            Request::For { form, head_only } => {
                let kind = match form {
                    Form::Json => "application/json",
                    Form::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
                    Form::Ready | Form::Live => PLAIN,
                };
                let Told { text, is_well } = values(form);
                response(if is_well { "200 OK" } else { "503 Service Unavailable" }, kind, &text, head_only)
            }
            Request::Wrong(status, why) => response(status, PLAIN, &format!("{why}\n"), false),
        }
    }
}

fn response(status: &str, kind: &str, body: &str, head_only: bool) -> Vec<u8> {
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{allow}Cache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), if head_only { b"" } else { body.as_bytes() }].concat()
}

const PLAIN: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_gets_its_own() {
        let wrong = |status: &str, bytes: &[u8]| match Request::by(bytes) {
            Request::Wrong(said, _) => assert!(said.starts_with(status), "{said}"),
            asked => panic!("{asked:?}"),
        };
        let get = |form| Request::For { form, head_only: false };
        assert_eq!(Request::by(b""), Request::Nothing);
        assert_eq!(Request::by(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), get(Form::Json));
        assert_eq!(Request::by(b"GET /?x HTTP/1.0\r\n\r\n"), get(Form::Json));
        assert_eq!(Request::by(b"GET /metrics HTTP/1.1\r\n\r\n"), get(Form::Prometheus));
        assert_eq!(Request::by(b"GET /ready HTTP/1.1\r\n\r\n"), get(Form::Ready));
        assert_eq!(Request::by(b"GET /live HTTP/1.1\r\n\r\n"), get(Form::Live));
        let head = Request::For { form: Form::Prometheus, head_only: true };
        assert_eq!(Request::by(b"HEAD /metrics HTTP/1.1\r\n\r\n"), head);
        let whole = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 1..whole.len() - 1 {
            assert_eq!(Request::by(&whole[..end]), Request::Begun, "{end}");
        }
        wrong("404", b"GET /metric HTTP/1.1\r\n\r\n");
        wrong("405", b"POST / HTTP/1.1\r\n\r\n");
        wrong("400", b"\x16\x03\x01\x02");
        wrong("400", b"\0\x30\0\0");
        wrong("431", &[b'A'; HEAD_BYTES_MAX]);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_COUNT_MAX + 1));
        wrong("431", many.as_bytes());
    }

    #[test]
    fn a_response_is_whole() {
        let values = |form| match form {
            Form::Ready => Told::from(Err("stopping".to_owned())),
            _ => Told::from("values".to_owned()),
        };
        assert_eq!(Request::Nothing.response(values), b"values");
        let text = |asked: Request| String::from_utf8(asked.response(values)).unwrap();
        let all = text(Request::For { form: Form::Json, head_only: false });
        assert!(all.starts_with("HTTP/1.1 200 OK\r\n") && all.ends_with("\r\n\r\nvalues"), "{all}");
        let head = text(Request::For { form: Form::Json, head_only: true });
        assert_eq!(Some(head.as_str()), all.strip_suffix("values"));
        let not_ready = text(Request::For { form: Form::Ready, head_only: false });
        assert!(
            not_ready.starts_with("HTTP/1.1 503 ") && not_ready.ends_with("\r\n\r\nstopping\n"),
            "{not_ready}"
        );
        assert!(text(Request::by(b"POST / HTTP/1.1\r\n\r\n")).contains("\r\nAllow: GET, HEAD\r\n"));
        assert!(text(Request::Begun).starts_with("HTTP/1.1 408 "));
    }
}
