//! `--daemonize`: the server goes to the background, and the process that was started tells how that went.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};

use nix::sys::wait::waitpid;
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use signal_hook::low_level::exit;

use super::{Host, Result};
use crate::master::Fork;

/// Which process this is.
pub(super) enum Side {
    /// The one that was started; the server serves.
    Caller,
    /// The one in the background.
    Daemon(Caller),
}

/// The process that waits to be told how it went, if there is one.
#[derive(Default)]
pub(super) struct Caller(Option<PipeWriter>);

/// Goes to the background: into a session of its own, as a child of nobody's, without a terminal. The caller comes back once the
/// server serves, or with the reason why it cannot.
pub(super) fn daemonize(host: &dyn Host) -> Result<Side> {
    let (told, tell) = io::pipe()?;
    match host.fork()? {
        Fork::Parent(pid) => {
            drop(tell);
            // The child only makes another.
            let _ = waitpid(Pid::from_raw(pid), None);
            wait(told).map(|()| Side::Caller)
        }
        Fork::Child => {
            drop(told);
            setsid()?;
            // No leader of a session, it can get no terminal by opening one.
            if let Fork::Parent(_) = host.fork()? {
                exit(0);
            }
            let null = File::options().read(true).write(true).open("/dev/null")?;
            dup2_stdin(&null)?;
            dup2_stdout(&null)?;
            dup2_stderr(&null)?;
            Ok(Side::Daemon(Caller(Some(tell))))
        }
    }
}

/// Waits until the server serves, or has said why it cannot.
fn wait(mut told: PipeReader) -> Result<()> {
    let mut first = [0];
    match told.read(&mut first)? {
        0 => Err("the server has ended before it served; the log may say why".into()),
        _ if first == [SERVES] => Ok(()),
        _ => {
            let mut why = String::new();
            told.read_to_string(&mut why)?;
            Err(why.into())
        }
    }
}

impl Caller {
    /// The server serves.
    pub(super) fn serves(&mut self) {
        self.tell(&[SERVES]);
    }

    /// It cannot, and why.
    pub(super) fn fails(&mut self, why: &str) {
        self.tell(&[&[FAILS], why.as_bytes()].concat());
    }

    fn tell(&mut self, words: &[u8]) {
        // A caller that is gone does not want to know.
        let _ = self.0.take().map(|mut tell| tell.write_all(words));
    }
}

const SERVES: u8 = b'S';
const FAILS: u8 = b'F';
