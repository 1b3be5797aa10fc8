//! `--attach`: what is to be kept alive, as it is written.

use std::path::PathBuf;
use std::str::FromStr;

use nix::sys::signal::Signal;

use super::super::privileges::Identity;

/// A program that is to run beside the workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attach {
    /// What the shell is given.
    pub(super) command: String,
    /// It goes to the background by itself, and this is where its number stands then.
    pub(super) pid_file: Option<PathBuf>,
    /// Where it runs.
    pub(super) folder: Option<PathBuf>,
    /// Paths whose change starts it anew.
    pub(super) touch: Vec<PathBuf>,
    /// What ends it.
    pub(super) stop_signal: Signal,
    /// Whom it runs as, if not as the master.
    pub(super) identity: Option<Identity>,
    /// The server stops when it ends.
    pub(super) is_vital: bool,
}

impl Attach {
    /// What runs as this process, and was asked for by a master before.
    pub(super) fn of_before(process: i32, stop_signal: Signal) -> Self {
        Attach {
            command: format!("process {process} of the settings before"),
            pid_file: None,
            folder: None,
            touch: Vec::new(),
            stop_signal,
            identity: None,
            is_vital: false,
        }
    }
}

impl FromStr for Attach {
    type Err = String;

    /// `COMMAND`, or `[KEY=VALUE,…] COMMAND`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (settings, command) = match text.strip_prefix('[').filter(|rest| !rest.starts_with([' ', '['])) {
            None => ("", text),
            Some(rest) => {
                rest.split_once(']').ok_or("the bracket has no other: write [KEY=VALUE,…] COMMAND")?
            }
        };
        let command = command.trim().to_owned();
        if command.is_empty() || command.contains('\0') {
            return Err("write the COMMAND that is to be kept running".to_owned());
        }
        let mut attach = Attach {
            command,
            pid_file: None,
            folder: None,
            touch: Vec::new(),
            stop_signal: Signal::SIGTERM,
            identity: None,
            is_vital: false,
        };
        let (mut user, mut group) = (None, None);
        for setting in settings.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            match (key, value) {
                ("vital", "") => attach.is_vital = true,
                (_, "") => return Err(format!("{key}: {KEYS}")),
                ("pidfile", _) => attach.pid_file = Some(value.into()),
                ("chdir", _) => attach.folder = Some(value.into()),
                ("touch", _) => attach.touch.push(value.into()),
                ("stop-signal", _) => attach.stop_signal = signal(value)?,
                ("user", _) => user = Some(value),
                ("group", _) => group = Some(value),
                _ => return Err(format!("{key}: {KEYS}")),
            }
        }
        if user.or(group).is_some() {
            attach.identity = Some(Identity::find(user, group).map_err(|error| error.to_string())?);
        }
        Ok(attach)
    }
}

/// A signal by its name or number: `INT`, `SIGINT`, `2`.
fn signal(text: &str) -> Result<Signal, String> {
    let by_number = text.parse::<i32>().ok().and_then(|number| Signal::try_from(number).ok());
    let by_name = || format!("SIG{}", text.trim_start_matches("SIG")).parse().ok();
    by_number.or_else(by_name).ok_or_else(|| format!("stop-signal={text}: write a signal, as INT or 2"))
}

const KEYS: &str = "\
the keys are pidfile=FILE, chdir=DIR, touch=PATH, stop-signal=SIGNAL, user=NAME, group=NAME and vital";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_and_its_settings_are_read() {
        let plain: Attach = " redis-server --port 0 ".parse().unwrap();
        assert_eq!((plain.command.as_str(), plain.stop_signal), ("redis-server --port 0", Signal::SIGTERM));
        let all: Attach =
            "[pidfile=/run/x.pid, chdir=/srv,touch=/a,touch=/b,stop-signal=INT,vital] x -a".parse().unwrap();
        assert_eq!(all.command, "x -a");
        assert_eq!(all.pid_file, Some("/run/x.pid".into()));
        assert_eq!(all.touch, ["/a", "/b"].map(PathBuf::from));
        assert!(all.stop_signal == Signal::SIGINT && all.is_vital);
        // The shell's own test is a command.
        let test: Attach = "[ -e /tmp/x ] && sleep 1".parse().unwrap();
        assert_eq!(test.command, "[ -e /tmp/x ] && sleep 1");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, want) in [
            ("", "write the COMMAND"),
            ("[pidfile=/run/x.pid]", "write the COMMAND"),
            ("[pidfile=/run/x.pid x", "has no other"),
            ("[pidfile] x", "pidfile: the keys are"),
            ("[colour=red] x", "colour: the keys are"),
            ("[stop-signal=X] x", "write a signal"),
            ("[user=nobody-here] x", "there is no user"),
        ] {
            let error = text.parse::<Attach>().unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
