//! A test that needs a process of its own: the test program starts itself again for it.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Output};

/// Says to a test that it runs in a process of its own, and whatever else it is to be told.
const MESSAGE: &str = "TIDEGATE_TEST_CHILD";

/// Runs only the ignored test `name`, in a process of its own; under `wrapper` if that is not empty.
pub(crate) fn command(wrapper: &[impl AsRef<OsStr>], name: &str, message: &str) -> Command {
    let program = env::current_exe().unwrap();
    let mut command = match wrapper.split_first() {
        None => Command::new(program),
        Some((tool, arguments)) => {
            let mut command = Command::new(tool);
            command.args(arguments).arg(program);
            command
        }
    };
    command.args(["--ignored", "--exact", "--nocapture", "--test-threads=1", name]).env(MESSAGE, message);
    command
}

/// What the process was told that [`command`] made; `None` in any other, where such a test has nothing to do.
pub(crate) fn message() -> Option<String> {
    env::var(MESSAGE).ok()
}

/// That one test was run, and passed.
#[track_caller]
pub(crate) fn assert_passed(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("running 1 test\n"), "{text}");
}
