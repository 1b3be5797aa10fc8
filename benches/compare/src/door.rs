//! What is said to a server: the request's bytes, one kind per protocol.

/// The protocol that a request is written in. Each further door adds its request here, and with
/// keep-alive the question where a reply ends: on this one, at the end of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// modifier1 0, a connection per request.
    Uwsgi,
}

impl Door {
    /// A stock GET of `target` (`/path?query`), as nginx sends it through this door.
    pub fn get(self, target: &str) -> Vec<u8> {
        match self {
            Door::Uwsgi => uwsgi_packet(&stock_get(target)),
        }
    }
}

/// nginx's own uwsgi_params in their order, then the headers of a browser: 20 variables.
fn stock_get(target: &str) -> [(&'static str, &str); 20] {
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
/// Written here anew, not taken from the server under test: an encoder cannot check itself.
fn uwsgi_packet(vars: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| {
        u16::try_from(text.len()).expect("a variable of the bench is shorter than 64 KiB").to_le_bytes()
    };
    let mut block = Vec::new();
    for (key, value) in vars {
        block.extend_from_slice(&length(key));
        block.extend_from_slice(key.as_bytes());
        block.extend_from_slice(&length(value));
        block.extend_from_slice(value.as_bytes());
    }
    let datasize = u16::try_from(block.len()).expect("the bench's variables fit one packet");
    let [low, high] = datasize.to_le_bytes();
    [&[0, low, high, 0], block.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_is_header_then_length_prefixed_vars() {
        assert_eq!(
            uwsgi_packet(&[("A", "bc"), ("D", "")]),
            b"\x00\x0c\x00\x00\x01\x00A\x02\x00bc\x01\x00D\x00\x00"
        );
    }

    #[test]
    fn datasize_counts_the_vars_alone() {
        let packet = Door::Uwsgi.get("/hello");
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
}
