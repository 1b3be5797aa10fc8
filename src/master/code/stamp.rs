//! What tells one state of a file from another, and names that are no code.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A state of a file: another save hardly has the same. Its mode and its owner are none of it, so that chmod(1) is no change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::master) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// When it was written last, seconds and nanoseconds.
    time: (i64, i64),
}

impl Stamp {
    /// That of what the path leads to; `None` if there is nothing, or a folder.
    pub(in crate::master) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().filter(|metadata| !metadata.is_dir()).map(|metadata| Stamp::from(&metadata))
    }

    /// Whether it was written at `since` or later. A time that is yet to come is of another clock, and says nothing.
    pub(super) fn is_since(&self, since: SystemTime) -> bool {
        let (seconds, nanos) = self.time;
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else { return false };
        let Some(written) = UNIX_EPOCH.checked_add(Duration::new(seconds, nanos)) else { return false };
        written <= SystemTime::now() && written + CLOCK_TICK >= since
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            time: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// What running or editing the code writes beside it: caches, hidden files, backups, editors' own files.
pub(in crate::master) fn is_noise(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let ends = ["~", ".pyc", ".pyo", ".swp", ".swx", ".tmp", "___jb_tmp___", "___jb_old___"];
    // vim makes a file 4913 to see whether it may.
    name.starts_with(['.', '#'])
        || name == "__pycache__"
        || name == "4913"
        || ends.iter().any(|end| name.ends_with(end))
}

/// Whether a file of this name may be imported once it is there.
pub(super) fn is_python(name: &OsStr) -> bool {
    Path::new(name).extension() == Some(OsStr::new("py")) && !is_noise(name)
}

/// The system writes the time of its last tick on files, which is a little in the past.
const CLOCK_TICK: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_no_code() {
        for name in
            [".app.py.swp", "4913", "app.py~", "#app.py#", ".#app.py", "app.pyc", "__pycache__", ".git"]
        {
            assert!(is_noise(OsStr::new(name)) && !is_python(OsStr::new(name)), "{name}");
        }
        assert!(is_python(OsStr::new("app.py")) && !is_python(OsStr::new("db.sqlite3")));
        assert!(!is_noise(OsStr::new("page.html")));
    }

    #[test]
    fn a_file_from_the_future_says_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stamp = || Stamp::of(file.path()).unwrap();
        let now = SystemTime::now();
        assert!(stamp().is_since(now - Duration::from_secs(60)));
        assert!(!stamp().is_since(now + Duration::from_secs(60)));
        let later = now + Duration::from_secs(3_600);
        file.as_file().set_modified(later).unwrap();
        assert!(!stamp().is_since(now));
    }
}
