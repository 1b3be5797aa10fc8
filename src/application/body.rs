//! The response's body, as the application makes it.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek};

use bytes::Bytes;

use super::AppError;

/// The response's body: one chunk, an iterator of chunks, or a file. Dropping it is WSGI's close().
pub struct Body {
    pub(crate) content: Content,
    /// Whether a Content-Length that is less than all of it is meant so.
    pub(crate) ends_at_length: bool,
    closer: Closer,
}

impl Body {
    /// No bytes at all.
    pub fn empty() -> Self {
        Body::from(Bytes::new())
    }

    /// Chunks as the application makes them. The next is asked for when the last is wholly written; an empty
    /// one sends nothing. An `Err` breaks the response off, or is a 500 if nothing was sent.
    ///
    /// If the iterator's `size_hint` says that there is exactly one, its length is sent as Content-Length.
    pub fn chunks<I>(chunks: I) -> Self
    where
        I: IntoIterator<Item = Result<Bytes, AppError>>,
        I::IntoIter: 'static,
    {
        Body::of(Content::Chunks(Box::new(chunks.into_iter())))
    }

    /// The rest of `file`, from its current position. It is sent by sendfile(2).
    pub fn file(mut file: File) -> io::Result<Self> {
        let offset = file.stream_position()?;
        let len = file.metadata()?.len().saturating_sub(offset);
        Ok(Body::file_part(file, offset, len))
    }

    /// `len` bytes of `file` from `offset` on.
    pub fn file_part(file: File, offset: u64, len: u64) -> Self {
        Body::of(Content::File(FilePart { file, offset, len })).until_length()
    }

    /// The same body, of which as much is sent as the Content-Length says: wsgi.file_wrapper's way. A file's always is;
    /// of others, what is too much is a mistake that the log tells.
    pub fn until_length(mut self) -> Self {
        self.ends_at_length = true;
        self
    }

    /// The same body with a close() of its own, called once when the last byte was written or nobody wants more, when
    /// the content is dropped already.
    pub fn with_close(mut self, close: impl FnOnce() -> Result<(), AppError> + 'static) -> Self {
        self.closer = Closer(Some(Box::new(close)));
        self
    }

    /// Drops the content, and calls what [`Body::with_close`] was given.
    pub fn close(self) -> Result<(), AppError> {
        let Body { content, mut closer, .. } = self;
        drop(content);
        closer.0.take().map_or(Ok(()), |close| close())
    }

    fn of(content: Content) -> Self {
        Body { content, ends_at_length: false, closer: Closer(None) }
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
        Body::of(Content::Chunk(chunk.into()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("len", &self.len()).finish()
    }
}

/// What is called when a body is closed, even if it is only dropped.
struct Closer(Option<Box<dyn FnOnce() -> Result<(), AppError>>>);

impl Drop for Closer {
    fn drop(&mut self) {
        if let Some(close) = self.0.take() {
            // Whoever wants to know how it went calls Body::close().
            let _ = close();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_sent_from_its_position() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"0123456789").unwrap();
        file.seek(io::SeekFrom::Start(4)).unwrap();
        assert_eq!(Body::file(file).unwrap().len(), Some(6));
    }
}
