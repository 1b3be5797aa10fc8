//! `--pidfile`: where the master's number stands while it serves.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use log::debug;

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
        let (path, pid) = (std::path::absolute(path)?, std::process::id());
        if names(&path, pid) {
            return Ok(PidFile { path, pid });
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{pid}")?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(readable)?;
        file.persist(&path)?;
        Ok(PidFile { path, pid })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A forked worker has a copy of this, and another server may have written its own number.
        let is_ours = self.pid == std::process::id() && names(&self.path, self.pid);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            // As after a change of user.
            debug!("{} stays behind: {error}", self.path.display());
        }
    }
}

fn names(file: &Path, pid: u32) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.trim() == pid.to_string())
}
