//! start_response and what it gives: the application's side, and the server's.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Data;
use super::spool::Spool;
use crate::application::environ::Environ;
use crate::application::hang_up::HangUpProbe;
use crate::application::response_head::{HeadError, ResponseHead};
use crate::ascii::Ascii;
use crate::limits::Limits;

/// Starts the response: PEP 3333's start_response.
///
/// It is owned, so it may be called in [`Application::call`](super::Application::call) or be kept by the body and called in its first
/// step, as a generator does. Nothing is sent by the call: the head leaves with the first chunk that is not
/// empty, or at the end.
#[derive(Clone)]
pub struct StartResponse {
    shared: Arc<Shared>,
}

impl StartResponse {
    /// Gives the status (`"200 OK"`) and the header fields. A second call is an error.
    pub fn start<N, V>(
        &self,
        status: impl AsRef<[u8]>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), StartError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        self.give(status, headers, |head| match head {
            HeadSlot::Empty => Ok(()),
            HeadSlot::Started(_) | HeadSlot::Committed(_) => Err(StartError::Twice),
            HeadSlot::Sent => Err(StartError::Sent),
        })
    }

    /// Gives status and header fields in place of what was given before: start_response with exc_info. Once the
    /// head has been sent, or something was written behind it, it is an error.
    pub fn replace<N, V>(
        &self,
        status: impl AsRef<[u8]>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), StartError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        self.give(status, headers, |head| match head {
            HeadSlot::Empty | HeadSlot::Started(_) => Ok(()),
            HeadSlot::Committed(_) | HeadSlot::Sent => Err(StartError::Sent),
        })
    }

    /// PEP 3333's write(): bytes of the body that go before what the body itself yields next. The head is fixed from
    /// here on. Nothing is waited for: up to [`Limits::written_memory_bytes_max`] are kept in memory until the peer
    /// takes them, the rest in a temporary file, whose errors are the caller's. After the response's end it is an
    /// error.
    pub fn write(&self, chunk: impl Into<Bytes>) -> io::Result<()> {
        let slot = &mut *self.shared.lock();
        slot.head = match std::mem::replace(&mut slot.head, HeadSlot::Sent) {
            HeadSlot::Empty => {
                slot.head = HeadSlot::Empty;
                return Err(io::Error::other("write() before start_response"));
            }
            HeadSlot::Started(head) => HeadSlot::Committed(head),
            head => head,
        };
        if slot.is_over {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "write() after the response's end"));
        }
        let chunk = chunk.into();
        if chunk.is_empty() {
            return Ok(());
        }
        slot.written.get_or_insert_default().push(chunk, slot.written_memory_bytes_max)
    }

    /// Sets a variable of the request for the access log, whose pattern has it as `{log:NAME}`. One that is set again is
    /// replaced. Of more than 64, and of a name or a value of more than 1,024 bytes, nothing is kept.
    #[doc(hidden)]
    pub fn set_note(&self, name: &str, value: &[u8]) {
        let slot = &mut *self.shared.lock();
        let place = slot.notes.iter().position(|(known, _)| known == name);
        if name.len() > NOTE_BYTES_MAX || value.len() > NOTE_BYTES_MAX {
            return;
        }
        match place {
            Some(at) => slot.notes[at].1 = value.to_vec(),
            None if slot.notes.len() < NOTES_COUNT_MAX => slot.notes.push((name.to_owned(), value.to_vec())),
            None => {}
        }
    }

    /// What was set for the access log under this name.
    #[doc(hidden)]
    pub fn note(&self, name: &str) -> Option<Vec<u8>> {
        self.shared.note(name)
    }

    /// Whether the client has gone, or the response is over. A step that takes long may ask, to leave early.
    pub fn is_disconnected(&self) -> bool {
        let slot = self.shared.lock();
        slot.is_over || slot.hang_up.is_some_and(HangUpProbe::peer_has_gone)
    }

    fn give<N, V>(
        &self,
        status: impl AsRef<[u8]>,
        headers: impl IntoIterator<Item = (N, V)>,
        check: fn(&HeadSlot) -> Result<(), StartError>,
    ) -> Result<(), StartError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        // An iterator of headers may be the application's own code, so the lock is not held while it runs.
        let head_bytes_max = {
            let slot = self.shared.lock();
            check(&slot.head)?;
            slot.head_bytes_max
        };
        let head = ResponseHead::new(status, headers, head_bytes_max).map_err(StartError::Head)?;
        self.shared.lock().head = HeadSlot::Started(head);
        Ok(())
    }
}

/// The server's side of [`StartResponse`]: where the head that was given is found. Clones know the same response.
#[derive(Clone)]
pub(crate) struct Started {
    shared: Arc<Shared>,
}

impl Started {
    /// Both sides of the response to the request of `environ`; `hang_up` tells whether its client has gone.
    pub(crate) fn pair(
        environ: &Environ,
        limits: &Limits,
        hang_up: Option<HangUpProbe>,
    ) -> (StartResponse, Started) {
        let shared = Arc::new(Shared {
            request_line: [environ.method(), b" ", environ.uri()].concat(),
            is_head: environ.method() == b"HEAD",
            slot: Mutex::new(Slot {
                head: HeadSlot::Empty,
                written: None,
                hang_up,
                is_over: false,
                notes: Vec::new(),
                head_bytes_max: limits.response_head_bytes_max,
                written_memory_bytes_max: limits.written_memory_bytes_max,
            }),
        });
        (StartResponse { shared: Arc::clone(&shared) }, Started { shared })
    }

    /// What the application has set for the access log under this name.
    #[cfg_attr(not(feature = "command"), allow(dead_code, reason = "only the access log asks"))]
    pub(crate) fn note(&self, name: &str) -> Option<Vec<u8>> {
        self.shared.note(name)
    }

    /// The request's method and target, for log lines.
    pub(crate) fn request_line(&self) -> &[u8] {
        &self.shared.request_line
    }

    /// Whether the method is HEAD: the head is sent, and no body.
    pub(crate) fn is_head(&self) -> bool {
        self.shared.is_head
    }

    /// Takes the head to send it: no other can be given from here on. `None` if none was given.
    pub(crate) fn send(&self) -> Option<ResponseHead> {
        match std::mem::replace(&mut self.shared.lock().head, HeadSlot::Sent) {
            HeadSlot::Started(head) | HeadSlot::Committed(head) => Some(head),
            HeadSlot::Empty | HeadSlot::Sent => None,
        }
    }

    /// Takes the first of what was written.
    pub(crate) fn take_written(&self) -> Option<Data> {
        self.shared.lock().written.as_mut()?.take()
    }

    /// Lets go of the client and of what was written: the response is over, or is given up.
    pub(crate) fn end(&self) {
        let slot = &mut *self.shared.lock();
        slot.is_over = true;
        slot.hang_up = None;
        slot.written = None;
    }
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Started").field(&Ascii(self.request_line())).finish()
    }
}

/// Why start_response was refused; `?` hands it on as an [`AppError`](super::AppError).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The status or a header field is wrong.
    Head(HeadError),
    /// The response was started before, and this call does not replace.
    Twice,
    /// The head is on its way to the client and cannot be replaced.
    Sent,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Head(error) => error.fmt(f),
            StartError::Twice => {
                write!(f, "start_response was called a second time; only an error may replace a head")
            }
            StartError::Sent => write!(f, "the head is already sent and cannot be replaced"),
        }
    }
}

impl std::error::Error for StartError {}

/// What both sides have of one response.
struct Shared {
    request_line: Vec<u8>,
    is_head: bool,
    slot: Mutex<Slot>,
}

impl Shared {
    /// A panic of the application leaves nothing half-done in the slot.
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, name: &str) -> Option<Vec<u8>> {
        self.lock().notes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

struct Slot {
    head: HeadSlot,
    /// Most applications write nothing.
    written: Option<Box<Spool>>,
    /// Whether the client has gone can be asked while its stream is open.
    hang_up: Option<HangUpProbe>,
    /// Nothing more will be sent.
    is_over: bool,
    head_bytes_max: usize,
    written_memory_bytes_max: usize,
    /// What the application has set for the access log: names and values.
    notes: Vec<(String, Vec<u8>)>,
}

/// How many notes are kept of a request, a count, and how long a name or a value may be, bytes.
const NOTES_COUNT_MAX: usize = 64;
const NOTE_BYTES_MAX: usize = 1024;

enum HeadSlot {
    Empty,
    Started(ResponseHead),
    /// Something was written behind it: it is as good as sent.
    Committed(ResponseHead),
    Sent,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::input::Input;
    use crate::application::variables::Variables;

    const NONE: [(&str, &str); 0] = [];

    fn pair() -> (StartResponse, Started) {
        let environ = Environ::new(Variables::new(), Input::default());
        Started::pair(&environ, &Limits::default(), None)
    }

    #[test]
    fn a_second_start_is_an_error_unless_it_replaces() {
        let (start_response, started) = pair();
        start_response.start("200 OK", [("X", "1")]).unwrap();
        assert_eq!(start_response.start("200 OK", NONE), Err(StartError::Twice));
        start_response.replace("500 Oops", NONE).unwrap();
        assert!(!start_response.is_disconnected());
        let head = started.send().unwrap();
        assert_eq!((head.status(), head.fields()), (b"500 Oops".as_slice(), b"".as_slice()));
        assert_eq!(start_response.replace("500 Oops", NONE), Err(StartError::Sent));
        assert_eq!(start_response.start("200 OK", NONE), Err(StartError::Sent));
        started.end();
        assert!(start_response.is_disconnected());
    }

    #[test]
    fn what_is_written_fixes_the_head() {
        let (start_response, started) = pair();
        assert!(start_response.write("too early").is_err());
        start_response.start("200 OK", NONE).unwrap();
        start_response.write("").unwrap();
        assert_eq!(start_response.replace("500 Oops", NONE), Err(StartError::Sent));
        assert_eq!(start_response.start("500 Oops", NONE), Err(StartError::Twice));
        start_response.write("one").unwrap();
        assert_eq!(started.send().unwrap().status(), b"200 OK");
        assert!(matches!(started.take_written(), Some(Data::Chunk(chunk)) if chunk == "one"));
        assert!(started.take_written().is_none());
    }

    #[test]
    fn notes_are_kept_within_bounds() {
        let (start_response, started) = pair();
        for (name, value) in [("user", "1"), ("user", "2"), ("long", &"x".repeat(NOTE_BYTES_MAX + 1))] {
            start_response.set_note(name, value.as_bytes());
        }
        (0..NOTES_COUNT_MAX).for_each(|n| start_response.set_note(&n.to_string(), b"n"));
        started.end();
        assert_eq!(started.note("user").as_deref(), Some(b"2".as_slice()));
        assert_eq!(start_response.note("62").as_deref(), Some(b"n".as_slice()));
        assert_eq!((started.note("63"), started.note("long")), (None, None));
    }

    #[test]
    fn a_refused_head_leaves_the_response_unstarted() {
        let (start_response, started) = pair();
        assert!(start_response.start("200 OK", [("X", "a\r\nb")]).is_err());
        assert!(started.send().is_none());
    }
}
