//! The response's body, as the application makes it.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use bytes::Bytes;

use super::{AppError, Data, FilePart};

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

    /// The rest of `file`, from its current position.
    pub fn file(mut file: File) -> io::Result<Self> {
        let offset = file.stream_position()?;
        Body::file_from(file, offset)
    }

    /// The rest of `file`, from `offset` on. It is sent by sendfile(2), unless its length is none: files of /proc have 0
    /// bytes and files of /sys 4,096, whatever can be read from them. These are read piece by piece, until their end.
    pub fn file_from(file: File, offset: u64) -> io::Result<Self> {
        let metadata = file.metadata()?;
        // A file that takes blocks on a disk has been written there, to its last byte.
        if metadata.blocks() > 0 || ends_at(&file, metadata.len())? {
            return Ok(Body::file_part(file, offset, metadata.len().saturating_sub(offset)));
        }
        Ok(Body::chunks(pieces(file, offset)).until_length())
    }

    /// `len` bytes of `file` from `offset` on.
    pub fn file_part(file: File, offset: u64, len: u64) -> Self {
        Body::of(Content::Whole(Data::File(FilePart { file: Arc::new(file), offset, len }))).until_length()
    }

    /// The same body, of which as much is sent as the Content-Length says: wsgi.file_wrapper's way. A file's always is;
    /// of others, what is too much is a mistake that the log tells.
    pub fn until_length(mut self) -> Self {
        self.ends_at_length = true;
        self
    }

    /// The same body with a close() of its own, called once, after the content is dropped: when the last byte was
    /// written, or the response is given up. Another one is called behind the first.
    pub fn with_close(mut self, close: impl FnOnce() -> Result<(), AppError> + 'static) -> Self {
        self.closer = match self.closer.0.take() {
            None => Closer(Some(Box::new(close))),
            Some(first) => Closer(Some(Box::new(move || first().and(close())))),
        };
        self
    }

    /// Drops the content, and calls what [`Body::with_close`] was given.
    pub fn close(self) -> Result<(), AppError> {
        let Body { content, mut closer, .. } = self;
        drop(content);
        closer.0.take().map_or(Ok(()), |close| close())
    }

    /// Whether [`Body::with_close`] was given nothing.
    pub(crate) fn has_no_close(&self) -> bool {
        self.closer.0.is_none()
    }

    fn of(content: Content) -> Self {
        Body { content, ends_at_length: false, closer: Closer(None) }
    }

    /// The length, bytes, where it is known before the first step.
    pub(crate) fn len(&self) -> Option<u64> {
        match &self.content {
            Content::Whole(data) => Some(data.len()),
            Content::Chunks(_) => None,
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(chunk: T) -> Self {
        Body::of(Content::Whole(Data::Chunk(chunk.into())))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("len", &self.len()).finish()
    }
}

/// Whether the last byte of a file of `len` bytes is where it should be, and the first behind it is not.
fn ends_at(file: &File, len: u64) -> io::Result<bool> {
    let is_there = |at| file.read_at(&mut [0], at).map(|read| read > 0);
    Ok((len == 0 || is_there(len - 1)?) && !is_there(len)?)
}

/// A file as it is read, from `offset` to its end.
fn pieces(file: File, mut offset: u64) -> impl Iterator<Item = Result<Bytes, AppError>> {
    std::iter::from_fn(move || {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            return match file.read_at(&mut piece, offset) {
                Ok(0) => None,
                Ok(read) => {
                    offset += read as u64;
                    piece.truncate(read);
                    Some(Ok(piece.into()))
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Some(Err(error.into())),
            };
        }
    })
}

/// Read at once, bytes: a pipe's capacity, and more than most files of /proc have.
const PIECE_BYTES: usize = 64 << 10;

/// What is called when a body is closed, even if it is only dropped.
struct Closer(Option<Box<dyn FnOnce() -> Result<(), AppError>>>);

impl Drop for Closer {
    fn drop(&mut self) {
        if let Some(close) = self.0.take() {
            // Its error is Body::close()'s to return; a drop has no way to.
            let _ = close();
        }
    }
}

/// What a body is made of.
pub(crate) enum Content {
    Whole(Data),
    Chunks(Box<dyn Iterator<Item = Result<Bytes, AppError>>>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_close_is_called_once_in_order() {
        let called = Arc::new(std::sync::Mutex::new(Vec::new()));
        let close = |name: &'static str, fails: bool| {
            let called = Arc::clone(&called);
            move || {
                called.lock().unwrap().push(name);
                if fails { Err(AppError::new(name)) } else { Ok(()) }
            }
        };
        let body = Body::empty().with_close(close("first", true)).with_close(close("second", false));
        assert_eq!(body.close().unwrap_err().to_string(), "first");
        drop(Body::empty().with_close(close("third", false)));
        assert_eq!(*called.lock().unwrap(), ["first", "second", "third"]);
    }

    #[test]
    fn a_file_is_sent_from_its_position() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"0123456789").unwrap();
        file.seek(io::SeekFrom::Start(4)).unwrap();
        assert_eq!(Body::file(file).unwrap().len(), Some(6));
    }

    #[test]
    fn a_file_that_does_not_know_its_length_is_read() {
        let read = |path: &str, offset| {
            let body = Body::file_from(File::open(path).unwrap(), offset).unwrap();
            assert_eq!(body.len(), None, "{path}");
            let Content::Chunks(chunks) = body.content else { panic!("{path} is sent as it is") };
            chunks.map(Result::unwrap).collect::<Vec<_>>().concat()
        };
        for path in ["/proc/version", "/proc/cpuinfo", "/sys/devices/system/cpu/possible"] {
            let all = std::fs::read(path).unwrap();
            if path != "/proc/cpuinfo" {
                assert_eq!(read(path, 0), all, "{path}");
                assert_eq!(read(path, 3), all[3..], "{path}");
            }
            // Each processor's speed may be another by now.
            assert_eq!(read(path, 0).len(), all.len());
        }
    }

    #[test]
    fn an_empty_file_and_one_of_holes_know_their_length() {
        for len in [0, 1, 1 << 20] {
            let file = tempfile::tempfile().unwrap();
            file.set_len(len).unwrap();
            assert_eq!(Body::file(file).unwrap().len(), Some(len));
        }
    }
}
