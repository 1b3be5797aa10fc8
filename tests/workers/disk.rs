//! A command on a small disk of its own, which no other process sees and which goes away with it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;

use crate::master::{Master, wrap};

/// Has the command run where FOLDER/disk is a disk of this size; `script` is run there before it. Returns its path.
pub(crate) fn mount(command: &mut Command, size: &str, script: &str) -> PathBuf {
    let privileges = if nix::unistd::geteuid().is_root() { "--mount" } else { "--mount --map-root-user" };
    let disk = command.get_current_dir().unwrap().join("disk");
    fs::create_dir(&disk).unwrap();
    let script = format!("mount -t tmpfs -o size={size} none disk && {script} exec \"$@\"");
    let unshare = format!("exec unshare {privileges} sh -c '{script}' sh \"$@\"");
    wrap(command, &["sh", "-c", &unshare, "sh"]);
    disk
}

/// A file of that disk, as it is seen from here.
pub(crate) fn path(master: &Master, name: &str) -> PathBuf {
    let folder = master.folder.path().display();
    PathBuf::from(format!("/proc/{}/root{folder}/disk/{name}", master.pid()))
}

/// Fills the disk with a file, until it has not a block left.
pub(crate) fn fill(master: &Master) {
    let mut filler = File::create(path(master, "filler")).unwrap();
    let error = loop {
        if let Err(error) = filler.write_all(&[b'.'; 4 << 10]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
}

/// Makes room again.
pub(crate) fn clear(master: &Master) {
    fs::remove_file(path(master, "filler")).unwrap();
}
