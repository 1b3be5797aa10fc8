//! The folders that the kernel tells of, by inotify(7).
//!
//! Folders and not files: an editor puts a new file in the old one's place, and a watch on that would go with it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use log::warn;
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

/// The watched folders.
pub(super) struct Folders {
    /// `None` where the kernel has none to give.
    inotify: Option<Inotify>,
    /// The paths of each: links may lead to one by several.
    watched: HashMap<WatchDescriptor, Vec<PathBuf>>,
    /// All of them, also those for which the kernel has no watch.
    by_path: HashMap<PathBuf, Option<WatchDescriptor>>,
    /// That there are no more was said.
    has_warned: bool,
}

/// What has happened in a folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// A file of this path was written, has come or has gone.
    File(PathBuf),
    /// A folder has come.
    Folder(PathBuf),
    /// All in this folder may be another: it has gone, or moved.
    Gone(PathBuf),
    /// More has happened than the kernel could keep.
    Overflow,
}

impl Folders {
    pub(super) fn new() -> Self {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK);
        if let Err(error) = &inotify {
            warn!(
                "--reload: no inotify(7): {error}; files are looked at once a second. \
                 sysctl fs.inotify.max_user_instances may be raised"
            );
        }
        Folders { inotify: inotify.ok(), watched: HashMap::new(), by_path: HashMap::new(), has_warned: false }
    }

    /// Those of a kernel that tells nothing.
    #[cfg(test)]
    pub(super) fn silent() -> Self {
        Folders { inotify: None, watched: HashMap::new(), by_path: HashMap::new(), has_warned: true }
    }

    /// Watches a folder from here on; returns whether it was not watched before. One that is not there is none.
    pub(super) fn watch(&mut self, folder: &Path) -> bool {
        if self.by_path.contains_key(folder) || !folder.is_dir() {
            return false;
        }
        let descriptor = self.ask_kernel(folder);
        if let Some(descriptor) = descriptor {
            self.watched.entry(descriptor).or_default().push(folder.to_owned());
        }
        self.by_path.insert(folder.to_owned(), descriptor);
        true
    }

    fn ask_kernel(&mut self, folder: &Path) -> Option<WatchDescriptor> {
        if self.watched.len() >= FOLDERS_COUNT_MAX {
            self.warn(&format!("{FOLDERS_COUNT_MAX} folders are watched, and no more"));
            return None;
        }
        match self.inotify.as_ref()?.add_watch(folder, WATCHED_FOR) {
            Ok(descriptor) => Some(descriptor),
            Err(Errno::ENOSPC) => {
                self.warn(
                    "the kernel has no more watches (sysctl fs.inotify.max_user_watches may be raised)",
                );
                None
            }
            // It may not be read, or has gone just now: a look once a second sees what comes of it.
            Err(_) => None,
        }
    }

    fn warn(&mut self, why: &str) {
        if !self.has_warned {
            self.has_warned = true;
            warn!("--reload: {why}: what is changed in other folders is seen within two seconds");
        }
    }

    /// All that are watched.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.by_path.keys().map(PathBuf::as_path)
    }

    /// Takes what has happened since the last time.
    pub(super) fn take(&mut self) -> Vec<Happening> {
        let mut all = Vec::new();
        while let Some(inotify) = &self.inotify {
            let Ok(events) = inotify.read_events() else { break };
            for event in events {
                self.heard(event.wd, event.mask, event.name, &mut all);
            }
        }
        all
    }

    fn heard(
        &mut self,
        descriptor: WatchDescriptor,
        mask: AddWatchFlags,
        name: Option<OsString>,
        all: &mut Vec<Happening>,
    ) {
        if mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return all.push(Happening::Overflow);
        }
        let Some(paths) = self.watched.get(&descriptor) else { return };
        let Some(name) = name else {
            let ends =
                AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED;
            if mask.intersects(ends) {
                all.extend(paths.iter().cloned().map(Happening::Gone));
                self.forget(descriptor);
            }
            return;
        };
        let comes = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        for path in paths.iter().map(|folder| folder.join(&name)) {
            if !mask.contains(AddWatchFlags::IN_ISDIR) {
                all.push(Happening::File(path));
            } else if mask.intersects(comes) {
                all.push(Happening::Folder(path));
            } else if mask.contains(AddWatchFlags::IN_MOVED_FROM) {
                all.push(Happening::Gone(path));
            }
        }
    }

    /// The folder is another by now, or none; if it comes again, it is watched again.
    fn forget(&mut self, descriptor: WatchDescriptor) {
        for path in self.watched.remove(&descriptor).into_iter().flatten() {
            self.by_path.remove(&path);
        }
        if let Some(inotify) = &self.inotify {
            // An error means that the kernel has forgotten it already.
            let _ = inotify.rm_watch(descriptor);
        }
    }

    /// What is readable once something has happened.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }
}

/// The end of a write and not each write: what is half written is not loaded.
const WATCHED_FOR: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

/// Folders that are watched at once, a count: some large projects, and half of the 8,192 watches that a user of an old kernel has
/// for all programs.
const FOLDERS_COUNT_MAX: usize = 4_096;
