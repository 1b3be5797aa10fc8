//! `--control`: a named pipe that takes commands of one letter, as uWSGI's master-fifo does.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use log::{debug, info, warn};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use signal_hook::consts::{SIGHUP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};

use super::handover::{Handover, Left};
use super::{End, Master, State};
use crate::ascii::Ascii;
use crate::net::listener::Owner;

/// The pipe. Dropping it removes it, if it is this process's to remove.
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    pipe: File,
    /// The process that made it, or took it over.
    owned_by: Option<u32>,
}

impl Control {
    /// Makes the pipe, which is `owner`'s, or opens the one that is there. That of the master before goes on, with what was said
    /// and not read yet.
    pub(crate) fn open(path: &Path, owner: Option<Owner>, handover: Option<&Handover>) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let is_there = fs::symlink_metadata(&path).is_ok();
        if is_there && !fs::metadata(&path)?.file_type().is_fifo() {
            return Err(io::Error::other("something else than a named pipe is there; name another path"));
        }
        if !is_there {
            mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
            if let Some(Owner { user, group }) = owner {
                chown(&path, user, group)?;
            }
        }
        let handed =
            handover.and_then(|handover| handover.descriptor(handover.one(CONTROL)?)).map(File::from);
        let is_it = |pipe: &File| {
            let same = |one: Metadata, other: Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
            pipe.metadata().and_then(|one| Ok(same(one, fs::metadata(&path)?))).unwrap_or(false)
        };
        let pipe = match handed.filter(is_it) {
            Some(pipe) => pipe,
            // Open for writing too: so it never ends, whoever closes it.
            None => OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&path)?,
        };
        let owned_by = (!is_there).then(std::process::id);
        Ok(Control { path, pipe, owned_by })
    }

    /// Leaves it to a new master.
    pub(super) fn leave(&self, left: &mut Left) {
        let number = left.keep(&self.pipe);
        left.line(CONTROL, number);
    }

    /// It is this process's from here on.
    pub(super) fn own(&mut self) {
        self.owned_by = Some(std::process::id());
    }

    /// What is readable once a command has come.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    fn take(&mut self) -> Vec<u8> {
        let mut letters = [0; 64];
        let read = self.pipe.read(&mut letters).unwrap_or(0);
        letters[..read].to_vec()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A forked worker has a copy of this.
        if self.owned_by == Some(std::process::id())
            && let Err(error) = fs::remove_file(&self.path)
        {
            // As after a change of user.
            debug!("{} stays behind: {error}", self.path.display());
        }
    }
}

impl Master<'_> {
    /// Does what the pipe says.
    pub(super) fn follow_control(&mut self) -> Result<(), End> {
        let letters = self.control.as_mut().map(Control::take).unwrap_or_default();
        for letter in letters {
            self.follow_letter(letter)?;
        }
        Ok(())
    }

    fn follow_letter(&mut self, letter: u8) -> Result<(), End> {
        match letter {
            b'r' | b'R' | b'c' => self.obey(SIGHUP, 1),
            b'w' | b'W' => {
                if self.state == State::Serving {
                    self.start_reload("--control");
                }
                Ok(())
            }
            b'q' if self.state != State::Stopping => {
                self.stop();
                Ok(())
            }
            b'Q' => {
                self.kill();
                Err(End::Stopped(0))
            }
            b'+' => self.obey(SIGTTIN, 1),
            b'-' => self.obey(SIGTTOU, 1),
            b'l' | b'L' => self.obey(SIGUSR1, 1),
            b'f' => self.obey(SIGUSR2, 1),
            b's' => {
                info!("{}", self.fleet.status());
                Ok(())
            }
            b'q' | b'P' | b'\n' | b'\r' | b' ' | b'\t' => Ok(()),
            other => {
                warn!("--control: {:?} is no command here: {COMMANDS}", Ascii(&[other]).to_string());
                Ok(())
            }
        }
    }
}

const COMMANDS: &str = "\
they are r and w to reload, q and Q to stop, + and - for one worker more or less, l to open the logs anew, f for a new \
master, s for a line on how it is";

/// What the line begins with that leaves it.
const CONTROL: &str = "control";
