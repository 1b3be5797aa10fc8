//! How this process was started, and so how another is that is to do the same; or what this one becomes.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::unistd::execve;

use super::handover::{VARIABLE, borrow};

/// The program, its arguments, and what it was started in: the folder and the environment, which code that is loaded later
/// may change.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    program: OsString,
    arguments: Vec<OsString>,
    folder: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// Descriptors beside stdin, stdout and stderr, which its programs may be told of.
    descriptors: Vec<RawFd>,
}

impl Invocation {
    /// That of this process, before it goes to another folder. `arguments` begins with the program's name.
    pub(crate) fn of_this_process(arguments: impl IntoIterator<Item = OsString>) -> io::Result<Self> {
        let mut arguments = arguments.into_iter();
        let program = arguments.next().ok_or_else(|| io::Error::other("the process has no name"))?;
        // Said of descriptors that are another's by then.
        let environment =
            env::vars_os().filter(|(name, _)| name != VARIABLE && !LISTEN.iter().any(|one| name == one));
        Ok(Invocation {
            program,
            arguments: arguments.collect(),
            folder: env::current_dir()?,
            environment: environment.collect(),
            descriptors: open_descriptors().filter(|number| !closes_on_exec(*number)).collect(),
        })
    }

    /// Another process that is started so, with what `place` names. These descriptors are left open for it, and it ends with
    /// this one.
    #[allow(unsafe_code)]
    pub(super) fn command(&self, place: &str, kept: Vec<RawFd>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).env(VARIABLE, place);
        // SAFETY: between fork and exec only fcntl(2) and prctl(2) are called, which take no pointer here and allocate nothing.
        unsafe {
            command.pre_exec(move || {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) < 0 {
                    return Err(io::Error::last_os_error());
                }
                for descriptor in &kept {
                    if libc::fcntl(*descriptor, libc::F_SETFD, 0) < 0 {
                        return Err(io::Error::last_os_error());
                    }
                }
                Ok(())
            });
        }
        command
    }

    /// Has this process become that program, with what `place` names: its number and its children stay, and of its descriptors
    /// those that are `kept`, and those that it was started with. Returns only if that cannot be.
    pub(super) fn become_it(&self, place: &str, kept: &[RawFd]) -> io::Error {
        let before = env::current_dir();
        let error = self.try_to_become_it(place, kept).err().unwrap_or_else(|| io::ErrorKind::Other.into());
        let _ = before.map(env::set_current_dir);
        let _ = kept.iter().try_for_each(|number| set_flag(*number, FdFlag::FD_CLOEXEC));
        io::Error::new(error.kind(), format!("{}: {error}", self.program.display()))
    }

    fn try_to_become_it(&self, place: &str, kept: &[RawFd]) -> io::Result<()> {
        let arguments = [&self.program].into_iter().chain(&self.arguments);
        let arguments = arguments.map(|one| CString::new(one.as_bytes())).collect::<Result<Vec<_>, _>>()?;
        let place = (OsString::from(VARIABLE), OsString::from(place));
        let environment = self.environment.iter().chain([&place]);
        let environment = environment
            .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()))
            .collect::<Result<Vec<_>, _>>()?;
        env::set_current_dir(&self.folder)?;
        self.close_others(kept)?;
        let mut failed = Errno::ENOENT;
        for path in self.paths() {
            let Err(error) = execve(&CString::new(path.as_os_str().as_bytes())?, &arguments, &environment);
            // As execvp(3): one that is not there, or no program, is followed by the next.
            if !matches!(error, Errno::ENOENT | Errno::ENOTDIR) {
                failed = error;
            }
        }
        Err(failed.into())
    }

    /// Has all descriptors close with the exec but those that are `kept`, and those that the process was started with: also
    /// what an application has opened for its own programs.
    fn close_others(&self, kept: &[RawFd]) -> io::Result<()> {
        let others = open_descriptors().filter(|number| !self.descriptors.contains(number));
        others.for_each(|number| drop(set_flag(number, FdFlag::FD_CLOEXEC)));
        kept.iter().try_for_each(|number| set_flag(*number, FdFlag::empty()))
    }

    /// Where the program may be.
    fn paths(&self) -> Vec<PathBuf> {
        if self.program.as_bytes().contains(&b'/') {
            return vec![PathBuf::from(&self.program)];
        }
        let path =
            self.environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
        env::split_paths(path.unwrap_or(OsStr::new("/bin:/usr/bin")))
            .map(|folder| folder.join(&self.program))
            .collect()
    }
}

/// Those that are open, from the first on that has no meaning by custom; none are known where there is no /proc.
fn open_descriptors() -> impl Iterator<Item = RawFd> {
    let numbers = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<RawFd> = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.into_iter().filter(|number| *number > 2)
}

fn closes_on_exec(number: RawFd) -> bool {
    let flags = borrow(number, |descriptor| fcntl(descriptor, FcntlArg::F_GETFD));
    flags.is_ok_and(|flags| FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC))
}

fn set_flag(number: RawFd, flag: FdFlag) -> io::Result<()> {
    borrow(number, |descriptor| fcntl(descriptor, FcntlArg::F_SETFD(flag))).map(drop)
}

/// What systemd says of sockets that it hands over.
const LISTEN: [&str; 3] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];
