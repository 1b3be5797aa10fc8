//! A peer of the worker: a socket, and what of the answer has come.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use socket2::{Socket, Type};

use crate::records::{Answer, Record};
use crate::server::{PATIENCE, Remote};

/// A connection that waits no longer than [`PATIENCE`] for anything.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    /// What has come and was not looked at.
    come: Vec<u8>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(remote: &Remote) -> Client {
        Client::over(remote, Socket::new(remote.address.domain(), Type::STREAM, None).unwrap())
    }

    /// Connects with room for a few KiB only, so that a peer that does not read is felt soon.
    #[track_caller]
    pub(crate) fn connect_small(remote: &Remote) -> Client {
        let socket = Socket::new(remote.address.domain(), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        Client::over(remote, socket)
    }

    #[track_caller]
    fn over(remote: &Remote, socket: Socket) -> Client {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.connect(&remote.address).unwrap();
        if !remote.address.is_unix() {
            socket.set_tcp_nodelay(true).unwrap();
        }
        Client { socket, come: Vec::new() }
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
                assert_eq!(record, crate::records::end(id, crate::records::REQUEST_COMPLETE));
                assert!(answer.ended, "STDOUT was not ended");
                return answer;
            }
            answer.push(id, &record);
        }
    }

    /// All that comes until the peer closes, and the error in its place if the peer broke off.
    #[track_caller]
    pub(crate) fn rest(mut self) -> (Vec<u8>, Option<ErrorKind>) {
        loop {
            match self.read() {
                Ok(0) => return (self.come, None),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    panic!("nothing came for {} s, after {} bytes", PATIENCE.as_secs(), self.come.len())
                }
                Err(error) => return (self.come, Some(error.kind())),
            }
        }
    }

    /// That the peer closes, and sends nothing more.
    #[track_caller]
    pub(crate) fn assert_closed(self) {
        assert_eq!(self.rest(), (Vec::new(), None));
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end_sending(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// A second handle, to send from another thread.
    pub(crate) fn sender(&self) -> Socket {
        self.socket.try_clone().unwrap()
    }
}
