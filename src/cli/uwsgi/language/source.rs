//! Reads what a configuration names: a file, stdin, a descriptor, or what a command prints.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::bounds::{COMMAND_TIME_MAX, FILE_BYTES_MAX};
use super::location::scheme;
use crate::cli::Result;
use crate::cli::bounded::read_all;
use crate::cli::shell::Shell;

/// What is at `file`: a path, `-` for stdin, `fd://N` or `exec://COMMAND`.
pub(super) fn read(file: &str) -> Result<Vec<u8>> {
    match scheme(file) {
        None if file == "-" => all(&mut io::stdin().lock(), file),
        None if file.is_empty() => Err("it names no file: write a path, or `-` for stdin".into()),
        None => {
            // Not one of uWSGI's, and no doubt what it means.
            let path = file.strip_prefix("file://").unwrap_or(file);
            let mut opened = File::open(path).map_err(|error| missing(path, &error))?;
            all(&mut opened, file)
        }
        Some(("fd", number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            let mut opened = File::open(format!("/proc/self/fd/{number}")).map_err(|error| missing(file, &error))?;
            all(&mut opened, file)
        }
        Some(("exec", command)) => printed_by(command),
        Some((scheme, _)) => Err(format!(
            "{file}: {scheme}:// is not read here: put what it brings into a file, or have a command print it (exec://COMMAND)"
        )
        .into()),
    }
}

fn missing(file: &str, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::NotFound if !file.starts_with('/') => {
            let here = std::env::current_dir().unwrap_or_default();
            format!("; a path without / before it begins in {}", here.display())
        }
        _ => String::new(),
    };
    format!("cannot read {file}: {error}{hint}")
}

fn all(from: &mut dyn Read, name: &str) -> Result<Vec<u8>> {
    read_all(from, FILE_BYTES_MAX).map_err(|error| format!("cannot read {name}: {error}").into())
}

/// What `sh -c COMMAND` prints, which may take as long as [`COMMAND_TIME_MAX`]. As in uWSGI, how it ends makes no difference.
fn printed_by(command: &str) -> Result<Vec<u8>> {
    printed_within(COMMAND_TIME_MAX, command)
}

fn printed_within(time_max: Duration, command: &str) -> Result<Vec<u8>> {
    let shell = Shell::start(command, Stdio::piped());
    let mut shell = shell.map_err(|error| format!("exec://{command}: cannot start it: {error}"))?;
    let mut output = shell.child.stdout.take().expect("it is piped");
    let (mut bytes, deadline) = (Vec::new(), Instant::now() + time_max);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) => {
                let seconds = time_max.as_secs_f64();
                return Err(
                    format!("exec://{command}: it prints nothing to the end within {seconds} s").into()
                );
            }
            Ok(_) => {}
            Err(nix::Error::EINTR) => continue,
            Err(error) => return Err(format!("exec://{command}: {error}").into()),
        }
        let mut buffer = [0; 4096];
        match output.read(&mut buffer) {
            Ok(0) => {
                shell.let_go();
                return Ok(bytes);
            }
            Ok(count) => bytes.extend(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("exec://{command}: {error}").into()),
        }
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("exec://{command}: it prints more than {FILE_BYTES_MAX} bytes").into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::eventually;
    use crate::process::load::state_of;

    #[test]
    fn a_command_s_output_is_read() {
        assert_eq!(read("exec://echo a; exit 3").unwrap(), b"a\n");
        let error = read("exec://yes").unwrap_err().to_string();
        assert!(error.starts_with("exec://yes: it prints more than"), "{error}");
    }

    #[test]
    fn a_command_that_takes_too_long_ends_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let command = format!("sleep 600 & echo $! > {}; wait", file.display());
        // Until it has come so far within its time, on a busy machine.
        let mut time_max = Duration::from_millis(100);
        let pid = loop {
            let error = printed_within(time_max, &command).unwrap_err().to_string();
            let want = format!("it prints nothing to the end within {} s", time_max.as_secs_f64());
            assert!(error.ends_with(&want), "{error}");
            if let Ok(pid) = std::fs::read_to_string(&file).unwrap_or_default().trim().parse() {
                break pid;
            }
            time_max *= 2;
        };
        eventually(|| state_of(pid).is_none_or(|state| state == 'Z'));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (file, want) in [
            ("/nope/a.ini", "cannot read /nope/a.ini: No such file or directory"),
            (
                "nope.ini",
                "cannot read nope.ini: No such file or directory (os error 2); a path without / before it begins in /",
            ),
            ("/", "cannot read /: Is a directory"),
            ("/dev/zero", "cannot read /dev/zero: it has more than"),
            ("http://x/", "http://x/: http:// is not read here"),
            ("", "it names no file"),
        ] {
            let error = read(file).unwrap_err().to_string();
            assert!(error.starts_with(want), "{file}: {error}");
        }
    }
}
