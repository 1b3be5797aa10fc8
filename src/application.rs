//! The contract with the application: PEP 3333's, in Rust.
//!
//! An application takes an [`Environ`] and a [`StartResponse`], and returns a [`Body`] or an [`AppError`].

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::{self, Seek};
use std::rc::Rc;

use bytes::Bytes;

use crate::environ::Environ;
use crate::response::{HeadError, ResponseHead};

/// What answers requests. Closures of this shape are applications.
///
/// ```
/// use tidegate::{AppError, Application, Body, Environ, StartResponse};
///
/// fn application(environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok(Body::from(format!("You asked for {}\n", String::from_utf8_lossy(environ.path()))))
/// }
/// # fn is_application(_: impl Application) {}
/// # is_application(application);
/// ```
pub trait Application {
    /// Answers one request. It is called once the whole body has arrived, and no other request runs meanwhile.
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError>;

    /// Runs `wait`, in which the worker sleeps until there is something to do. Whoever holds a lock while
    /// applications run, as Python's GIL, lets go of it meanwhile.
    fn while_waiting(&mut self, wait: &mut (dyn FnMut() + Send)) {
        wait();
    }
}

impl Application for Box<dyn Application> {
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        (**self).call(environ, start_response)
    }

    fn while_waiting(&mut self, wait: &mut (dyn FnMut() + Send)) {
        (**self).while_waiting(wait);
    }
}

impl<F> Application for F
where
    F: FnMut(Environ, StartResponse) -> Result<Body, AppError>,
{
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        self(environ, start_response)
    }
}

/// Starts the response: PEP 3333's start_response.
///
/// It is owned, so it may be called in [`Application::call`] or be kept by the body and called in its first
/// step, as a generator does. Nothing is sent by the call: the head leaves with the first chunk that is not
/// empty, or at the end.
pub struct StartResponse {
    slot: Rc<RefCell<Slot>>,
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
        if self.slot.borrow().is_started() {
            return Err(StartError::Twice);
        }
        self.replace(status, headers)
    }

    /// Gives status and header fields in place of what was given before: start_response with exc_info. Once the
    /// head has been sent it is an error, and the response can only be broken off.
    pub fn replace<N, V>(
        &self,
        status: impl AsRef<[u8]>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), StartError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        if matches!(self.slot.borrow().head, HeadSlot::Sent) {
            return Err(StartError::Sent);
        }
        let bytes_max = self.slot.borrow().bytes_max;
        let head = ResponseHead::new(status, headers, bytes_max).map_err(StartError::Head)?;
        self.slot.borrow_mut().head = HeadSlot::Started(head);
        Ok(())
    }
}

/// The server's side of [`StartResponse`]: where the head that was given is found.
pub struct Started {
    slot: Rc<RefCell<Slot>>,
}

impl Started {
    /// Both sides of one response whose head may take `bytes_max` bytes.
    pub fn pair(bytes_max: usize) -> (StartResponse, Started) {
        let slot = Rc::new(RefCell::new(Slot { head: HeadSlot::Empty, bytes_max }));
        (StartResponse { slot: Rc::clone(&slot) }, Started { slot })
    }

    /// Takes the head to send it: no other can be given from here on. `None` if none was given.
    pub fn send(&self) -> Option<ResponseHead> {
        let mut slot = self.slot.borrow_mut();
        match std::mem::replace(&mut slot.head, HeadSlot::Sent) {
            HeadSlot::Started(head) => Some(head),
            HeadSlot::Empty | HeadSlot::Sent => None,
        }
    }
}

/// Why start_response was refused; `?` hands it on as an [`AppError`].
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

/// The response's body: one chunk, an iterator of chunks, or a file. Dropping it is WSGI's close().
pub struct Body {
    pub(crate) content: Content,
}

impl Body {
    /// No bytes at all.
    pub fn empty() -> Self {
        Body::from(Bytes::new())
    }

    /// Chunks as the application makes them. The next is asked for when the last is wholly written; an empty
    /// one sends nothing. An `Err` breaks the response off, or is a 500 if nothing was sent.
    pub fn chunks<I>(chunks: I) -> Self
    where
        I: IntoIterator<Item = Result<Bytes, AppError>>,
        I::IntoIter: 'static,
    {
        Body { content: Content::Chunks(Box::new(chunks.into_iter())) }
    }

    /// The rest of `file`, from its current position. It is sent by sendfile(2).
    pub fn file(mut file: File) -> io::Result<Self> {
        let offset = file.stream_position()?;
        let len = file.metadata()?.len().saturating_sub(offset);
        Ok(Body::file_part(file, offset, len))
    }

    /// `len` bytes of `file` from `offset` on.
    pub fn file_part(file: File, offset: u64, len: u64) -> Self {
        Body { content: Content::File(FilePart { file, offset, len }) }
    }

    /// The length, bytes, where it is known before the first step.
    pub(crate) fn len(&self) -> Option<u64> {
        match &self.content {
            Content::Chunk(chunk) => Some(chunk.len() as u64),
            Content::Chunks(_) => None,
            Content::File(part) => Some(part.len),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(chunk: T) -> Self {
        Body { content: Content::Chunk(chunk.into()) }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("len", &self.len()).finish()
    }
}

/// What a body is made of.
pub(crate) enum Content {
    Chunk(Bytes),
    Chunks(Box<dyn Iterator<Item = Result<Bytes, AppError>>>),
    File(FilePart),
}

/// A piece of a file that is still to be sent.
#[derive(Debug)]
pub struct FilePart {
    /// The open file; its own position is neither used nor moved.
    pub file: File,
    /// Where the piece begins, bytes from the file's start.
    pub offset: u64,
    /// What is left of it, bytes.
    pub len: u64,
}

/// An application's failure: what the log shows. Any error becomes one by `?`.
pub struct AppError {
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl AppError {
    /// A failure that is told in words.
    pub fn new(message: impl Into<String>) -> Self {
        AppError { cause: message.into().into() }
    }
}

// AppError is no std Error itself: only so can any Error become one without a conflict of implementations.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for AppError {
    fn from(error: E) -> Self {
        AppError { cause: Box::new(error) }
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        let mut source = self.cause.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppError({self})")
    }
}

struct Slot {
    head: HeadSlot,
    bytes_max: usize,
}

impl Slot {
    fn is_started(&self) -> bool {
        matches!(self.head, HeadSlot::Started(_))
    }
}

enum HeadSlot {
    Empty,
    Started(ResponseHead),
    Sent,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [(&str, &str); 0] = [];

    #[test]
    fn a_second_start_is_an_error_unless_it_replaces() {
        let (start_response, started) = Started::pair(1_000);
        start_response.start("200 OK", [("X", "1")]).unwrap();
        assert_eq!(start_response.start("200 OK", NONE), Err(StartError::Twice));
        start_response.replace("500 Oops", NONE).unwrap();
        let head = started.send().unwrap();
        assert_eq!((head.status(), head.fields()), (b"500 Oops".as_slice(), b"".as_slice()));
        assert_eq!(start_response.replace("500 Oops", NONE), Err(StartError::Sent));
        assert_eq!(start_response.start("200 OK", NONE), Err(StartError::Sent));
    }

    #[test]
    fn a_refused_head_leaves_the_response_unstarted() {
        let (start_response, started) = Started::pair(1_000);
        assert!(start_response.start("200 OK", [("X", "a\r\nb")]).is_err());
        assert!(started.send().is_none());
    }

    #[test]
    fn an_error_shows_its_causes() {
        let error = AppError::from(io::Error::other("disk"));
        assert_eq!(error.to_string(), "disk");
        assert_eq!(AppError::new("words").to_string(), "words");
    }

    #[test]
    fn a_file_is_sent_from_its_position() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"0123456789").unwrap();
        file.seek(io::SeekFrom::Start(4)).unwrap();
        assert_eq!(Body::file(file).unwrap().len(), Some(6));
    }
}
