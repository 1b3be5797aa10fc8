//! A peer of the worker: a socket, and what of the answer has come.

use std::io::{self, ErrorKind, Read, Write};

use socket2::Socket;

use crate::support::client::{Remote, read_all};
use crate::wire::fastcgi::{self, Answer, REQUEST_COMPLETE, Record};

/// A connection.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    /// What has come and was not looked at.
    come: Vec<u8>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(remote: &Remote) -> Client {
        Client { socket: remote.connect(), come: Vec::new() }
    }

    /// Connects with room for a few KiB only, so that a peer that does not read is felt soon.
    #[track_caller]
    pub(crate) fn connect_small(remote: &Remote) -> Client {
        Client { socket: remote.connect_small(), come: Vec::new() }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads what has come; no bytes are the end.
    fn read(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 << 10];
        let read = self.socket.read(&mut piece)?;
        self.come.extend_from_slice(&piece[..read]);
        Ok(read)
    }

    /// Waits until something has come.
    #[track_caller]
    pub(crate) fn await_bytes(&mut self) {
        assert!(matches!(self.read(), Ok(1..)));
    }

    /// The next record.
    #[track_caller]
    pub(crate) fn record(&mut self) -> Record {
        loop {
            let mut bytes = self.come.as_slice();
            if let Some(record) = Record::take(&mut bytes) {
                let used = self.come.len() - bytes.len();
                self.come.drain(..used);
                return record;
            }
            let read = self.read();
            assert!(
                matches!(read, Ok(1..)),
                "{read:?} in place of a record, after {:?}",
                self.come.escape_ascii().to_string()
            );
        }
    }

    /// The answer to request `id`, to its END_REQUEST, which must be the usual one.
    #[track_caller]
    pub(crate) fn answer(&mut self, id: u16) -> Answer {
        let mut answer = Answer::default();
        loop {
            let record = self.record();
            if record.is_end() {
                assert_eq!(record, fastcgi::end(id, REQUEST_COMPLETE));
                assert!(answer.ended, "STDOUT was not ended");
                return answer;
            }
            answer.push(id, &record);
        }
    }

    /// All that comes until the peer closes, and the error in its place if the peer broke off.
    #[track_caller]
    pub(crate) fn rest(mut self) -> (Vec<u8>, Option<ErrorKind>) {
        let (rest, broken) = read_all(&self.socket);
        self.come.extend(rest);
        (self.come, broken)
    }

    /// That the peer closes, and sends nothing more.
    #[track_caller]
    pub(crate) fn assert_closed(self) {
        assert_eq!(self.rest(), (Vec::new(), None));
    }

    /// A second handle, to send from another thread.
    pub(crate) fn sender(&self) -> Socket {
        self.socket.try_clone().unwrap()
    }
}
