//! What nginx would send: the variables of its own uwsgi_params, then the header fields as HTTP_*.

use std::net::SocketAddr;

use super::super::Result;
use super::target::Target;

/// A request in the making.
pub(in crate::cli) struct Request {
    pub(in crate::cli) method: Vec<u8>,
    target: Target,
    /// `None` for a request without a body.
    body: Option<Vec<u8>>,
    /// Names as in HTTP_*, in capitals; an empty value leaves out what would be sent unasked.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    more_vars: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Request {
    /// A GET of `target`, as `/path?query`.
    pub(in crate::cli) fn new(target: &[u8]) -> Result<Self> {
        let (body, fields, more_vars) = (None, Vec::new(), Vec::new());
        Ok(Request { method: b"GET".to_vec(), target: Target::parse(target)?, body, fields, more_vars })
    }

    /// Gives it another method, which is to be one.
    pub(in crate::cli) fn set_method(&mut self, method: &[u8]) -> Result<()> {
        if method.is_empty() || !method.iter().all(u8::is_ascii_alphanumeric) {
            return Err(format!("{:?} is no method", String::from_utf8_lossy(method)).into());
        }
        self.method = method.to_vec();
        Ok(())
    }

    /// Gives it a body, and makes it a POST.
    pub(in crate::cli) fn set_body(&mut self, body: Vec<u8>) {
        self.method = b"POST".to_vec();
        self.body = Some(body);
    }

    /// Adds `Name: value`. A name that stands twice is sent once, its values joined as nginx joins them; but of Host, which
    /// no list may be and of which nginx refuses two, the last is sent.
    pub(in crate::cli) fn add_field(&mut self, line: &[u8]) -> Result<()> {
        let colon = line.iter().position(|byte| *byte == b':').filter(|at| *at > 0);
        let Some((name, value)) = colon.map(|at| (&line[..at], line[at + 1..].trim_ascii())) else {
            return Err(format!("-H {:?}: write 'Name: value'", String::from_utf8_lossy(line)).into());
        };
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            let line = String::from_utf8_lossy(line);
            return Err(format!("-H {line:?}: no field has a line's end or a zero byte in it").into());
        }
        let name: Vec<u8> =
            name.iter().map(|b| if *b == b'-' { b'_' } else { b.to_ascii_uppercase() }).collect();
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((name, joined)) if !joined.is_empty() && name != b"HOST" => {
                joined.extend_from_slice(if name == b"COOKIE" { b"; " } else { b", " });
                joined.extend_from_slice(value);
            }
            Some((_, known)) => *known = value.to_vec(),
            None => self.fields.push((name, value.to_vec())),
        }
        Ok(())
    }

    /// Adds `Name: value` unless a field of that name was given.
    pub(in crate::cli) fn add_unasked(&mut self, name: &str, value: &str) {
        let name = name.replace('-', "_").to_ascii_uppercase().into_bytes();
        if !self.fields.iter().any(|(known, _)| *known == name) {
            self.fields.push((name, value.as_bytes().to_vec()));
        }
    }

    /// Adds `KEY=VALUE`.
    pub(in crate::cli) fn add_var(&mut self, text: &[u8]) -> Result<()> {
        let equals = text.iter().position(|byte| *byte == b'=').filter(|at| *at > 0);
        let at =
            equals.ok_or_else(|| format!("--var {:?}: write KEY=VALUE", String::from_utf8_lossy(text)))?;
        self.more_vars.push((text[..at].to_vec(), text[at + 1..].to_vec()));
        Ok(())
    }

    /// The request's body; empty if it has none.
    pub(super) fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// The head as HTTP/1.1 has it, for a connection that stays, or ends with the response.
    pub(super) fn http_head(&self, stays: bool) -> Result<Vec<u8>> {
        if !self.more_vars.is_empty() {
            return Err("--var: HTTP has header fields and no variables: use -H".into());
        }
        let mut head = [&self.method, b" ".as_slice(), &self.target.uri, b" HTTP/1.1\r\n"].concat();
        for (name, value) in self.all_fields() {
            // Names do not depend on their case; this is how browsers write them.
            let mut is_first = true;
            for byte in &name {
                head.push(match byte {
                    b'_' => b'-',
                    byte if is_first => byte.to_ascii_uppercase(),
                    byte => byte.to_ascii_lowercase(),
                });
                is_first = *byte == b'_';
            }
            head.extend([b": ", value.as_slice(), b"\r\n"].concat());
        }
        head.extend_from_slice(if stays { b"\r\n" } else { b"Connection: close\r\n\r\n" });
        Ok(head)
    }

    /// All variables, in the order in which nginx sends them.
    pub(in crate::cli) fn vars(&self, client: Option<SocketAddr>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut vars = self.params(client);
        for (name, value) in self.all_fields() {
            vars.push(([b"HTTP_".as_slice(), &name].concat(), value));
        }
        for (key, value) in &self.more_vars {
            set(&mut vars, key, value);
        }
        vars
    }

    /// The variables of nginx's uwsgi_params, in its order. HTTPS is sent if_not_empty.
    fn params(&self, client: Option<SocketAddr>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let fields = self.all_fields();
        let field = |name: &[u8]| fields.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
        let (name, port) = host_and_port(field(b"HOST").unwrap_or_default());
        let (client, client_port) = match client {
            Some(client) => (client.ip().to_string(), client.port().to_string()),
            // What nginx says of a client that came by a unix socket.
            None => ("unix:".to_owned(), String::new()),
        };
        let pairs: [(&str, &[u8]); 13] = [
            ("QUERY_STRING", &self.target.query),
            ("REQUEST_METHOD", &self.method),
            ("CONTENT_TYPE", field(b"CONTENT_TYPE").unwrap_or_default()),
            ("CONTENT_LENGTH", field(b"CONTENT_LENGTH").unwrap_or_default()),
            ("REQUEST_URI", &self.target.uri),
            ("PATH_INFO", &self.target.path),
            ("DOCUMENT_ROOT", b"/usr/share/nginx/html"),
            ("SERVER_PROTOCOL", b"HTTP/1.1"),
            ("REQUEST_SCHEME", b"http"),
            ("REMOTE_ADDR", client.as_bytes()),
            ("REMOTE_PORT", client_port.as_bytes()),
            ("SERVER_PORT", port),
            ("SERVER_NAME", name),
        ];
        pairs.map(|(key, value)| (key.as_bytes().to_vec(), value.to_vec())).to_vec()
    }

    /// The header fields: those that curl would send by itself, then those that were asked for.
    fn all_fields(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let length = self.body.as_ref().map(|body| body.len().to_string()).unwrap_or_default();
        let form = if self.body.is_some() { "application/x-www-form-urlencoded" } else { "" };
        let unasked = [
            ("HOST", "localhost"),
            ("USER_AGENT", concat!("tidegate/", env!("CARGO_PKG_VERSION"))),
            ("ACCEPT", "*/*"),
            ("CONTENT_LENGTH", &length),
            ("CONTENT_TYPE", form),
        ];
        let mut all: Vec<_> =
            unasked.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).to_vec();
        for (name, value) in &self.fields {
            set(&mut all, name, value);
        }
        all.retain(|(_, value)| !value.is_empty());
        all
    }
}

fn set(pairs: &mut Vec<(Vec<u8>, Vec<u8>)>, name: &[u8], value: &[u8]) {
    match pairs.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value.to_vec(),
        None => pairs.push((name.to_vec(), value.to_vec())),
    }
}

/// What SERVER_NAME and SERVER_PORT are in a server whose name is that of the Host field.
fn host_and_port(host: &[u8]) -> (&[u8], &[u8]) {
    let colon = host.iter().rposition(|byte| *byte == b':');
    match colon.filter(|at| host[at + 1..].iter().all(u8::is_ascii_digit)) {
        Some(at) => (&host[..at], &host[at + 1..]),
        None => (host, b"80"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(request: &Request, client: Option<SocketAddr>) -> Vec<(String, String)> {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        request.vars(client).into_iter().map(|(key, value)| (text(key), text(value))).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_get_is_what_nginx_sends() {
        let request = Request::new(b"/a%20b?c=%20d").unwrap();
        let want = pairs(&[
            ("QUERY_STRING", "c=%20d"),
            ("REQUEST_METHOD", "GET"),
            ("CONTENT_TYPE", ""),
            ("CONTENT_LENGTH", ""),
            ("REQUEST_URI", "/a%20b?c=%20d"),
            ("PATH_INFO", "/a b"),
            ("DOCUMENT_ROOT", "/usr/share/nginx/html"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REQUEST_SCHEME", "http"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("REMOTE_PORT", "4711"),
            ("SERVER_PORT", "80"),
            ("SERVER_NAME", "localhost"),
            ("HTTP_HOST", "localhost"),
            ("HTTP_USER_AGENT", concat!("tidegate/", env!("CARGO_PKG_VERSION"))),
            ("HTTP_ACCEPT", "*/*"),
        ]);
        assert_eq!(sent(&request, Some("127.0.0.1:4711".parse().unwrap())), want);
    }

    #[test]
    fn fields_and_vars_replace_join_and_leave_out() {
        let mut request = Request::new(b"/").unwrap();
        request.set_body(b"abc".to_vec());
        for line in [
            "Host: [::1]:8080",
            "Cookie: a=1",
            "cookie: b=2",
            "Accept:",
            "X-Y: 1",
            "X-y:2",
            "Content-Type: t/x",
        ] {
            request.add_field(line.as_bytes()).unwrap();
        }
        for var in ["HTTPS=on", "REQUEST_METHOD=PUT", "EMPTY=", "A=b=c"] {
            request.add_var(var.as_bytes()).unwrap();
        }
        let sent = sent(&request, None);
        let value = |key: &str| {
            let found: Vec<&str> =
                sent.iter().filter(|(known, _)| known == key).map(|(_, value)| value.as_str()).collect();
            assert!(found.len() < 2, "{key} is there twice");
            found.first().copied()
        };
        for (key, want) in [
            ("SERVER_NAME", Some("[::1]")),
            ("SERVER_PORT", Some("8080")),
            ("HTTP_HOST", Some("[::1]:8080")),
            ("HTTP_COOKIE", Some("a=1; b=2")),
            ("HTTP_ACCEPT", None),
            ("HTTP_X_Y", Some("1, 2")),
            ("CONTENT_TYPE", Some("t/x")),
            ("CONTENT_LENGTH", Some("3")),
            ("HTTP_CONTENT_LENGTH", Some("3")),
            ("REQUEST_METHOD", Some("PUT")),
            ("REMOTE_ADDR", Some("unix:")),
            ("HTTPS", Some("on")),
            ("EMPTY", Some("")),
            ("A", Some("b=c")),
        ] {
            assert_eq!(value(key), want, "{key}");
        }
        for line in ["no colon", ": x"] {
            assert!(request.add_field(line.as_bytes()).is_err());
        }
        for var in ["KEY", "=x"] {
            assert!(request.add_var(var.as_bytes()).is_err());
        }
    }

    #[test]
    fn over_http_it_is_what_curl_sends() {
        let mut request = Request::new(b"/a%20b?c").unwrap();
        request.set_body(b"abc".to_vec());
        request.add_field(b"X-Request-ID: 5").unwrap();
        request.add_field(b"accept:").unwrap();
        let head = String::from_utf8(request.http_head(false).unwrap()).unwrap();
        let want = format!(
            "POST /a%20b?c HTTP/1.1\r\nHost: localhost\r\nUser-Agent: tidegate/{}\r\nContent-Length: 3\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nX-Request-Id: 5\r\nConnection: close\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(head, want);
        request.add_var(b"A=b").unwrap();
        assert!(request.http_head(false).is_err());
    }

    #[test]
    fn of_two_hosts_the_last_is_sent() {
        let mut request = Request::new(b"/").unwrap();
        for line in ["Host: a.example", "Accept: a", "host: b.example:81", "Accept: b"] {
            request.add_field(line.as_bytes()).unwrap();
        }
        let head = String::from_utf8(request.http_head(false).unwrap()).unwrap();
        assert!(head.contains("Host: b.example:81\r\n") && !head.contains("a.example"), "{head}");
        assert!(head.contains("Accept: a, b\r\n"), "{head}");
    }

    #[test]
    fn a_host_without_a_port_is_on_80() {
        for (host, name, port) in
            [("a", "a", "80"), ("a:81", "a", "81"), ("[::1]", "[::1]", "80"), ("[::1]:81", "[::1]", "81")]
        {
            assert_eq!(host_and_port(host.as_bytes()), (name.as_bytes(), port.as_bytes()));
        }
    }
}
