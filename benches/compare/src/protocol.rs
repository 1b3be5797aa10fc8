//! What is said to a server: the request's bytes, one kind per protocol.
//!
//! All are written here anew, not taken from the server under test: an encoder cannot check itself.

use std::fmt;

use clap::ValueEnum;

/// The protocol that a request is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// modifier1 0, a connection per request.
    Uwsgi,
    /// A connection per request.
    Scgi,
    /// HTTP/1.1, one connection for many requests.
    Http,
    /// The responder's role with FCGI_KEEP_CONN, one connection for many requests.
    Fastcgi,
}

impl Protocol {
    /// A stock GET of `target` (`/path?query`), as nginx sends it through this protocol; over HTTP, as a
    /// browser sends it.
    pub fn get(self, target: &str) -> Vec<u8> {
        self.say(&stock_get(target))
    }

    /// A request of these variables; over HTTP, of those that a browser says itself.
    pub fn say(self, vars: &[(&str, &str)]) -> Vec<u8> {
        match self {
            Protocol::Uwsgi => uwsgi_packet(vars),
            Protocol::Scgi => scgi_netstring(vars),
            Protocol::Http => http_request(vars),
            Protocol::Fastcgi => fastcgi_records(vars),
        }
    }

    /// Whether a connection stays for the next request; else the end of the reply is the end of the stream.
    pub fn keeps_alive(self) -> bool {
        matches!(self, Protocol::Http | Protocol::Fastcgi)
    }
}

/// Its name, as in tidegate's options.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no protocol is left out");
        f.write_str(value.get_name())
    }
}

/// nginx's own uwsgi_params in their order, then the headers of a browser: 20 variables.
pub fn stock_get(target: &str) -> [(&'static str, &str); 20] {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    [
        ("QUERY_STRING", query),
        ("REQUEST_METHOD", "GET"),
        ("CONTENT_TYPE", ""),
        ("CONTENT_LENGTH", ""),
        ("REQUEST_URI", target),
        ("PATH_INFO", path),
        ("DOCUMENT_ROOT", "/usr/share/nginx/html"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_SCHEME", "http"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", "51514"),
        ("SERVER_PORT", "80"),
        ("SERVER_NAME", "www.example.com"),
        ("HTTP_HOST", "www.example.com"),
        ("HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("HTTP_ACCEPT", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"),
        ("HTTP_ACCEPT_ENCODING", "gzip, deflate, br"),
        ("HTTP_CONNECTION", "keep-alive"),
        ("HTTP_COOKIE", "session=8f14e45fceea167a5a36dedd4bea2543"),
    ]
}

/// modifier1, datasize, modifier2, then every variable as length, key, length, value.
fn uwsgi_packet(vars: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for text in vars.iter().flat_map(|(key, value)| [key, value]) {
        block.extend_from_slice(&length(text.len()).to_le_bytes());
        block.extend_from_slice(text.as_bytes());
    }
    let [low, high] = length(block.len()).to_le_bytes();
    [&[0, low, high, 0], block.as_slice()].concat()
}

/// CONTENT_LENGTH first and never empty, SCGI next, the rest in its order.
fn scgi_netstring(vars: &[(&str, &str)]) -> Vec<u8> {
    let rest = vars.iter().filter(|(name, _)| *name != "CONTENT_LENGTH");
    let mut head = Vec::new();
    for (name, value) in [("CONTENT_LENGTH", "0"), ("SCGI", "1")].iter().chain(rest) {
        head.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    [format!("{}:", head.len()).as_bytes(), &head, b","].concat()
}

/// Of the variables, those that a browser says itself.
fn http_request(vars: &[(&str, &str)]) -> Vec<u8> {
    let value = |name| vars.iter().find(|var| var.0 == name).map_or("", |var| var.1);
    let mut head =
        format!("{} {} {}\r\n", value("REQUEST_METHOD"), value("REQUEST_URI"), value("SERVER_PROTOCOL"));
    for (name, value) in vars {
        if let Some(name) = name.strip_prefix("HTTP_") {
            let words = name.split('_').map(|word| word[..1].to_owned() + &word[1..].to_ascii_lowercase());
            head += &format!("{}: {value}\r\n", words.collect::<Vec<_>>().join("-"));
        }
    }
    (head + "\r\n").into_bytes()
}

/// BEGIN_REQUEST, PARAMS and its end, the end of STDIN: in one piece, as nginx sends them.
fn fastcgi_records(vars: &[(&str, &str)]) -> Vec<u8> {
    const BEGIN_REQUEST: u8 = 1;
    const PARAMS: u8 = 4;
    const STDIN: u8 = 5;
    /// The role of a responder, and the flag FCGI_KEEP_CONN.
    const RESPONDER_KEPT: [u8; 8] = [0, 1, 1, 0, 0, 0, 0, 0];
    let mut params = Vec::new();
    for (name, value) in vars {
        for text in [name, value] {
            let length = u8::try_from(text.len()).ok().filter(|length| *length < 128);
            params.push(length.expect("a variable of the bench has a length of one byte"));
        }
        params.extend([name.as_bytes(), value.as_bytes()].concat());
    }
    let record = |kind, content: &[u8]| {
        let [high, low] = length(content.len()).to_be_bytes();
        [&[1, kind, 0, 1, high, low, 0, 0], content].concat()
    };
    let params = record(PARAMS, &params);
    [record(BEGIN_REQUEST, &RESPONDER_KEPT), params, record(PARAMS, b""), record(STDIN, b"")].concat()
}

fn length(length: usize) -> u16 {
    u16::try_from(length).expect("a request of the bench is shorter than 64 KiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARS: [(&str, &str); 4] = [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/a"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("HTTP_A_BC", "d"),
    ];

    #[test]
    fn the_packet_is_header_then_length_prefixed_vars() {
        assert_eq!(
            uwsgi_packet(&[("A", "bc"), ("D", "")]),
            b"\x00\x0c\x00\x00\x01\x00A\x02\x00bc\x01\x00D\x00\x00"
        );
    }

    #[test]
    fn datasize_counts_the_vars_alone() {
        let packet = Protocol::Uwsgi.get("/hello");
        let datasize = u16::from_le_bytes([packet[1], packet[2]]);
        assert_eq!(usize::from(datasize), packet.len() - 4);
        assert!((550..650).contains(&packet.len()), "{}", packet.len());
    }

    #[test]
    fn the_query_stands_apart_and_in_the_uri() {
        let vars = stock_get("/stream?chunks=3&size=9");
        assert_eq!(vars[0].1, "chunks=3&size=9");
        assert_eq!(vars[4].1, "/stream?chunks=3&size=9");
        assert_eq!(vars[5].1, "/stream");
    }

    #[test]
    fn scgi_begins_with_the_content_length() {
        assert_eq!(
            scgi_netstring(&[("A", "b"), ("CONTENT_LENGTH", "")]),
            b"28:CONTENT_LENGTH\x000\x00SCGI\x001\x00A\x00b\x00,"
        );
    }

    #[test]
    fn http_says_what_a_browser_says() {
        assert_eq!(http_request(&VARS), b"GET /a HTTP/1.1\r\nA-Bc: d\r\n\r\n");
        let request = String::from_utf8(Protocol::Http.get("/hello?a=b")).unwrap();
        assert!(request.starts_with("GET /hello?a=b HTTP/1.1\r\nHost: www.example.com\r\n"), "{request}");
        assert!(request.contains("\r\nUser-Agent: Mozilla/5.0 ("), "{request}");
    }

    #[test]
    fn fastcgi_is_four_records() {
        assert_eq!(
            fastcgi_records(&[("A", "bc"), ("D", "")]),
            b"\x01\x01\0\x01\0\x08\0\0\0\x01\x01\0\0\0\0\0\
              \x01\x04\0\x01\0\x08\0\0\x01\x02Abc\x01\0D\
              \x01\x04\0\x01\0\0\0\0\x01\x05\0\x01\0\0\0\0"
        );
    }
}
