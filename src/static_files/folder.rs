//! A name below a folder, opened so that nothing outside can be meant.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// Whether symbolic links below a folder are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Links {
    #[default]
    Refused,
    Followed,
}

/// What a name stands for.
#[derive(Debug)]
pub(super) enum Found {
    File(Opened),
    Folder,
    /// There is nothing that is served.
    Nothing,
    /// There may be, but the system does not let it be read.
    Failure(io::Error),
}

/// A regular file.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) metadata: Metadata,
}

/// A folder that is there.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    links: Links,
}

impl Root {
    /// Opens it for one request: it may be a link, as a release's often is, and another one by the next. `None` if it is not
    /// there.
    pub(super) fn open(path: &Path, links: Links) -> Option<io::Result<Root>> {
        match openat(rustix::fs::CWD, path, FOLDER, Mode::empty()) {
            Ok(folder) => Some(Ok(Root { folder, links })),
            Err(error) => match missing(error.into()) {
                Found::Failure(error) => Some(Err(error)),
                _ => None,
            },
        }
    }

    /// Looks for `name` below it. No segment of the name is `..`.
    pub(super) fn find(&self, name: &[u8]) -> Found {
        found(open(&self.folder, name, self.links))
    }
}

fn found(opened: Result<OwnedFd, Errno>) -> Found {
    let file = match opened {
        Ok(file) => File::from(file),
        Err(error) => return missing(error.into()),
    };
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Found::File(Opened { file, metadata }),
        Ok(metadata) if metadata.is_dir() => Found::Folder,
        // A FIFO, a device, a socket: none of them has been read from.
        Ok(_) => Found::Nothing,
        Err(error) => Found::Failure(error),
    }
}

/// What an error says of the file.
fn missing(error: io::Error) -> Found {
    let is_link = [Errno::LOOP, Errno::XDEV].map(Errno::raw_os_error);
    // A socket, or a FIFO or device that nobody is behind.
    let is_special = [Errno::NXIO, Errno::NODEV].map(Errno::raw_os_error);
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename, _) => Found::Nothing,
        (_, Some(number)) if is_link.contains(&number) || is_special.contains(&number) => Found::Nothing,
        _ => Found::Failure(error),
    }
}

fn open(folder: &OwnedFd, name: &[u8], links: Links) -> Result<OwnedFd, Errno> {
    /// The kernel does not know openat2 (it is of 5.6), or a container's filter does not let it through.
    static IS_REFUSED: AtomicBool = AtomicBool::new(false);

    if links == Links::Followed {
        return openat(folder, name, READ, Mode::empty());
    }
    if !IS_REFUSED.load(Relaxed) {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(folder, name, READ, Mode::empty(), resolve) {
            Err(Errno::NOSYS | Errno::PERM) => IS_REFUSED.store(true, Relaxed),
            // The tree was changed meanwhile, and the kernel cannot be sure.
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
    walk(folder, name)
}

/// The same, segment after segment.
fn walk(folder: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let mut segments = name.split(|byte| *byte == b'/');
    let last = segments.next_back().unwrap_or_default();
    let mut current = None;
    for segment in segments {
        let at = current.as_ref().unwrap_or(folder);
        current = Some(openat(at, segment, FOLDER | OFlags::NOFOLLOW, Mode::empty())?);
    }
    openat(current.as_ref().unwrap_or(folder), last, READ | OFlags::NOFOLLOW, Mode::empty())
}

/// A folder that is only passed through.
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A file to read. What is none must not be waited for, nor become the process's terminal.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// What each name stands for: f, d, - or !, opened in all three ways: by openat2, by the walk, and with links.
    fn letters(folder: &Path, name: &str) -> String {
        let letter = |found: Found| match found {
            Found::File(_) => 'f',
            Found::Folder => 'd',
            Found::Nothing => '-',
            Found::Failure(_) => '!',
        };
        let name = name.as_bytes();
        let find = |find: &dyn Fn(&Root) -> Found, links| match Root::open(folder, links) {
            Some(root) => find(&root.unwrap()),
            None => Found::Nothing,
        };
        let ways = [
            find(&|root| root.find(name), Links::Refused),
            find(&|root| found(walk(&root.folder, name)), Links::Refused),
            find(&|root| root.find(name), Links::Followed),
        ];
        ways.map(letter).iter().collect()
    }

    #[test]
    fn names_are_found_and_links_are_not_followed_unasked() {
        let all = tempfile::tempdir().unwrap();
        let folder = all.path().join("folder");
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::write(all.path().join("secret"), "secret").unwrap();
        fs::write(folder.join("a/b/file"), "file").unwrap();
        symlink("file", folder.join("a/b/near")).unwrap();
        symlink("../secret", folder.join("out")).unwrap();
        symlink(all.path(), folder.join("above")).unwrap();
        symlink("/proc/self/fd/0", folder.join("magic")).unwrap();
        symlink("nowhere", folder.join("dangling")).unwrap();
        symlink("loop", folder.join("loop")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        let _socket = UnixListener::bind(folder.join("socket")).unwrap();
        for (name, want) in [
            ("a/b/file", "fff"),
            (".", "ddd"),
            ("a", "ddd"),
            ("a/b", "ddd"),
            ("a/c", "---"),
            ("a/b/file/index.html", "---"),
            ("a/b/near", "--f"),
            ("out", "--f"),
            ("above/secret", "--f"),
            ("above", "--d"),
            ("dangling", "---"),
            ("loop", "---"),
            ("fifo", "---"),
            ("socket", "---"),
            (&"x".repeat(300), "---"),
        ] {
            assert_eq!(letters(&folder, name), want, "{name}");
        }
        assert!(letters(&folder, "magic").starts_with("--"));
        let link = all.path().join("current");
        symlink(&folder, &link).unwrap();
        assert_eq!(letters(&link, "a/b/file"), "fff", "the folder itself may be a link");
        assert_eq!(letters(&all.path().join("gone"), "a"), "---");
    }
}
