//! The magic variables of a file: `%d`, the folder that it lies in, `%n`, its name, and all the others.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::unistd::{Gid, Group, Uid, User};

use super::location::Location;

/// What each variable stands for; those that a file gives, until the next file gives others.
#[derive(Debug)]
pub(super) struct Magic {
    variables: BTreeMap<u8, Vec<u8>>,
    /// The first file has given the upper-case ones; or none may now, as one of `include`, and what it names.
    pub(super) has_first: bool,
}

/// The version of uWSGI whose configurations these are, `%V`.
pub(in crate::cli::uwsgi) const VERSION: &str = "2.0.31";

/// Those that the first file gives for good, in upper case.
const OF_FIRST: &[u8] = b"odspcenxij";

impl Magic {
    /// Those that no file has to give.
    pub(super) fn new() -> Self {
        let (uid, gid) = (Uid::current(), Gid::current());
        let user = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
        let group = Group::from_gid(gid).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let path = |path: std::io::Result<std::path::PathBuf>| {
            path.map_or_else(|_| Vec::new(), |path| path.as_os_str().as_bytes().to_vec())
        };
        let variables = [
            (b'%', b"%".to_vec()),
            // A placeholder, which is resolved later.
            (b'(', b"%(".to_vec()),
            (b'[', b"\x1b".to_vec()),
            (b'v', path(env::current_dir())),
            (b'b', path(env::current_exe())),
            (b'h', hostname().into_bytes()),
            (b't', since.as_secs().to_string().into()),
            (b'T', since.as_micros().to_string().into()),
            (b'V', VERSION.into()),
            (b'k', cpus.to_string().into()),
            (b'u', uid.to_string().into()),
            (b'U', user.into()),
            (b'g', gid.to_string().into()),
            (b'G', group.into()),
        ];
        Magic { variables: variables.into(), has_first: false }
    }

    /// What a variable stands for; nothing for one that is none.
    pub(super) fn get(&self, variable: u8) -> Vec<u8> {
        self.variables.get(&variable).cloned().unwrap_or_default()
    }

    /// Takes the variables of a file that is about to be read.
    pub(super) fn enter(&mut self, location: &Location) {
        self.set(b'o', location.file.as_bytes());
        // Of what is no file, only that is known.
        let Some(file) = location.path() else { return };
        if !file.is_empty() {
            self.enter_file(file);
        }
        self.set(b'x', location.section.as_deref().unwrap_or_default().as_bytes());
        if !self.has_first {
            self.has_first = true;
            for variable in OF_FIRST {
                self.set(variable.to_ascii_uppercase(), &self.get(*variable));
            }
        }
    }

    fn enter_file(&mut self, file: &str) {
        let path = Path::new(file);
        // A link is its own name; its target lies elsewhere.
        let full = if path.is_symlink() { std::path::absolute(path) } else { fs::canonicalize(path) };
        let full = full.unwrap_or_else(|_| path.to_owned()).as_os_str().as_bytes().to_vec();
        let name_at = full.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let (folder, name) = full.split_at(name_at);
        let dot = name.iter().rposition(|byte| *byte == b'.');
        let mut parents = folder.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
        self.set(b'c', parents.clone().next_back().unwrap_or_default());
        for digit in b'0'..=b'9' {
            self.set(digit, parents.next().unwrap_or_default());
        }
        self.set(b'd', folder);
        self.set(b's', name);
        self.set(b'n', &name[..dot.unwrap_or(name.len())]);
        self.set(b'e', dot.map_or(&[][..], |at| &name[at + 1..]));
        self.set(b'j', hash(&full).as_bytes());
        if let Ok(metadata) = fs::symlink_metadata(path) {
            self.set(b'i', inode(metadata.ino()).as_bytes());
        }
        self.set(b'p', &full);
    }

    fn set(&mut self, variable: u8, value: &[u8]) {
        self.variables.insert(variable, value.to_vec());
    }
}

/// The machine's name.
pub(super) fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim_end_matches('\n').to_owned()
}

/// uWSGI prints it as a number of 32 bits with a sign.
#[allow(clippy::cast_possible_truncation, reason = "as uWSGI prints it")]
fn inode(number: u64) -> String {
    (number as i32).to_string()
}

/// Bernstein's hash of a path, 32 bits, the lowest byte first.
fn hash(path: &[u8]) -> String {
    let hash = path.iter().fold(5381_u32, |hash, byte| {
        // A char has a sign.
        hash.wrapping_mul(33) ^ i32::from(byte.cast_signed()).cast_unsigned()
    });
    hash.to_le_bytes().iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(magic: &Magic, variables: &str) -> String {
        variables
            .bytes()
            .map(|variable| String::from_utf8(magic.get(variable)).unwrap())
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn a_file_gives_its_path_and_the_parts_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = fs::canonicalize(folder.path()).unwrap();
        let file = folder.join("my.app.ini");
        fs::write(&file, "").unwrap();
        let folder = folder.to_str().unwrap();
        let mut magic = Magic::new();
        magic.enter(&Location::of(&format!("{folder}/my.app.ini:prod")));
        assert_eq!(of(&magic, "dsnex"), format!("{folder}/|my.app.ini|my.app|ini|prod"));
        assert_eq!(of(&magic, "0c"), format!("tmp|{}", folder.rsplit('/').next().unwrap()));
        assert_eq!(of(&magic, "DSNEX"), of(&magic, "dsnex"));
        // Another section of the same file; and the upper-case ones stay.
        magic.enter(&Location::of(":dev"));
        assert_eq!(of(&magic, "sxX"), "my.app.ini|dev|prod");
        magic.enter(&Location::of("exec://ls"));
        assert_eq!(of(&magic, "os"), "exec://ls|my.app.ini");
        assert_eq!(of(&magic, "%(q"), "%|%(|");
    }

    #[test]
    fn a_path_s_hash_is_uwsgi_s() {
        assert_eq!(hash(b"/tmp/ct/a.ini"), "D5ECA5B2");
    }
}
