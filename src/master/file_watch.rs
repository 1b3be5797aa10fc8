//! `--reload-on`: whether a path has changed, by looking at it once in a while.
//!
//! Looking costs a few system calls for each file once a second, works on every file system, network ones among them,
//! and sees a file that an editor replaces as well as one that it writes; inotify does none of the last two.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use log::warn;

use super::code::{Stamp, is_noise};

/// FileWatch that are looked at.
pub(super) struct FileWatch {
    all: Vec<PathBuf>,
    /// What was seen when the code was loaded.
    loaded: u64,
    /// What was seen last: a change counts once it has stood for two looks, so that half-written code is not loaded.
    last: u64,
}

impl FileWatch {
    /// Looks at `all` for the first time.
    pub(super) fn new(all: Vec<PathBuf>) -> Self {
        let all: Vec<PathBuf> =
            all.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path)).collect();
        let seen = look(&all);
        FileWatch { all, loaded: seen, last: seen }
    }

    /// Whether there is anything to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether something has changed since this last said so.
    pub(super) fn have_changed(&mut self) -> bool {
        let seen = look(&self.all);
        let settled = std::mem::replace(&mut self.last, seen) == seen;
        let changed = settled && seen != self.loaded;
        if changed {
            self.loaded = seen;
        }
        changed
    }
}

/// A number that another state of the paths hardly has.
fn look(paths: &[PathBuf]) -> u64 {
    let (mut seen, mut count) = (DefaultHasher::new(), 0);
    for path in paths {
        add(path, &mut seen, &mut count);
    }
    seen.finish()
}

fn add(path: &Path, seen: &mut DefaultHasher, count: &mut usize) {
    *count += 1;
    // A link leads to the release that is served; it changes when it leads elsewhere, or when that changes.
    let Ok(metadata) = fs::metadata(path) else { return path.hash(seen) };
    if !metadata.is_dir() {
        return (path, Stamp::from(&metadata)).hash(seen);
    }
    if *count > FILES_COUNT_MAX {
        return;
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut entries: Vec<PathBuf> = entries.filter(|path| !path.file_name().is_some_and(is_noise)).collect();
    entries.sort();
    for entry in entries {
        if *count == FILES_COUNT_MAX {
            warn!("--reload-on: {}: only {FILES_COUNT_MAX} files are looked at", path.display());
            *count += 1;
        }
        if *count < FILES_COUNT_MAX {
            add(&entry, seen, count);
        }
    }
}

/// Files that are looked at, a count: some milliseconds each second. A larger tree is better told by SIGHUP.
const FILES_COUNT_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_it_has_settled_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let (code, cache) = (folder.path().join("app.py"), folder.path().join("__pycache__"));
        fs::write(&code, "1").unwrap();
        let mut paths = FileWatch::new(vec![folder.path().to_owned(), folder.path().join("missing")]);
        assert!(!paths.have_changed());
        fs::create_dir(&cache).unwrap();
        fs::write(cache.join("app.pyc"), "").unwrap();
        assert!(!paths.have_changed() && !paths.have_changed());
        fs::write(&code, "two").unwrap();
        assert!(!paths.have_changed(), "it may still be written");
        assert!(paths.have_changed());
        assert!(!paths.have_changed());
        // An editor makes a new file and puts it in the old one's place; a missing one comes.
        fs::write(folder.path().join(".new"), "two").unwrap();
        fs::rename(folder.path().join(".new"), &code).unwrap();
        fs::write(folder.path().join("missing"), "").unwrap();
        assert!(!paths.have_changed() && paths.have_changed());
    }
}
