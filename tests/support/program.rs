//! Programs that are run beside the server. One that is missing is a failure that says so.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program, which the Debian package `package` has.
#[track_caller]
pub(crate) fn installed(name: &str, package: &str) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let remedy = "run `make test` or tests/setup.sh, or install the package";
    assert!(is_there, "{name} is missing: {remedy} {package}");
    Command::new(name)
}

/// A program of `.venv`, which tests/setup.sh makes.
#[track_caller]
pub(crate) fn venv(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin").join(name);
    assert!(path.exists(), "{} is missing: run `make test` or tests/setup.sh", path.display());
    path
}

/// Runs a Python with a script of this repository, and leaves no `__pycache__` in the work tree.
pub(crate) fn script(mut python: Command, path: &str) -> Command {
    python.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    python
}

/// What a command prints that is to end well, when it has read `input`.
#[track_caller]
pub(crate) fn output(mut command: Command, input: &[u8]) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Dropped at the end of the statement, which is the end of the input. A command that ends early need not read it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ends with {}:\n{out}\n{err}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
