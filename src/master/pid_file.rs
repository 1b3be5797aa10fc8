//! `--pidfile`: where the master's number stands while it serves.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use log::debug;
use nix::fcntl::OFlag;

/// A file with a process's number. Dropping it removes the file, if that still names this process.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    pid: u32,
}

impl PidFile {
    /// Writes this process's number to `path`, in place of whatever stands there, unless it is that: the master before, which was
    /// this process too, may have had rights that this one has not. It is never half written, as it is renamed to its place.
    pub(crate) fn write(path: &Path) -> io::Result<Self> {
        let file = PidFile { path: std::path::absolute(path)?, pid: std::process::id() };
        if file.is_ours() {
            return Ok(file);
        }
        let PidFile { path, pid } = &file;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut written = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(written, "{pid}")?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        written.as_file().set_permissions(readable)?;
        written.persist(path)?;
        Ok(file)
    }

    /// A forked worker has a copy of this, and another server may have written its own number.
    fn is_ours(&self) -> bool {
        self.pid == std::process::id() && number_in(&self.path).map(i32::unsigned_abs) == Some(self.pid)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if self.is_ours()
            && let Err(error) = fs::remove_file(&self.path)
        {
            // As after a change of user.
            debug!("{} stays behind: {error}", self.path.display());
        }
    }
}

/// The number that a file begins with. What is no file could have no end, or have the master wait.
pub(super) fn number_in(file: &Path) -> Option<i32> {
    if !fs::metadata(file).ok()?.is_file() {
        return None;
    }
    // It may be another by now.
    let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(file).ok()?;
    let mut beginning = Vec::new();
    opened.take(BYTES_MAX).read_to_end(&mut beginning).ok()?;
    // PostgreSQL's has more in it, a path too, which the bound may cut within a character.
    let number = String::from_utf8_lossy(&beginning).split_whitespace().next()?.parse().ok()?;
    (number > 0).then_some(number)
}

/// Of a file with a number, bytes: more than any number has, which comes first.
const BYTES_MAX: u64 = 64;

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn the_number_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        for more in ["", "\nmore\n", &"é".repeat(100), &format!("\n/{}", "é".repeat(100))] {
            fs::write(&file, format!(" 12 {more}")).unwrap();
            assert_eq!(number_in(&file), Some(12), "{more}");
        }
        for text in ["", "0", "-1", "none", "99999999999"] {
            fs::write(&file, text).unwrap();
            assert_eq!(number_in(&file), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let file = PidFile::write(&path).unwrap();
        assert_eq!(number_in(&path).map(i32::unsigned_abs), Some(std::process::id()));
        fs::remove_file(&path).unwrap();
        assert_eq!(number_in(&path), None);
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        assert_eq!(number_in(&path), None);
        assert_eq!(number_in(Path::new("/dev/zero")), None);
        drop(file);
        assert!(path.exists(), "it is another's");
        // And what stands there is no reason not to write.
        drop(PidFile::write(&path).unwrap());
        assert!(!path.exists());
    }
}
