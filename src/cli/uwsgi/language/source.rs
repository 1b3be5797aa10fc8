//! Reads what a configuration names: a file, stdin, a descriptor, or what a command prints.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::bounds::{COMMAND_TIME_MAX, FILE_BYTES_MAX};
use super::location::scheme;
use crate::cli::Result;
use crate::cli::bounded::read_all;

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
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped());
    let child = shell.spawn().map_err(|error| format!("exec://{command}: cannot start it: {error}"))?;
    let mut running = Running(child);
    let mut output = running.0.stdout.take().expect("it is piped");
    let (mut bytes, deadline) = (Vec::new(), Instant::now() + COMMAND_TIME_MAX);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) => {
                let seconds = COMMAND_TIME_MAX.as_secs();
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
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("exec://{command}: {error}").into()),
        }
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("exec://{command}: it prints more than {FILE_BYTES_MAX} bytes").into());
        }
    }
}

/// A command that ends with what asked for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_s_output_is_read() {
        assert_eq!(read("exec://echo a; exit 3").unwrap(), b"a\n");
        let error = read("exec://yes").unwrap_err().to_string();
        assert!(error.starts_with("exec://yes: it prints more than"), "{error}");
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
