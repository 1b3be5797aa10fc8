//! Responses as a client reads them: one after the other from a connection, strictly.

use std::io::Read;

use socket2::Socket;

use crate::support::client::{Response, parse_head};

/// The bytes of a connection, cut into responses.
pub(crate) struct Replies {
    socket: Socket,
    buffer: Vec<u8>,
    /// What of the buffer has been cut off.
    taken: usize,
}

impl Replies {
    pub(crate) fn of(socket: Socket) -> Replies {
        Replies { socket, buffer: Vec::new(), taken: 0 }
    }

    pub(crate) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// The next response, to a request of any method but HEAD.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Response {
        self.next_to("GET")
    }

    /// The next response, to a request of `method`. It must be framed: by Content-Length, or as chunks.
    #[track_caller]
    pub(crate) fn next_to(&mut self, method: &str) -> Response {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let mut reply = self.head();
        if method == "HEAD" || matches!(reply.status, 100..=199 | 204 | 304) {
            return reply;
        }
        reply.body = match (reply.header("content-length"), reply.header("transfer-encoding")) {
            (Some(length), None) => self.take(length.parse().unwrap()),
            (None, Some("chunked")) => self.chunks(),
            framing => panic!("no single framing: {framing:?}"),
        };
        reply
    }

    /// Everything behind the responses that were taken, until the peer closes.
    #[track_caller]
    pub(crate) fn rest(mut self) -> Vec<u8> {
        self.socket.read_to_end(&mut self.buffer).unwrap();
        self.buffer.split_off(self.taken)
    }

    #[track_caller]
    fn head(&mut self) -> Response {
        let mut head = self.line();
        loop {
            let line = self.line();
            if line.is_empty() {
                let (status, headers) = parse_head(&head);
                return Response { status, headers, body: Vec::new(), complete: true, broken: None };
            }
            head += "\r\n";
            head += &line;
        }
    }

    #[track_caller]
    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.line();
            let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("bad size {size:?}"));
            body.extend(self.take(size));
            assert_eq!(self.take(2), b"\r\n");
            if size == 0 {
                return body;
            }
        }
    }

    /// The next line, without its end.
    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(self.take(1));
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).unwrap()
    }

    #[track_caller]
    fn take(&mut self, count: usize) -> Vec<u8> {
        let mut piece = vec![0; 64 << 10];
        while self.buffer.len() - self.taken < count {
            let read = self.socket.read(&mut piece).unwrap();
            assert!(read > 0, "closed after {}", self.buffer.escape_ascii());
            self.buffer.extend_from_slice(&piece[..read]);
        }
        self.taken += count;
        self.buffer[self.taken - count..self.taken].to_vec()
    }
}
