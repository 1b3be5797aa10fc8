//! Clients: sockets of every kind behind one type, uwsgi packets, and HTTP responses read to their end.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use crate::wire::uwsgi::Packet;
use socket2::{SockAddr, Socket, Type};
use tidegate::Address;

use super::PATIENCE;

/// Where a server can be reached.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// In the words of [`tidegate::Address`], which are those of uwsgi_pass too.
    pub(crate) name: String,
    pub(crate) address: SockAddr,
}

impl Remote {
    /// A listener's address, as the listener tells it.
    #[track_caller]
    pub(crate) fn at(name: &str) -> Remote {
        let address = match name.parse().unwrap() {
            Address::Tcp { .. } => name.parse::<SocketAddr>().unwrap().into(),
            Address::Unix(path) => SockAddr::unix(path).unwrap(),
            Address::Abstract(name) => {
                SockAddr::unix(OsStr::from_bytes(&[b"\0", &name[..]].concat())).unwrap()
            }
            Address::Inherited(_) => panic!("{name} is nowhere to connect to"),
        };
        Remote { name: name.to_owned(), address }
    }

    pub(crate) fn is_tcp(&self) -> bool {
        !self.address.is_unix()
    }

    /// The URL of a path at this address, which is one of TCP.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.name)
    }

    /// A socket that waits no longer than [`PATIENCE`] for anything.
    pub(crate) fn try_connect(&self) -> io::Result<Socket> {
        let socket = self.socket();
        socket.connect(&self.address)?;
        Ok(socket)
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Socket {
        self.try_connect().unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Connects with room for a few KiB only, so that a peer that does not read is felt soon.
    #[track_caller]
    pub(crate) fn connect_small(&self) -> Socket {
        let socket = self.socket();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        socket.connect(&self.address).unwrap();
        socket
    }

    /// A socket that is not connected yet.
    pub(crate) fn socket(&self) -> Socket {
        let socket = Socket::new(self.address.domain(), Type::STREAM, None).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        if self.is_tcp() {
            socket.set_tcp_nodelay(true).unwrap();
        }
        socket
    }

    /// Connects and sends `bytes`.
    #[track_caller]
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> Socket {
        let mut socket = self.connect();
        socket.write_all(bytes.as_ref()).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        socket
    }

    /// Sends `bytes` and reads the response to its end.
    #[track_caller]
    pub(crate) fn ask(&self, bytes: impl AsRef<[u8]>) -> Response {
        Response::read(&self.send(bytes))
    }
}

/// A packet of the variables that nginx sends with each request, where another one may be added.
pub(crate) fn packet(method: &str, path: &str) -> Packet {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Packet::new()
        .var("REQUEST_METHOD", method)
        .var("REQUEST_URI", path)
        .var("PATH_INFO", path)
        .var("QUERY_STRING", query)
        .var("SERVER_PROTOCOL", "HTTP/1.1")
        .var("SERVER_NAME", "www.example.com")
        .var("SERVER_PORT", "80")
        .var("HTTP_HOST", "www.example.com")
}

/// The bytes of a GET.
pub(crate) fn get(path: &str) -> Vec<u8> {
    packet("GET", path).header_and_vars().unwrap()
}

/// The bytes of a POST up to its body of `len` bytes.
pub(crate) fn post_head(path: &str, len: usize) -> Vec<u8> {
    packet("POST", path).var("CONTENT_LENGTH", len.to_string()).header_and_vars().unwrap()
}

/// The bytes of a POST.
pub(crate) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    [post_head(path, body.len()).as_slice(), body].concat()
}

/// All that comes until the peer closes, and the error in its place if the peer broke off.
#[track_caller]
pub(crate) fn read_all(mut stream: impl Read) -> (Vec<u8>, Option<ErrorKind>) {
    let (mut all, mut piece, deadline) = (Vec::new(), vec![0; 64 << 10], Instant::now() + PATIENCE);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return (all, None),
            Ok(read) => all.extend_from_slice(&piece[..read]),
            // A signal ends even the wait on a socket with a timeout whose handler would have others begun anew (signal(7)).
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("nothing came for {} s, after {:?}", PATIENCE.as_secs(), abridged(&all))
            }
            Err(error) => return (all, Some(error.kind())),
        }
        let enough = Instant::now() > deadline || all.len() > RESPONSE_BYTES_MAX;
        assert!(!enough, "it comes to no end, after {:?}", abridged(&all));
    }
}

/// More than any response has that ends.
const RESPONSE_BYTES_MAX: usize = 256 << 20;

/// Reads until `text` has come; returns all that has.
#[track_caller]
pub(crate) fn read_until(mut stream: impl Read, text: &str) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 4 << 10]);
    while !all.windows(text.len()).any(|window| window == text.as_bytes()) {
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => all.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            end => panic!("{end:?} instead of {text:?}, after {:?}", abridged(&all)),
        }
    }
    all
}

/// That the peer closes or breaks off without one byte.
#[track_caller]
pub(crate) fn assert_no_answer(stream: impl Read) {
    let (bytes, _) = read_all(stream);
    assert!(bytes.is_empty(), "{:?}", abridged(&bytes));
}

/// Says that nothing more will be sent.
pub(crate) fn end_sending(socket: &Socket) {
    socket.shutdown(Shutdown::Write).unwrap();
}

/// An HTTP response that was read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names and values, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// Without the framing of a chunked one.
    pub(crate) body: Vec<u8>,
    /// Whether all of it came, as far as the response itself tells.
    pub(crate) complete: bool,
    /// Why reading ended, if not with a close.
    pub(crate) broken: Option<ErrorKind>,
}

impl Response {
    #[track_caller]
    pub(crate) fn read(stream: impl Read) -> Response {
        let (bytes, broken) = read_all(stream);
        Response::of(&bytes, broken)
    }

    #[track_caller]
    pub(crate) fn of(bytes: &[u8], broken: Option<ErrorKind>) -> Response {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no response, but {broken:?} after {:?}", abridged(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let (status, headers) = parse_head(&head);
        let body = bytes[end + 4..].to_vec();
        let mut response = Response { status, headers, body, complete: broken.is_none(), broken };
        if response.header("Transfer-Encoding") == Some("chunked") {
            let (body, ended) = unchunk(&response.body);
            response.complete &= ended;
            response.body = body;
        } else if let Some(length) = response.header("Content-Length") {
            response.complete &= length == response.body.len().to_string();
        }
        response
    }

    /// The value of the header `name`, of the first one if there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all headers of that name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        (self.headers.iter())
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// That it is a whole 200 with this body.
    #[track_caller]
    pub(crate) fn assert_body(&self, body: impl AsRef<[u8]>) {
        assert_eq!((self.status, self.broken, self.complete), (200, None, true), "{}", abridged(&self.body));
        super::assert_same(&self.body, body.as_ref());
    }

    /// That it is a whole response of this status, which the server made.
    #[track_caller]
    pub(crate) fn assert_status(&self, status: u16) {
        assert_eq!(
            (self.status, self.broken, self.complete),
            (status, None, true),
            "{}",
            abridged(&self.body)
        );
    }
}

/// The status, and names and values in order.
#[track_caller]
pub(crate) fn parse_head(head: &str) -> (u16, Vec<(String, String)>) {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|line| line.get(..3));
    let status = status.and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("bad head: {head}"));
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("bad field {line:?}"));
        (name.to_owned(), value.to_owned())
    };
    (status, lines.map(field).collect())
}

/// The bytes of a chunked body, and whether its end is there.
fn unchunk(mut framed: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = framed.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&framed[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("bad chunk size {size:?}"));
        if size == 0 {
            return (body, &framed[end..] == b"\r\n\r\n");
        }
        let data = &framed[end + 2..];
        body.extend_from_slice(&data[..size.min(data.len())]);
        framed = data.get(size + 2..).unwrap_or_default();
    }
    (body, false)
}

/// Bytes for a failure's message: as text, and not all of 10 MiB.
fn abridged(bytes: &[u8]) -> String {
    let more = if bytes.len() > 500 { format!(" … ({} bytes)", bytes.len()) } else { String::new() };
    format!("{}{more}", bytes[..bytes.len().min(500)].escape_ascii())
}
