//! `--reload`: the files of the code, and whether one of them has changed.
//!
//! # How this works
//!
//! Workers report which files they have loaded ([`report`]). The kernel tells what happens in the folders of these
//! ([`folders`]); that is a hint to look, and a change is what a look finds: another [`Stamp`]. So what an editor does in
//! several steps, as a new file that is renamed, is one change, and what leaves a file as it was is none. Hints are followed
//! once none has come for a moment, or when the first has waited long enough.
//!
//! Once a second all files are looked at, whatever the kernel has said: it tells nothing of what another machine writes
//! on a shared folder, nor of where a link leads. A change that is found so counts once it has stood for two looks.

mod folders;
mod pace;
mod pattern;
mod report;
mod stamp;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use log::{debug, warn};

use folders::{Folders, Happening};
use pace::Pace;
pub(crate) use pattern::Pattern;
use pattern::{Base, is_foreign};
pub(crate) use report::Reporter;
use report::{Inbox, Report};
use stamp::is_python;
pub(super) use stamp::{Stamp, is_noise};

/// What `--reload` watches beside what the workers report.
#[derive(Clone, Debug)]
pub(crate) struct CodePlan {
    /// Where relative paths and patterns begin.
    pub(crate) root: PathBuf,
    /// The folders in which the application's modules are looked for.
    pub(crate) folders: Vec<PathBuf>,
    /// Other files that count.
    pub(crate) includes: Vec<Pattern>,
}

/// The code, as it is watched.
pub(super) struct CodeWatch {
    plan: CodePlan,
    folders: Folders,
    /// Those of them below which all folders are watched.
    deep: HashSet<PathBuf>,
    files: HashMap<PathBuf, Seen>,
    inbox: Inbox,
    /// Files that are to be looked at.
    hinted: BTreeSet<PathBuf>,
    /// When the first of these hints came, and the last.
    hints: Option<(Instant, Instant)>,
    /// The load that could not be loaded: any file of Python's may be what it lacks.
    failed: Option<u32>,
    /// When something last came into each folder or left it, as a look has found.
    folder_times: HashMap<PathBuf, SystemTime>,
    /// When all were looked at.
    looked: Instant,
    pace: Pace,
}

/// What is known of a file.
struct Seen {
    /// `None` where there is none.
    stamp: Option<Stamp>,
    /// Another one, which the last look at all has found.
    unsettled: Option<Option<Stamp>>,
    /// Whether it is loaded, or asked for by a pattern. Others in the folders are known so that a new one is found.
    counts: bool,
}

impl CodeWatch {
    /// Watches from here on. The other end is the workers'.
    pub(super) fn new(plan: CodePlan, now: Instant) -> io::Result<(Self, Reporter)> {
        let (inbox, reporter) = Inbox::new()?;
        let mut code = CodeWatch {
            plan,
            folders: Folders::new(),
            deep: HashSet::new(),
            files: HashMap::new(),
            inbox,
            hinted: BTreeSet::new(),
            hints: None,
            failed: None,
            folder_times: HashMap::new(),
            looked: now,
            pace: Pace::default(),
        };
        code.watch_plan();
        Ok((code, reporter))
    }

    /// The files for whose changes the code is to be loaded now; the load `generation` is the one that serves or is to.
    pub(super) fn due(&mut self, now: Instant, generation: u32) -> Vec<PathBuf> {
        let changed = self.changes(now, generation);
        self.pace.due(changed, now)
    }

    /// The files that have changed since this last said so.
    fn changes(&mut self, now: Instant, generation: u32) -> Vec<PathBuf> {
        while let Some(report) = self.inbox.take() {
            if report.generation == generation {
                self.learn(report, now);
            }
        }
        for happening in self.folders.take() {
            self.heed(happening, now);
        }
        let mut changed = Vec::new();
        if self.hints_due().is_some_and(|due| now >= due) {
            self.hints = None;
            for path in std::mem::take(&mut self.hinted) {
                if self.has_changed(&path) {
                    changed.push(path);
                }
            }
        }
        if now >= self.looked + LOOK_TIME {
            self.looked = now;
            self.watch_plan();
            self.look_at_all(&mut changed);
            self.look_at_folders(now);
        }
        changed
    }

    /// When there is something to be looked at.
    pub(super) fn until(&self) -> Instant {
        let look = self.looked + LOOK_TIME;
        [self.hints_due(), self.pace.until()].into_iter().flatten().fold(look, Instant::min)
    }

    /// What is readable once there is something to take.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.folders.descriptor().into_iter().chain([self.inbox.descriptor()])
    }

    fn hints_due(&self) -> Option<Instant> {
        self.hints.map(|(first, last)| (last + QUIET_TIME).min(first + HINT_TIME_MAX))
    }

    fn hint(&mut self, path: PathBuf, now: Instant) {
        self.hinted.insert(path);
        let first = self.hints.map_or(now, |(first, _)| first);
        self.hints = Some((first, now));
    }

    /// Takes note of what a worker has loaded.
    fn learn(&mut self, report: Report, now: Instant) {
        debug!("--reload: {} files and folders are reported", report.paths.len());
        self.failed = report.has_failed.then_some(report.generation).or(self.failed);
        if self.failed.is_some_and(|failed| failed < report.generation) {
            self.failed = None;
        }
        for path in report.paths {
            if path.as_os_str().as_bytes().ends_with(b"/") {
                self.watch(&path.components().collect::<PathBuf>());
                continue;
            }
            // Where a link leads, too: what is saved there is told of that folder.
            let real = fs::canonicalize(&path).ok().filter(|real| *real != path);
            for path in [Some(path), real].into_iter().flatten() {
                self.watch(path.parent().unwrap_or(&path));
                let stamp = Stamp::of(&path);
                let is_new = self.count(&path, stamp);
                if is_new && stamp.is_some_and(|stamp| stamp.is_since(report.since)) {
                    // It was saved while it was loaded: which of the two was first, nobody knows.
                    if let Some(seen) = self.files.get_mut(&path) {
                        seen.stamp = None;
                    }
                    self.hint(path, now);
                }
            }
        }
    }

    /// A file of this path counts from here on; returns whether it did not before.
    fn count(&mut self, path: &Path, stamp: Option<Stamp>) -> bool {
        match self.files.get(path) {
            // Whether it changes is seen by what is known of it, and not by what is there now.
            Some(seen) if seen.counts => return false,
            None if self.files.len() >= FILES_COUNT_MAX => return false,
            _ => {}
        }
        self.files.insert(path.to_owned(), Seen { stamp, unsettled: None, counts: true });
        true
    }

    fn watch_plan(&mut self) {
        for folder in self.plan.folders.clone() {
            self.watch(&folder);
        }
        for pattern in self.plan.includes.clone() {
            let Base { folder, is_deep } = pattern.base(&self.plan.root);
            if is_deep {
                self.watch_below(&folder);
            } else {
                self.watch(&folder);
            }
        }
    }

    /// Watches a folder, and knows what is there; returns whether it was not watched before.
    fn watch(&mut self, folder: &Path) -> bool {
        let is_new = self.folders.watch(folder);
        if is_new {
            for entry in entries(folder) {
                let path = entry.path();
                let counts = self.is_included(&path);
                let has_room = self.files.len() < FILES_COUNT_MAX;
                if has_room && (counts || is_python(&entry.file_name())) && !self.files.contains_key(&path) {
                    let stamp = Stamp::of(&path);
                    self.files.insert(path, Seen { stamp, unsettled: None, counts });
                }
            }
        }
        is_new
    }

    /// The same with all folders below it, but for those that a pattern does not mean.
    fn watch_below(&mut self, folder: &Path) {
        self.watch(folder);
        if !folder.is_dir() || !self.deep.insert(folder.to_owned()) {
            return;
        }
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            // A link to a folder above would have no end.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_foreign(&entry.path()) {
                self.watch_below(&entry.path());
            }
        }
    }

    fn is_included(&self, path: &Path) -> bool {
        self.plan.includes.iter().any(|pattern| pattern.means(&self.plan.root, path))
    }

    fn heed(&mut self, happening: Happening, now: Instant) {
        match happening {
            Happening::File(path) => {
                let is_code = path.file_name().is_some_and(is_python);
                if is_code || self.files.contains_key(&path) || self.is_included(&path) {
                    self.hint(path, now);
                }
            }
            Happening::Folder(path) => {
                if is_foreign(&path) {
                    return;
                }
                let bases = self.plan.includes.iter().map(|pattern| pattern.base(&self.plan.root));
                if bases.into_iter().any(|base| base.is_deep && path.starts_with(&base.folder)) {
                    self.folder_came(&path, now, true);
                } else if self.failed.is_some() || self.has_files_below(&path) {
                    self.folder_came(&path, now, false);
                }
            }
            Happening::Gone(folder) => {
                self.deep.retain(|deep| !deep.starts_with(&folder));
                let below: Vec<PathBuf> =
                    self.files.keys().filter(|path| path.starts_with(&folder)).cloned().collect();
                below.into_iter().for_each(|path| self.hint(path, now));
            }
            Happening::Overflow => {
                warn!("--reload: more has happened than the kernel keeps; all files are looked at");
                let folders: Vec<PathBuf> = self.folders.paths().map(Path::to_owned).collect();
                folders.into_iter().for_each(|folder| self.folder_came(&folder, now, false));
                let all: Vec<PathBuf> = self.files.keys().cloned().collect();
                all.into_iter().for_each(|path| self.hint(path, now));
            }
        }
    }

    /// Files have come with a folder, of which nothing was told.
    fn folder_came(&mut self, folder: &Path, now: Instant, is_deep: bool) {
        self.folders.watch(folder);
        for entry in entries(folder) {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if is_deep && !is_foreign(&path) {
                    self.folder_came(&path, now, true);
                }
            } else {
                self.heed(Happening::File(path), now);
            }
        }
    }

    fn has_files_below(&self, folder: &Path) -> bool {
        self.files.iter().any(|(path, seen)| seen.counts && path.starts_with(folder))
    }

    /// Looks at a file of which there was a hint; returns whether that is a reload.
    fn has_changed(&mut self, path: &Path) -> bool {
        let stamp = Stamp::of(path);
        let is_included = self.is_included(path);
        let is_full = self.files.len() >= FILES_COUNT_MAX;
        match self.files.get_mut(path) {
            Some(seen) => {
                let is_other = seen.stamp != stamp;
                (seen.stamp, seen.unsettled) = (stamp, None);
                seen.counts |= is_included;
                is_other && (seen.counts || self.failed.is_some())
            }
            None if stamp.is_none() || is_full => false,
            // It is new, and what was loaded may have looked for it.
            None => {
                self.files.insert(path.to_owned(), Seen { stamp, unsettled: None, counts: is_included });
                true
            }
        }
    }

    fn look_at_all(&mut self, changed: &mut Vec<PathBuf>) {
        let is_any = self.failed.is_some();
        for (path, seen) in &mut self.files {
            if !(seen.counts || is_any) || self.hinted.contains(path) {
                continue;
            }
            let stamp = Stamp::of(path);
            if stamp == seen.stamp {
                seen.unsettled = None;
            } else if seen.unsettled.replace(stamp) == Some(stamp) {
                (seen.stamp, seen.unsettled) = (stamp, None);
                changed.push(path.clone());
            }
        }
    }

    /// Looks for new files in the folders in which something has come or gone.
    fn look_at_folders(&mut self, now: Instant) {
        let folders: Vec<PathBuf> = self.folders.paths().map(Path::to_owned).collect();
        for folder in folders {
            let Ok(time) = fs::metadata(&folder).and_then(|metadata| metadata.modified()) else {
                self.folder_times.remove(&folder);
                continue;
            };
            if self.folder_times.insert(folder.clone(), time).is_some_and(|before| before != time) {
                for entry in entries(&folder) {
                    if !self.files.contains_key(&entry.path()) {
                        self.heed(Happening::File(entry.path()), now);
                    }
                }
            }
        }
    }
}

/// What is in a folder, as far as it can be known.
fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_COUNT_MAX)
}

/// How long no hint comes before they are followed: an editor's steps, and the files of a "save all", are nearer.
const QUIET_TIME: Duration = Duration::from_millis(30);
/// How long the first of them waits at most: those that wait for the new code shall not wait for a whole checkout.
const HINT_TIME_MAX: Duration = Duration::from_millis(200);
/// How often all files are looked at: some milliseconds, where the kernel tells nothing.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// Files that are known, a count. A project with Django has some hundreds of its own.
const FILES_COUNT_MAX: usize = 10_000;

#[cfg(test)]
mod tests;
