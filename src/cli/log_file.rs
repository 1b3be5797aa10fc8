//! Log files that can be opened anew, after logrotate or its like has moved them away.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use log::error;
use nix::unistd::dup2_stderr;

use crate::listener::Owner;

/// A file to which lines are appended, each whole, by several processes. Clones are the same file.
#[derive(Clone)]
pub(super) struct LogFile {
    path: PathBuf,
    file: Rc<RefCell<File>>,
}

impl LogFile {
    /// Opens the file, and makes it if need be: then it is `owner`'s, who will have to open it again.
    pub(super) fn open(path: &Path, owner: Option<Owner>) -> super::Result<Self> {
        let named = |error: io::Error| format!("cannot write to {}: {error}", path.display());
        let path = std::path::absolute(path).map_err(named)?;
        let file = append(&path).map_err(named)?;
        if let Some(Owner { user, group }) = owner
            && nix::unistd::geteuid().is_root()
        {
            fchown(&file, user, group).map_err(named)?;
        }
        Ok(LogFile { path, file: Rc::new(RefCell::new(file)) })
    }

    /// Opens the file of this name anew. If that fails, the lines go where they went before.
    pub(super) fn reopen(&self) {
        match append(&self.path) {
            Ok(file) => *self.file.borrow_mut() = file,
            Err(error) => error!("{} cannot be opened anew: {error}", self.path.display()),
        }
    }

    /// Makes it the process's stderr, so that nothing which is written there is lost: tracebacks, last words, the
    /// application's own lines.
    pub(super) fn become_stderr(&self) {
        if let Err(error) = dup2_stderr(&*self.file.borrow()) {
            error!("{} cannot take stderr: {error}", self.path.display());
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.borrow_mut().flush()
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}
