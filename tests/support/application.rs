//! Applications, and what they are made of.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tidegate::{AppError, Body, Environ, StartResponse};

pub(crate) type Answer = Result<Body, AppError>;

pub(crate) const PLAIN: [(&str, &str); 1] = [("Content-Type", "text/plain")];

/// The example of every introduction.
pub(crate) fn hello(_: Environ, start_response: StartResponse) -> Answer {
    start_response.start("200 OK", PLAIN)?;
    Ok("Hello, World".into())
}

/// Sends the request's body back.
pub(crate) fn echo(mut environ: Environ, start_response: StartResponse) -> Answer {
    let mut body = Vec::new();
    environ.input().read_to_end(&mut body)?;
    assert_eq!(environ.content_length().unwrap_or_default(), body.len() as u64);
    start_response.start("200 OK", PLAIN)?;
    Ok(body.into())
}

/// Says what arrived, a variable a line, bytes that are not ASCII escaped.
pub(crate) fn variables(environ: Environ, start_response: StartResponse) -> Answer {
    start_response.start("200 OK", PLAIN)?;
    let line = |(name, value): (&[u8], &[u8])| format!("{}={}\n", name.escape_ascii(), value.escape_ascii());
    Ok(environ.iter().map(line).collect::<String>().into())
}

/// A chunk of 64 KiB, again and again.
pub(crate) fn endless() -> impl Iterator<Item = Result<Bytes, AppError>> {
    std::iter::repeat_n((), usize::MAX).map(|()| Ok(Bytes::from_static(&[b'~'; 64 << 10])))
}

/// A period of [`pattern`], of a prime length, so that no piece of the usual sizes fits at a wrong place.
static PERIOD: LazyLock<Bytes> = LazyLock::new(|| (0..65_521_u32).map(|i| (i ^ i >> 8) as u8).collect());

/// `len` bytes of which each place can be told from its neighbours.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let mut all = PERIOD.repeat(len / PERIOD.len() + 1);
    all.truncate(len);
    all
}

/// [`pattern`] in chunks of 65,521 bytes.
pub(crate) fn chunked(len: usize) -> impl Iterator<Item = Result<Bytes, AppError>> {
    (0..len).step_by(PERIOD.len()).map(move |at| Ok(PERIOD.slice(..PERIOD.len().min(len - at))))
}

/// Counts the bodies that are alive: made by the application, and not yet closed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alive(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
    begun: AtomicUsize,
}

impl Alive {
    /// A body of these chunks, which is counted until it is dropped.
    pub(crate) fn body<I>(&self, chunks: I) -> Body
    where
        I: IntoIterator<Item = Result<Bytes, AppError>>,
        I::IntoIter: 'static,
    {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let now = self.0.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        let guard = Guard(Arc::clone(&self.0));
        // The guard goes when the iterator does, which owns it.
        Body::chunks(chunks.into_iter().inspect(move |_| {
            let _ = &guard;
        }))
    }

    pub(crate) fn now(&self) -> usize {
        self.0.now.load(Ordering::SeqCst)
    }

    /// The most that were alive at once.
    pub(crate) fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    /// How many there were in all.
    pub(crate) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }
}

struct Guard(Arc<Counts>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}
