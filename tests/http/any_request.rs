//! Arbitrary valid requests, and what must become of them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::feeding::Meaning;

/// A request that is valid, in parts.
#[derive(Clone, Debug)]
pub(crate) struct AnyRequest {
    method: String,
    /// Decoded, without its first slash.
    path: Vec<u8>,
    query: Option<String>,
    headers: Vec<(String, String)>,
    body: AnyBody,
    is_http11: bool,
    connection: Option<&'static str>,
    /// An empty line before it.
    empty_first: bool,
}

#[derive(Clone, Debug)]
enum AnyBody {
    None,
    Length(Vec<u8>),
    /// Each chunk with its extensions, then the last one's, then the trailers.
    Chunked(Vec<(Vec<u8>, String)>, String, String),
}

impl AnyRequest {
    pub(crate) fn arbitrary() -> impl Strategy<Value = AnyRequest> {
        let methods = select(&["GET", "POST", "HEAD", "OPTIONS", "DELETE", "get", "x-Y!#$%&'*+.^_`|~"][..]);
        let connection = select(&[None, None, Some("close"), Some("keep-alive"), Some("x, Close")][..]);
        (
            (methods, vec(any::<u8>().prop_filter("no NUL", |byte| *byte > 0), 0..20)),
            proptest::option::of("[!-\"$-~]{0,20}"),
            vec(header(), 0..12),
            body(),
            (any::<bool>(), connection, any::<bool>()),
        )
            .prop_map(
                |((method, path), query, headers, body, (is_http11, connection, empty_first))| {
                    let is_http11 = is_http11 || matches!(body, AnyBody::Chunked(..));
                    let method = method.to_owned();
                    AnyRequest { method, path, query, headers, body, is_http11, connection, empty_first }
                },
            )
    }

    /// Whether another request may follow.
    pub(crate) fn keep_alive(&self) -> bool {
        match self.connection {
            Some("keep-alive") => true,
            Some(_) => false,
            None => self.is_http11,
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.empty_first {
            bytes.extend(b"\r\n");
        }
        let version = self.version();
        bytes
            .extend(format!("{} {} {version}\r\nHost: a.example:80\r\n", self.method, self.target()).bytes());
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}:{value}\r\n").bytes());
        }
        if let Some(connection) = self.connection {
            bytes.extend(format!("Connection: {connection}\r\n").bytes());
        }
        match &self.body {
            AnyBody::None => bytes.extend(b"\r\n"),
            AnyBody::Length(body) => {
                bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                bytes.extend(body);
            }
            AnyBody::Chunked(chunks, last, trailers) => {
                bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for (at, (chunk, extensions)) in chunks.iter().enumerate() {
                    let size = if at % 2 == 0 {
                        format!("{:x}", chunk.len())
                    } else {
                        format!("00{:X}", chunk.len())
                    };
                    bytes.extend(format!("{size}{extensions}\r\n").bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(format!("0{last}\r\n{trailers}\r\n").bytes());
            }
        }
        bytes
    }

    /// What the application must be given: the rules of `fixtures/http/README.md`, naively.
    pub(crate) fn expected(&self) -> Meaning {
        let path = [b"/".as_slice(), &self.path].concat();
        let text = |text: &str| text.as_bytes().to_vec();
        let mut environ = vec![
            (text("REQUEST_METHOD"), text(&self.method)),
            (text("SCRIPT_NAME"), Vec::new()),
            (text("PATH_INFO"), path),
            (text("QUERY_STRING"), text(self.query.as_deref().unwrap_or_default())),
            (text("REQUEST_URI"), text(&self.target())),
            (text("SERVER_PROTOCOL"), text(self.version())),
            (text("SERVER_NAME"), text("localhost")),
            (text("SERVER_PORT"), text("80")),
            (text("HTTP_HOST"), text("a.example:80")),
        ];
        let mut headers = self.headers.clone();
        headers.extend(self.connection.map(|value| ("Connection".to_owned(), value.to_owned())));
        for (name, value) in headers {
            if name.contains('_') || name.eq_ignore_ascii_case("proxy") {
                continue;
            }
            let value = value.trim_matches([' ', '\t']);
            let name = format!("HTTP_{}", name.to_uppercase().replace('-', "_"));
            let separator = if name == "HTTP_COOKIE" { "; " } else { ", " };
            match environ.iter_mut().find(|(earlier, _)| *earlier == name.as_bytes()) {
                Some((_, earlier)) if name == "HTTP_REFERER" => *earlier = text(value),
                Some((_, earlier)) => earlier.extend(format!("{separator}{value}").bytes()),
                None => environ.push((text(&name), text(value))),
            }
        }
        let (body, length) = match &self.body {
            AnyBody::None => (Vec::new(), None),
            AnyBody::Length(body) => (body.clone(), Some(body.len())),
            AnyBody::Chunked(chunks, ..) => {
                let body: Vec<u8> = chunks.iter().flat_map(|(chunk, _)| chunk).copied().collect();
                let length = body.len();
                (body, Some(length))
            }
        };
        environ.extend(length.map(|length| (text("CONTENT_LENGTH"), text(&length.to_string()))));
        (environ, body, self.keep_alive())
    }

    fn target(&self) -> String {
        let mut target = String::from("/");
        for byte in &self.path {
            match byte {
                b'a'..=b'z' | b'/' | b'.' | b'~' | b';' => target.push(char::from(*byte)),
                byte if byte % 2 == 0 => target.push_str(&format!("%{byte:02x}")),
                byte => target.push_str(&format!("%{byte:02X}")),
            }
        }
        if let Some(query) = &self.query {
            target.push('?');
            target.push_str(query);
        }
        target
    }

    fn version(&self) -> &'static str {
        if self.is_http11 { "HTTP/1.1" } else { "HTTP/1.0" }
    }
}

/// Headers that mean nothing to the server: some repeat, some are dropped.
fn header() -> impl Strategy<Value = (String, String)> {
    const NAMES: &[&str] =
        &["Cookie", "cookie", "Accept", "X-A", "x-a", "X_A", "Proxy", "Via", "A", "Referer", "X--"];
    let name =
        prop_oneof![3 => select(NAMES).prop_map(str::to_owned), 1 => "X-[A-Za-z0-9!#$%&'*+.^`|~-]{1,20}"];
    let value = prop_oneof![3 => "[ \t]{0,2}[!-~]{0,10}[ \t]{0,2}", 1 => "[ -~\t\u{80}-\u{ff}]{0,60}"];
    (name, value)
}

fn body() -> impl Strategy<Value = AnyBody> {
    let bytes = || vec(any::<u8>(), 0..60);
    let extensions = || "(;[a-z]{1,5}(=[a-z0-9!]{1,5}|=\"([ a-z;]|\\\\[\"a-z]){0,6}\")?){0,3}";
    let chunk = vec(any::<u8>(), 1..40);
    let trailers = "(X-[a-z]{1,6}:[ -~]{0,10}\r\n){0,3}";
    prop_oneof![
        2 => Just(AnyBody::None),
        2 => bytes().prop_map(AnyBody::Length),
        3 => (vec((chunk, extensions()), 0..6), extensions(), trailers)
            .prop_map(|(chunks, last, trailers)| AnyBody::Chunked(chunks, last, trailers)),
    ]
}
