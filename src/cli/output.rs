//! Where lines go: files that can be opened anew, after logrotate or its like has moved them away, and what the process
//! was started with.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log::error;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::fstat;
use nix::unistd::{dup2_stderr, dup2_stdout};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::log_pump::Pump;
use super::log_remote::Remote;
use super::record::LogFormat;
use crate::master::shared_flag;
use crate::net::listener::Owner;
use crate::process::descriptors;

/// A file to which lines are appended, each whole, by several processes: `write_all` is a line. Clones are the same file.
#[derive(Clone)]
pub(super) struct Output {
    /// `None` for stdout and stderr, which cannot be opened anew.
    path: Option<PathBuf>,
    file: Arc<Mutex<File>>,
    /// Who gets the lines in place of the file, which then has only what is written to stdout and stderr.
    remote: Option<Arc<Mutex<Remote>>>,
    /// Whether it ends with a part of a line, as a disk that became full has left it. The processes that are forked from
    /// here on share it: what one of them has left, another's line must not continue.
    is_torn: &'static AtomicBool,
    /// That it cannot be moved away, or not be opened anew, was told.
    is_stuck: Arc<AtomicBool>,
}

impl Output {
    /// Opens the file, and makes it if need be: then it is `owner`'s, as that user will have to open it again.
    pub(super) fn open(path: &Path, owner: Option<Owner>) -> super::Result<Self> {
        let named = |error: io::Error| format!("cannot write to {}: {error}", path.display());
        let path = std::path::absolute(path).map_err(named)?;
        let file = append(&path, OFlag::empty()).map_err(named)?;
        if let Some(Owner { user, group }) = owner
            && nix::unistd::geteuid().is_root()
        {
            fchown(&file, user, group).map_err(named)?;
        }
        Ok(Output { path: Some(path), ..Output::of(file)? })
    }

    /// The descriptor of this number that the process was started with.
    pub(super) fn descriptor(number: u32) -> super::Result<Self> {
        let named = |error: io::Error| format!("fd:{number}: {error}; is it open?");
        let path = format!("/proc/self/fd/{number}");
        let file = OpenOptions::new().append(true).open(path).and_then(descriptors::above).map_err(named)?;
        Ok(Output::of(file)?)
    }

    /// Who takes lines as datagrams. With `stdio`, the log's format, it takes all that is written to stdout and stderr, once
    /// [`Output::become_stdout`] and [`Output::become_stderr`] say so; the pump then sends that.
    pub(super) fn remote(remote: Remote, stdio: Option<LogFormat>) -> io::Result<(Self, Option<Pump>)> {
        let (file, pump) = match stdio {
            Some(format) => {
                let (writer, pump) = Pump::start(remote.again(), format)?;
                (descriptors::above(File::from(OwnedFd::from(writer)))?, Some(pump))
            }
            None => (null()?, None),
        };
        Ok((Output { remote: Some(Arc::new(Mutex::new(remote))), ..Output::of(file)? }, pump))
    }

    /// Closes what it has of its pump's pipe.
    pub(super) fn close_pipe(&self) -> io::Result<()> {
        *self.file() = null()?;
        Ok(())
    }

    /// Moves the file away if it is larger than this: its name is then its own with `suffix` behind it. Returns whether that
    /// was done; the file is to be opened anew then, by every process that has it.
    pub(super) fn rotate(&self, bytes_max: u64, suffix: &str) -> bool {
        let Some(path) = &self.path else { return false };
        let is_large = self.metadata().is_ok_and(|file| file.is_file() && file.len() > bytes_max);
        if !is_large || !self.is_at(path) {
            return false;
        }
        let mut backup = path.clone().into_os_string();
        backup.push(suffix);
        match fs::rename(path, &backup) {
            Ok(()) => true,
            Err(error) => {
                // It is tried again each second.
                if !self.is_stuck.swap(true, Ordering::Relaxed) {
                    error!("{} cannot become {}: {error}", path.display(), backup.display());
                }
                false
            }
        }
    }

    /// Whether the file is no longer where its name says, as after logrotate, and another one can be opened there.
    pub(super) fn was_moved(&self) -> bool {
        let Some(path) = &self.path else { return false };
        let is_gone = match path.metadata() {
            Ok(_) => !self.is_at(path),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if !is_gone {
            return false;
        }
        let opened = append(path, OFlag::O_NONBLOCK);
        if let Err(error) = &opened
            && !self.is_stuck.swap(true, Ordering::Relaxed)
        {
            // It is tried again each second.
            error!("{} was moved away, and cannot be opened anew: {error}", path.display());
        }
        opened.is_ok()
    }

    /// What the process was started with as its stdout, or stderr. It has a number of its own, so that the lines go
    /// nowhere else if the application closes that one, and a file of its own gets it.
    pub(super) fn standard(stream: impl AsFd) -> io::Result<Self> {
        Output::of(File::from(stream.as_fd().try_clone_to_owned()?))
    }

    fn of(file: File) -> io::Result<Self> {
        let is_torn = shared_flag()?;
        is_torn.store(ends_torn(&file), Ordering::Relaxed);
        let (file, is_stuck) = (Arc::new(Mutex::new(file)), Arc::default());
        Ok(Output { path: None, file, remote: None, is_torn, is_stuck })
    }

    /// The same, knowing of the half lines of another if that is the same file: as after `2>&1`.
    pub(super) fn beside(self, other: &Output) -> Self {
        let same = |one: &Metadata, other: &Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
        let is_same =
            matches!((self.metadata(), other.metadata()), (Ok(one), Ok(other)) if same(&one, &other));
        Output { is_torn: if is_same { other.is_torn } else { self.is_torn }, ..self }
    }

    /// Opens the file of this name anew. If that fails, the lines go where they went before.
    pub(super) fn reopen(&self) {
        let Some(path) = &self.path else { return };
        // At once: a FIFO without a reader would hold the process until it has one.
        let opened = append(path, OFlag::O_NONBLOCK).and_then(|file| {
            fcntl_setfl(&file, fcntl_getfl(&file)?.difference(OFlags::NONBLOCK))?;
            Ok(file)
        });
        match opened {
            Ok(file) => {
                self.is_torn.store(ends_torn(&file), Ordering::Relaxed);
                self.is_stuck.store(false, Ordering::Relaxed);
                *self.file() = file;
            }
            // It is open already, and its next reader gets the lines.
            Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) && self.is_at(path) => {}
            Err(error) => error!("{} cannot be opened anew: {error}", path.display()),
        }
    }

    /// Makes it the process's stderr, so that nothing which is written there is lost: tracebacks, last words, the
    /// application's own lines.
    pub(super) fn become_stderr(&self) {
        // The lock ends before the log, which may want it.
        let taken = dup2_stderr(&*self.file());
        if let Err(error) = taken {
            let name = self.path.as_deref().unwrap_or(Path::new("the log"));
            error!("{} cannot take stderr: {error}", name.display());
        }
    }

    /// The same for stdout: what the application prints.
    pub(super) fn become_stdout(&self) {
        let taken = dup2_stdout(&*self.file());
        if let Err(error) = taken {
            let name = self.path.as_deref().unwrap_or(Path::new("the log"));
            error!("{} cannot take stdout: {error}", name.display());
        }
    }

    /// Whether a person reads it.
    pub(super) fn is_terminal(&self) -> bool {
        self.file().is_terminal()
    }

    /// Whether it is a file with a name.
    pub(super) fn has_name(&self) -> bool {
        self.path.is_some()
    }

    /// Whether it is the process's stderr still, and the application has not put another file there.
    pub(super) fn is_stderr(&self) -> bool {
        self.is_stream(io::stderr())
    }

    /// Whether it is the process's stdout still.
    pub(super) fn is_stdout(&self) -> bool {
        self.is_stream(io::stdout())
    }

    fn is_stream(&self, stream: impl AsFd) -> bool {
        let (Ok(ours), Ok(stream)) = (self.metadata(), fstat(stream)) else { return false };
        (ours.dev(), ours.ino()) == (stream.st_dev, stream.st_ino)
    }

    fn is_at(&self, path: &Path) -> bool {
        let (Ok(ours), Ok(there)) = (self.metadata(), path.metadata()) else { return false };
        (ours.dev(), ours.ino()) == (there.dev(), there.ino())
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.file().metadata()
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    /// Writes a line. One that fails may be there in part; the next one then begins on a line of its own.
    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        if let Some(remote) = &self.remote {
            return remote.lock().unwrap_or_else(PoisonError::into_inner).write(line);
        }
        let mut file = self.file();
        if !self.is_torn.load(Ordering::Relaxed) {
            return append_line(&mut file, line, self.is_torn);
        }
        // The file may have been emptied to make room.
        let is_empty = file.metadata().is_ok_and(|file| file.is_file() && file.len() == 0);
        let line_end: &[u8] = if is_empty { b"" } else { b"\n" };
        append_line(&mut file, &[line_end, line].concat(), self.is_torn)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// In one write, unless the system takes a part of it only.
fn append_line(file: &mut File, line: &[u8], is_torn: &AtomicBool) -> io::Result<()> {
    let mut written = 0;
    while written < line.len() {
        match file.write(&line[written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(more) => {
                written += more;
                let tears = line[written - 1] != b'\n';
                if is_torn.load(Ordering::Relaxed) != tears {
                    is_torn.store(tears, Ordering::Relaxed);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a file ends with a part of a line, which a process before this one has left there.
fn ends_torn(file: &File) -> bool {
    let Ok(metadata) = file.metadata() else { return false };
    if !metadata.is_file() || metadata.len() == 0 {
        return false;
    }
    // It is open for writing only. Where it may not be read, it is taken for whole.
    let Ok(readable) = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())) else { return false };
    let mut last = [0];
    readable.read_exact_at(&mut last, metadata.len() - 1).is_ok() && last != *b"\n"
}

fn null() -> io::Result<File> {
    descriptors::above(OpenOptions::new().append(true).open("/dev/null")?)
}

fn append(path: &Path, flags: OFlag) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o640).custom_flags(flags.bits()).open(path)?;
    // The application may have closed its stdout meanwhile.
    descriptors::above(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_moved_away_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut output = Output::open(&path, None).unwrap();
        let mut same = Output::open(&path, None).unwrap();
        output.write_all(b"one\n").unwrap();
        assert!(!output.rotate(4, ".1"), "it is not larger");
        output.write_all(b"two\n").unwrap();
        assert!(output.rotate(4, ".1") && !same.rotate(4, ".1"), "it is another's by then");
        // A worker that has not yet heard of it.
        same.write_all(b"three\n").unwrap();
        output.reopen();
        same.reopen();
        same.write_all(b"four\n").unwrap();
        output.write_all(b"five\n").unwrap();
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!((&*text("log.1"), &*text("log")), ("one\ntwo\nthree\n", "four\nfive\n"));
        assert!(!output.rotate(4, "/nowhere/x") && output.is_stuck.load(Ordering::Relaxed));
    }

    #[test]
    fn a_file_that_others_move_away_is_missed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, place) = (folder.path().join("in/log"), folder.path().join("in"));
        fs::create_dir(&place).unwrap();
        let output = Output::open(&path, None).unwrap();
        assert!(!output.was_moved());
        fs::rename(&path, place.join("log.1")).unwrap();
        assert!(output.was_moved());
        output.reopen();
        assert!(!output.was_moved());
        // logrotate's `create`.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert!(output.was_moved());
        output.reopen();
        fs::rename(&place, folder.path().join("out")).unwrap();
        assert!(!output.was_moved() && output.is_stuck.load(Ordering::Relaxed), "there is no place for it");
        fs::create_dir(&place).unwrap();
        assert!(output.was_moved());
        output.reopen();
        assert!(!output.is_stuck.load(Ordering::Relaxed));
    }

    #[test]
    fn a_line_never_continues_a_half_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "half").unwrap();
        let mut output = Output::open(&path, None).unwrap();
        let mut same = Output::open(&path, None).unwrap().beside(&output);
        output.write_all(b"one\n").unwrap();
        same.write_all(b"two\n").unwrap();
        same.write_all(b"half").unwrap();
        output.write_all(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "half\none\ntwo\nhalf\nthree\n");

        same.write_all(b"half").unwrap();
        fs::write(&path, "").unwrap();
        output.write_all(b"alone\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "alone\n");
        same.write_all(b"half").unwrap();
        fs::remove_file(&path).unwrap();
        output.reopen();
        output.write_all(b"alone\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "alone\n");
    }
}
