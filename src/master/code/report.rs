//! What a worker says of its code: which files it has loaded, and whether that has failed.
//!
//! All workers send on one socket of datagrams, so that no report is mixed with another, whichever thread sends it.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The master's end.
pub(super) struct Inbox {
    socket: UnixDatagram,
    buffer: Vec<u8>,
}

/// The workers' end.
pub(crate) struct Reporter {
    socket: UnixDatagram,
    /// Which load of the code the worker runs.
    generation: u32,
    /// When it was last asked which files there are: those of the next report were loaded later.
    asked: Mutex<SystemTime>,
}

/// What one says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) generation: u32,
    /// The code could not be loaded.
    pub(super) has_failed: bool,
    /// When none of the files had been read.
    pub(super) since: SystemTime,
    /// Files, and folders where modules are looked for, which end with a slash.
    pub(super) paths: Vec<PathBuf>,
}

impl Inbox {
    /// Both ends.
    pub(super) fn new() -> io::Result<(Inbox, Reporter)> {
        let (ours, theirs) = UnixDatagram::pair()?;
        ours.set_nonblocking(true)?;
        // A master that is stopped reads nothing, and a worker has better to do than to wait for it.
        theirs.set_write_timeout(Some(SEND_TIME_MAX))?;
        let reporter = Reporter { socket: theirs, generation: 0, asked: Mutex::new(UNIX_EPOCH) };
        Ok((Inbox { socket: ours, buffer: vec![0; REPORT_BYTES_MAX] }, reporter))
    }

    /// The next one, if there is any.
    pub(super) fn take(&mut self) -> Option<Report> {
        loop {
            match self.socket.recv(&mut self.buffer) {
                Ok(read) => {
                    if let Some(report) = Report::decode(&self.buffer[..read]) {
                        return Some(report);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// What is readable once one has come.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Reporter {
    /// That of a worker which is about to load the code.
    pub(in crate::master) fn begin(self, generation: u32) -> Self {
        Reporter { generation, asked: Mutex::new(SystemTime::now()), ..self }
    }

    /// Which load of the code the worker runs: a number that grows with each.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Sends the paths that `list` comes to, if there are any; or that the code could not be loaded.
    pub(crate) fn report(&self, has_failed: bool, list: impl FnOnce() -> Vec<PathBuf>) -> io::Result<()> {
        let now = SystemTime::now();
        let paths = list();
        let since = std::mem::replace(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner), now);
        if paths.is_empty() && !has_failed {
            return Ok(());
        }
        for part in parts(&paths) {
            self.socket.send(&encode(self.generation, has_failed, since, part))?;
        }
        Ok(())
    }
}

/// The paths in parts that a datagram takes; at least one.
fn parts(paths: &[PathBuf]) -> Vec<&[PathBuf]> {
    let (mut parts, mut begin, mut bytes) = (Vec::new(), 0, HEAD_BYTES);
    for (at, path) in paths.iter().enumerate() {
        let more = path.as_os_str().len() + 1;
        if bytes + more > REPORT_BYTES_MAX && at > begin {
            parts.push(&paths[begin..at]);
            (begin, bytes) = (at, HEAD_BYTES);
        }
        bytes += more;
    }
    parts.push(&paths[begin..]);
    parts
}

fn encode(generation: u32, has_failed: bool, since: SystemTime, paths: &[PathBuf]) -> Vec<u8> {
    let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut bytes = generation.to_ne_bytes().to_vec();
    bytes.push(u8::from(has_failed));
    bytes.extend_from_slice(&since.as_secs().to_ne_bytes());
    bytes.extend_from_slice(&since.subsec_nanos().to_ne_bytes());
    for path in paths {
        bytes.extend_from_slice(path.as_os_str().as_bytes());
        bytes.push(0);
    }
    bytes
}

impl Report {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (generation, rest) = bytes.split_first_chunk()?;
        let ([has_failed], rest) = rest.split_first_chunk()?;
        let (seconds, rest) = rest.split_first_chunk()?;
        let (nanos, rest) = rest.split_first_chunk()?;
        // The application has the socket too, and may write into it by mistake.
        let nanos = Duration::from_nanos(u32::from_ne_bytes(*nanos).into());
        let since = Duration::from_secs(u64::from_ne_bytes(*seconds)).checked_add(nanos)?;
        let paths = rest.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        Some(Report {
            generation: u32::from_ne_bytes(*generation),
            has_failed: *has_failed != 0,
            since: UNIX_EPOCH.checked_add(since)?,
            paths: paths.map(|path| Path::new(OsStr::from_bytes(path)).to_owned()).collect(),
        })
    }
}

/// The longest report, bytes; longer ones are sent in parts. A socket's buffer is 208 KiB by default, shared by all that wait.
const REPORT_BYTES_MAX: usize = 32 << 10;
/// What stands before the paths, bytes.
const HEAD_BYTES: usize = 17;
/// How long a worker waits for a master that does not read.
const SEND_TIME_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_said_arrives_whole_and_in_parts() {
        let (mut inbox, reporter) = Inbox::new().unwrap();
        let reporter = reporter.begin(7);
        assert_eq!(inbox.take(), None);
        reporter.report(false, Vec::new).unwrap();
        assert_eq!(inbox.take(), None, "there is nothing to say");
        for junk in [&[][..], &[7; 16], &[0xFF; 40]] {
            reporter.socket.send(junk).unwrap();
        }
        assert_eq!(inbox.take(), None, "what is no report is none");
        let many: Vec<PathBuf> =
            (0..3_000).map(|number| format!("/a/folder/module_{number}.py").into()).collect();
        let sent = many.clone();
        let sender = thread::spawn(move || {
            reporter.report(false, || sent).unwrap();
            reporter.report(true, Vec::new).unwrap();
        });
        let (mut seen, mut last) = (Vec::new(), None);
        while last.as_ref().is_none_or(|report: &Report| !report.has_failed) {
            match inbox.take() {
                Some(mut report) => {
                    assert_eq!(report.generation, 7);
                    seen.append(&mut report.paths);
                    last = Some(report);
                }
                None => thread::yield_now(),
            }
        }
        sender.join().unwrap();
        assert_eq!(seen, many);
        assert!(last.unwrap().since <= SystemTime::now());
    }
}
