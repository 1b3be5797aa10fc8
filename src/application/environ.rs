//! What an application is told of a request: CGI's environ as PEP 3333 names it, as bytes.

use std::fmt;

use crate::application::input::Input;
use crate::application::variables::Variables;

/// The variables of one request, and its body as [`Environ::input`].
pub struct Environ {
    variables: Variables,
    input: Input,
}

impl Environ {
    /// An environ of `variables` whose body is `input`.
    pub fn new(variables: Variables, input: Input) -> Self {
        Environ { variables, input }
    }

    /// The value of the variable `name`, or `None` where it was not sent. An empty value is `Some(b"")`.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.variables.get(name.as_ref())
    }

    /// Every variable with its value, in wire order; a name stands once.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.variables.iter()
    }

    /// Sets the variable `name`, in its place if it is there, else at the end: what stands between the server and an application
    /// moves the beginning of PATH_INFO to the end of SCRIPT_NAME so.
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.variables.set(name.as_ref(), value.as_ref());
    }

    /// REQUEST_METHOD, in the case in which it was sent.
    pub fn method(&self) -> &[u8] {
        self.get("REQUEST_METHOD").unwrap_or_default()
    }

    /// PATH_INFO: percent-decoded bytes, perhaps not UTF-8. Never decode it again.
    pub fn path(&self) -> &[u8] {
        self.get("PATH_INFO").unwrap_or_default()
    }

    /// QUERY_STRING, still percent-encoded.
    pub fn query(&self) -> &[u8] {
        self.get("QUERY_STRING").unwrap_or_default()
    }

    /// The target of the request line as the client sent it: REQUEST_URI, else the path.
    pub fn uri(&self) -> &[u8] {
        self.get("REQUEST_URI").unwrap_or_else(|| self.path())
    }

    /// CONTENT_LENGTH, bytes: the length of [`Environ::input`] as the peer declared it.
    pub fn content_length(&self) -> Option<u64> {
        self.variables.content_length().unwrap_or_default()
    }

    /// A header field's value by its HTTP name: `header("User-Agent")` is HTTP_USER_AGENT. Content-Type and
    /// Content-Length are found under their CGI names.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let key: Vec<u8> =
            name.bytes().map(|b| if b == b'-' { b'_' } else { b.to_ascii_uppercase() }).collect();
        if key == b"CONTENT_TYPE" || key == b"CONTENT_LENGTH" {
            return self.get(key).filter(|value| !value.is_empty());
        }
        self.get([b"HTTP_", key.as_slice()].concat())
    }

    /// `"https"` or `"http"`, by HTTPS and REQUEST_SCHEME: what PEP 3333 calls wsgi.url_scheme.
    pub fn url_scheme(&self) -> &'static str {
        self.variables.url_scheme()
    }

    /// The request's body: `Read`, `BufRead` and `Seek`. It is complete before the application is called.
    pub fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// Takes the body out, for an application that hands it on; an empty one stays.
    pub fn take_input(&mut self) -> Input {
        std::mem::take(&mut self.input)
    }
}

impl fmt::Debug for Environ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.variables.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_set_in_its_place_or_at_the_end() {
        let mut environ = Environ::new(Variables::new(), Input::default());
        for (name, value) in
            [("PATH_INFO", "/app/x"), ("X", ""), ("PATH_INFO", "/x"), ("SCRIPT_NAME", "/app")]
        {
            environ.set(name, value);
        }
        let all: Vec<_> = environ.iter().collect();
        let want: [(&[u8], &[u8]); 3] = [(b"PATH_INFO", b"/x"), (b"X", b""), (b"SCRIPT_NAME", b"/app")];
        assert_eq!(all, want);
    }

    #[test]
    fn typed_helpers_read_the_cgi_names() {
        let mut variables = Variables::new();
        for (name, value) in [
            ("REQUEST_METHOD", "POST"),
            ("PATH_INFO", "/caf\u{e9}"),
            ("QUERY_STRING", "a=1"),
            ("CONTENT_LENGTH", "12"),
            ("CONTENT_TYPE", "text/plain"),
            ("HTTP_USER_AGENT", "curl"),
        ] {
            variables.set(name.as_bytes(), value.as_bytes());
        }
        let environ = Environ::new(variables, Input::default());
        assert_eq!(environ.method(), b"POST");
        assert_eq!(environ.path(), "/caf\u{e9}".as_bytes());
        assert_eq!(environ.uri(), environ.path());
        assert_eq!(environ.query(), b"a=1");
        assert_eq!(environ.content_length(), Some(12));
        assert_eq!(environ.header("user-agent"), Some(b"curl".as_slice()));
        assert_eq!(environ.header("Content-Type"), Some(b"text/plain".as_slice()));
        assert_eq!(environ.get("NONE"), None);
    }
}
