//! A request, and its bytes in each protocol.

use std::io::Write;

use tidegate::ProtocolName;

use crate::wire::uwsgi::Packet;
use crate::wire::{fastcgi, scgi};

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// What a client asks.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// As it stands in a request line.
    pub(crate) target: String,
    version: &'static str,
    fields: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    /// Sent without a length; FastCGI alone has the same without HTTP, and of the others it is the front end's affair.
    is_chunked: bool,
    keeps_connection: bool,
}

impl Request {
    pub(crate) fn new(method: &'static str, target: impl Into<String>) -> Request {
        Request {
            method,
            target: target.into(),
            version: "HTTP/1.1",
            fields: Vec::new(),
            body: None,
            is_chunked: false,
            keeps_connection: false,
        }
    }

    pub(crate) fn get(target: impl Into<String>) -> Request {
        Request::new("GET", target)
    }

    pub(crate) fn post(target: impl Into<String>, body: impl Into<Vec<u8>>) -> Request {
        Request { body: Some(body.into()), ..Request::new("POST", target) }
    }

    pub(crate) fn with_method(self, method: &'static str) -> Request {
        Request { method, ..self }
    }

    pub(crate) fn with_target(self, target: impl Into<String>) -> Request {
        Request { target: target.into(), ..self }
    }

    pub(crate) fn field(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.fields.push((name, value.into()));
        self
    }

    pub(crate) fn chunked(self) -> Request {
        Request { is_chunked: true, ..self }
    }

    /// Another may follow on the same connection.
    pub(crate) fn kept(self) -> Request {
        Request { keeps_connection: true, ..self }
    }

    pub(crate) fn http10(self) -> Request {
        Request { version: "HTTP/1.0", ..self }
    }

    /// The bytes of the request as `protocol` has it.
    pub(crate) fn encode(&self, protocol: ProtocolName) -> Vec<u8> {
        let body = self.body.as_deref().unwrap_or_default();
        match protocol {
            ProtocolName::Http => self.http(),
            ProtocolName::Uwsgi => {
                let vars = self.variables(true);
                let packet = vars.iter().fold(Packet::new(), |packet, (name, value)| packet.var(name, value));
                [&packet.header_and_vars().unwrap(), body].concat()
            }
            ProtocolName::Fastcgi => {
                let flags = if self.keeps_connection { fastcgi::KEEP_CONN } else { 0 };
                fastcgi::request(1, flags, &borrowed(&self.variables(!self.is_chunked)), body)
            }
            ProtocolName::Scgi => scgi::request(&borrowed(&self.variables(false)), body),
        }
    }

    fn http(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write!(bytes, "{} {} {}\r\n", self.method, self.target, self.version).unwrap();
        for (name, value) in self.all_fields() {
            write!(bytes, "{name}: {value}\r\n").unwrap();
        }
        match &self.body {
            None => bytes.extend_from_slice(b"\r\n"),
            Some(body) if self.is_chunked => {
                bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(77_777) {
                    write!(bytes, "{:x}\r\n", chunk.len()).unwrap();
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
            Some(body) => {
                write!(bytes, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
                bytes.extend_from_slice(body);
            }
        }
        bytes
    }

    fn all_fields(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![("Host", HOST.to_owned())];
        if !self.keeps_connection {
            all.push(("Connection", "close".to_owned()));
        }
        all.extend(self.fields.iter().cloned());
        all
    }

    /// The variables that a front end makes of it.
    fn variables(&self, with_length: bool) -> Pairs {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut all: Pairs = Vec::new();
        let mut push = |name: &str, value: &[u8]| all.push((name.into(), value.into()));
        push("REQUEST_METHOD", self.method.as_bytes());
        push("REQUEST_URI", self.target.as_bytes());
        push("PATH_INFO", &percent_decode(path));
        push("QUERY_STRING", query.as_bytes());
        push("SERVER_PROTOCOL", self.version.as_bytes());
        push("REQUEST_SCHEME", b"http");
        push("SERVER_NAME", HOST.as_bytes());
        push("SERVER_PORT", b"80");
        push("REMOTE_ADDR", b"127.0.0.1");
        if let Some(body) = &self.body
            && with_length
        {
            push("CONTENT_LENGTH", body.len().to_string().as_bytes());
        }
        for (name, value) in self.all_fields() {
            let name = name.to_uppercase().replace('-', "_");
            let name = if name == "CONTENT_TYPE" { name } else { format!("HTTP_{name}") };
            push(&name, value.as_bytes());
        }
        all
    }
}

pub(crate) const HOST: &str = "www.example.com";

fn percent_decode(path: &str) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::new(), path.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = &behind[2..];
            }
            None => {
                decoded.push(*first);
                rest = behind;
            }
        }
    }
    decoded
}

fn borrowed(pairs: &Pairs) -> Vec<(&[u8], &[u8])> {
    pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect()
}
