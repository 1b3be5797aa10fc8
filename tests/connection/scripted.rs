//! A stream whose reads and writes go as a script says.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use tidegate::connection::{Arrived, Stream};

/// The stream of a connection. The test keeps the other handle on its [`Wire`].
pub(crate) struct Scripted {
    wire: Rc<RefCell<Wire>>,
}

/// What the peer does, and what it saw.
#[derive(Default)]
pub(crate) struct Wire {
    /// What reads bring, one a read; then they would block.
    pub(crate) reads: VecDeque<Incoming>,
    /// What writes meet, one a write; then [`Wire::windows_then`], again and again.
    pub(crate) windows: VecDeque<Window>,
    pub(crate) windows_then: Vec<Window>,
    pub(crate) shutdown_fails: bool,
    /// It is a unix socket's: closed while something is unread, it tells the peer of a failure.
    pub(crate) tells_unread: bool,
    /// What was looked at and is still there, bytes.
    pub(crate) left: usize,
    /// The bytes that were taken from the server.
    pub(crate) written: Vec<u8>,
    /// The last read told that there is no more.
    pub(crate) is_drained: bool,
    /// Every call since the test last emptied this.
    pub(crate) calls: Vec<Call>,
    pub(crate) was_reset: bool,
    pub(crate) was_shut_down: bool,
}

/// What a read meets.
#[derive(Clone)]
pub(crate) enum Incoming {
    Bytes(Vec<u8>),
    /// These are in the stream itself once the read before has come, as TLS holds a record: no event tells of them.
    Held(Vec<u8>),
    /// As many bytes as are asked for, at every read from here on.
    Endless,
    Eof,
    Fails(ErrorKind),
}

/// What a write meets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Window {
    /// It takes as many bytes, or all if they are fewer.
    Takes(usize),
    Fails(ErrorKind),
}

/// It would block.
pub(crate) const WAIT: Incoming = Incoming::Fails(ErrorKind::WouldBlock);
/// It would block.
pub(crate) const SHUT: Window = Window::Fails(ErrorKind::WouldBlock);
/// It takes whatever is offered.
pub(crate) const OPEN: Window = Window::Takes(usize::MAX);

/// A call of the connection, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read(Result<usize, ErrorKind>),
    Peek(Result<usize, ErrorKind>),
    Write(Result<usize, ErrorKind>),
    WriteVectored(Result<usize, ErrorKind>),
    SendFile(Result<usize, ErrorKind>),
    ShutdownWrite,
    ResetOnClose,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Incoming::Bytes(bytes) | Incoming::Held(bytes) => write!(f, "{} bytes", bytes.len()),
            Incoming::Endless => write!(f, "bytes for ever"),
            Incoming::Eof => write!(f, "Eof"),
            Incoming::Fails(kind) => write!(f, "{kind:?}"),
        }
    }
}

impl Call {
    /// Whether it would block, so that an event is promised.
    pub(crate) fn waits(&self) -> bool {
        match self {
            Call::Read(got)
            | Call::Peek(got)
            | Call::Write(got)
            | Call::WriteVectored(got)
            | Call::SendFile(got) => *got == Err(ErrorKind::WouldBlock),
            Call::ShutdownWrite | Call::ResetOnClose => false,
        }
    }
}

impl Scripted {
    /// A stream and the test's handle on it. Reads would block, and writes take everything.
    pub(crate) fn pair() -> (Scripted, Rc<RefCell<Wire>>) {
        let wire = Rc::new(RefCell::new(Wire { windows_then: vec![OPEN], ..Wire::default() }));
        (Scripted { wire: Rc::clone(&wire) }, wire)
    }

    /// Takes from `offered` what the next window lets through.
    fn offer(&self, offered: &[u8], call: fn(Result<usize, ErrorKind>) -> Call) -> io::Result<usize> {
        let mut wire = self.open();
        assert!(!offered.is_empty(), "a write of nothing");
        let taken = match wire.next_window() {
            Window::Takes(count) => Ok(count.min(offered.len())),
            Window::Fails(kind) => Err(kind),
        };
        wire.written.extend_from_slice(&offered[..taken.unwrap_or(0)]);
        wire.calls.push(call(taken));
        Ok(taken?)
    }

    fn open(&self) -> RefMut<'_, Wire> {
        let wire = self.wire.borrow_mut();
        assert!(!wire.was_reset, "a call on a stream that was given up");
        wire
    }
}

impl Wire {
    /// The calls since this was last asked.
    pub(crate) fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    fn next_window(&mut self) -> Window {
        if self.windows.is_empty() {
            self.windows.extend(&self.windows_then);
        }
        self.windows.pop_front().expect("windows_then holds at least one")
    }

    fn next_read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.reads.pop_front() {
            None => Err(ErrorKind::WouldBlock),
            Some(Incoming::Fails(kind)) => Err(kind),
            Some(Incoming::Eof) => {
                self.reads.push_front(Incoming::Eof);
                Ok(0)
            }
            Some(Incoming::Endless) => {
                self.reads.push_front(Incoming::Endless);
                buffer.fill(b'x');
                Ok(buffer.len())
            }
            Some(Incoming::Bytes(mut bytes) | Incoming::Held(mut bytes)) => {
                assert!(!bytes.is_empty(), "a script has Eof for a read of nothing");
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                if count < bytes.len() {
                    self.reads.push_front(Incoming::Bytes(bytes.split_off(count)));
                }
                Ok(count)
            }
        }
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.offer(bytes, Call::Write)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        self.offer(&parts.concat(), Call::WriteVectored)
    }

    fn flush(&mut self) -> io::Result<()> {
        panic!("a socket has nothing to flush")
    }
}

impl Stream for Scripted {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Arrived> {
        let mut wire = self.open();
        assert!(!buffer.is_empty(), "a read into nothing");
        let read = wire.next_read(buffer);
        wire.calls.push(Call::Read(read));
        let bytes = read?;
        wire.left = wire.left.saturating_sub(bytes);
        let may_be_more = bytes == buffer.len() || matches!(wire.reads.front(), Some(Incoming::Held(_)));
        wire.is_drained |= !may_be_more;
        Ok(Arrived { bytes, may_be_more })
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<Arrived> {
        let mut wire = self.open();
        assert!(wire.tells_unread, "a look at a stream that has none");
        assert_eq!(wire.left, 0, "the same bytes would be seen twice");
        let peeked = wire.next_read(buffer);
        wire.calls.push(Call::Peek(peeked));
        let bytes = peeked?;
        if bytes > 0 {
            wire.reads.push_front(Incoming::Bytes(buffer[..bytes].to_vec()));
        }
        wire.left = bytes;
        wire.is_drained = bytes < buffer.len();
        Ok(Arrived { bytes, may_be_more: !wire.is_drained })
    }

    fn tells_unread(&self) -> bool {
        self.open().tells_unread
    }

    fn send_file(&mut self, file: &File, offset: u64, len: u64) -> io::Result<usize> {
        let mut piece = vec![0; usize::try_from(len).unwrap()];
        let read = file.read_at(&mut piece, offset)?;
        if read == 0 {
            self.open().calls.push(Call::SendFile(Ok(0)));
            return Ok(0);
        }
        self.offer(&piece[..read], Call::SendFile)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        let mut wire = self.open();
        wire.calls.push(Call::ShutdownWrite);
        wire.was_shut_down = true;
        if wire.shutdown_fails { Err(ErrorKind::NotConnected.into()) } else { Ok(()) }
    }

    fn reset_on_close(&mut self) {
        let mut wire = self.open();
        wire.calls.push(Call::ResetOnClose);
        wire.was_reset = true;
    }
}
