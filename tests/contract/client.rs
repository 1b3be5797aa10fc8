//! A client of any protocol, out of which an HTTP response is read.

use std::io::{self, ErrorKind, Read, Write};

use crate::wire::fastcgi::{Record, record_type};
use socket2::Socket;
use tidegate::ProtocolName;

use crate::ways::Way;

/// A connection. What is read from it is a response as HTTP has it, of whatever protocol it came.
pub(crate) struct Client {
    socket: Socket,
    /// What FastCGI puts around it.
    records: Option<Records>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(way: &Way) -> Client {
        Client::on(way.remote.connect(), way)
    }

    /// The same, with room for a few KiB only.
    #[track_caller]
    pub(crate) fn connect_small(way: &Way) -> Client {
        Client::on(way.remote.connect_small(), way)
    }

    fn on(socket: Socket, way: &Way) -> Client {
        let records = (way.client_protocol() == ProtocolName::Fastcgi).then(Records::default);
        Client { socket, records }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    /// A second handle, to send from another thread.
    pub(crate) fn sender(&self) -> Socket {
        self.socket.try_clone().unwrap()
    }
}

impl Read for Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.records {
            None => self.socket.read(buffer),
            Some(records) => records.read(&mut self.socket, buffer),
        }
    }
}

/// The response in FastCGI's records.
#[derive(Default)]
struct Records {
    /// What has come and is no whole record yet.
    come: Vec<u8>,
    /// What is to be read of STDOUT.
    stdout: Vec<u8>,
    /// Within a request's answer: something of it has come, and END_REQUEST has not.
    within: bool,
    /// Whether the last answer that began was ended.
    ended: bool,
}

impl Records {
    /// Reads of STDOUT. A connection that ends before END_REQUEST is an error.
    fn read(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = [0; 64 << 10];
        while self.stdout.is_empty() {
            if self.take_record() {
                continue;
            }
            match socket.read(&mut piece)? {
                0 if self.ended && self.come.is_empty() => return Ok(0),
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                read => self.come.extend_from_slice(&piece[..read]),
            }
        }
        let read = buffer.len().min(self.stdout.len());
        buffer[..read].copy_from_slice(&self.stdout[..read]);
        self.stdout.drain(..read);
        Ok(read)
    }

    /// Takes a whole record off what has come; returns whether there was one.
    fn take_record(&mut self) -> bool {
        let mut rest = self.come.as_slice();
        let Some(record) = Record::take(&mut rest) else { return false };
        let taken = self.come.len() - rest.len();
        self.come.drain(..taken);
        assert_eq!(record.id, 1, "{record:?}");
        let content = record.content.as_slice();
        match record.record_type {
            record_type::STDOUT if content.is_empty() => assert!(self.within, "an end of nothing"),
            record_type::STDOUT if self.within => self.stdout.extend_from_slice(content),
            record_type::STDOUT => {
                let behind = content.strip_prefix(b"Status: ").expect("CGI's status line");
                self.stdout.extend_from_slice(b"HTTP/1.1 ");
                self.stdout.extend_from_slice(behind);
                (self.within, self.ended) = (true, false);
            }
            record_type::STDERR => {}
            record_type::END_REQUEST => {
                assert_eq!(content, [0; 8], "REQUEST_COMPLETE, and the application's status 0");
                (self.within, self.ended) = (false, true);
            }
            other => panic!("a record of type {other} in an answer"),
        }
        true
    }
}
