//! What a hook does.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;

use log::{info, warn};

use crate::cli::did_you_mean::nearest;
use crate::cli::shell::Shell;
use crate::cli::values::mode;
use crate::net::listener::Owner;

/// An action, with what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// A shell runs it, and is waited for. Its failure is the action's.
    Exec(String),
    /// The same, but that its failure is only told.
    SafeExec(String),
    Chdir(PathBuf),
    Mkdir(PathBuf),
    Create(PathBuf),
    Unlink(PathBuf),
    Chmod(PathBuf, u32),
    Chown(PathBuf, Owner),
    Write(PathBuf, String),
    Append(PathBuf, String),
    Print(String),
    StopOnSigterm,
}

impl Action {
    pub(super) fn run(&self) -> Result<(), String> {
        let done = match self {
            Action::Exec(command) => return shell(command),
            Action::SafeExec(command) => {
                if let Err(failure) = shell(command) {
                    warn!("safeexec:{command}: {failure}");
                }
                Ok(())
            }
            Action::Chdir(folder) => std::env::set_current_dir(folder),
            Action::Mkdir(folder) => unless(fs::create_dir(folder), ErrorKind::AlreadyExists),
            Action::Create(file) => File::create(file).map(drop),
            Action::Unlink(file) => unless(fs::remove_file(file), ErrorKind::NotFound),
            Action::Chmod(file, mode) => fs::set_permissions(file, Permissions::from_mode(*mode)),
            Action::Chown(file, owner) => chown(file, owner.user, owner.group),
            Action::Write(file, text) => fs::write(file, text),
            Action::Append(file, text) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(file)
                .and_then(|mut file| file.write_all(text.as_bytes())),
            Action::Print(text) => {
                info!("{text}");
                Ok(())
            }
            Action::StopOnSigterm => Ok(()),
        };
        done.map_err(|error| error.to_string())
    }
}

/// What was to be so is so already after a restart or an upgrade.
fn unless(done: io::Result<()>, kind: ErrorKind) -> io::Result<()> {
    done.or_else(|error| if error.kind() == kind { Ok(()) } else { Err(error) })
}

fn shell(command: &str) -> Result<(), String> {
    let status =
        Shell::start(command, Stdio::inherit()).and_then(Shell::wait).map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, what) = text.split_once(':').ok_or_else(|| format!("write ACTION:…; {NAMED}"))?;
        let (name, what) = (name.trim(), what.trim());
        let form = |form: &str| format!("{name}: write {name}:{form}");
        // A file, and what stands behind it.
        let two = |second: &str| {
            let pair = what.split_once(' ').filter(|(_, rest)| !rest.trim().is_empty());
            pair.map(|(file, rest)| (PathBuf::from(file), rest))
                .ok_or_else(|| form(&format!("FILE {second}")))
        };
        let one = |which: &str| if what.is_empty() { Err(form(which)) } else { Ok(what) };
        Ok(match name {
            "exec" => Action::Exec(one("COMMAND")?.to_owned()),
            "safeexec" => Action::SafeExec(one("COMMAND")?.to_owned()),
            "cd" | "chdir" => Action::Chdir(one("DIR")?.into()),
            "mkdir" => Action::Mkdir(one("DIR")?.into()),
            "create" | "creat" => Action::Create(one("FILE")?.into()),
            "unlink" => Action::Unlink(one("FILE")?.into()),
            "chmod" => {
                let (file, bits) = two("MODE")?;
                Action::Chmod(file, mode(bits.trim())?)
            }
            "chown" | "chown2" => {
                let (file, owner) = two("USER GROUP")?;
                let (user, group) = owner.trim().split_once(' ').ok_or_else(|| form("FILE USER GROUP"))?;
                let owner: Owner =
                    format!("{user}:{}", group.trim()).parse().map_err(|error| format!("{name}: {error}"))?;
                Action::Chown(file, owner)
            }
            "write" | "writen" | "append" | "appendn" => {
                let (file, line) = two("TEXT")?;
                let line = if name.ends_with('n') { format!("{line}\n") } else { line.to_owned() };
                if name.starts_with('w') { Action::Write(file, line) } else { Action::Append(file, line) }
            }
            "print" | "log" => Action::Print(what.to_owned()),
            // The number may have more behind it, as `15\t# gracefully_kill_them_all`: uWSGI reads the digits alone.
            "unix_signal" => match what.split_once(' ') {
                Some((number, "gracefully_kill_them_all")) if digits(number) == "15" => Action::StopOnSigterm,
                _ => return Err("unix_signal: only `15 gracefully_kill_them_all` is known here".to_owned()),
            },
            _ => {
                return Err(match nearest(name, NAMES) {
                    Some(near) => format!("there is no action {name:?}; did you mean {near:?}?"),
                    None => format!("there is no action {name:?}; {NAMED}"),
                });
            }
        })
    }
}

/// What a number's digits are.
fn digits(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default()
}

const NAMES: [&str; 13] = [
    "exec", "safeexec", "chdir", "mkdir", "create", "unlink", "chmod", "chown", "write", "writen", "append",
    "appendn", "print",
];
const NAMED: &str = "\
the actions are exec, safeexec, chdir, mkdir, create, unlink, chmod, chown, write, writen, append, appendn and print";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_read_as_uwsgi_reads_them() {
        for (text, want) in [
            ("exec:touch /tmp/x", Action::Exec("touch /tmp/x".to_owned())),
            ("chmod:/run/x.sock 666", Action::Chmod("/run/x.sock".into(), 0o666)),
            ("chown:/run/x 0 0", Action::Chown("/run/x".into(), Owner { user: Some(0), group: Some(0) })),
            ("writen:/tmp/x a b", Action::Write("/tmp/x".into(), "a b\n".to_owned())),
            ("print:hello", Action::Print("hello".to_owned())),
            ("unix_signal:15 gracefully_kill_them_all", Action::StopOnSigterm),
            ("unix_signal:15\t# gracefully_kill_them_all", Action::StopOnSigterm),
        ] {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        for text in ["chmod:/x", "chmod:/x 9", "chown:/x a", "write:/x", "mkdir:", "unix_signal:1 f", "exec"]
        {
            assert!(text.parse::<Action>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_so_already_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for action in [
            Action::Mkdir(at("a")),
            Action::Mkdir(at("a")),
            Action::Unlink(at("b")),
            Action::Create(at("b")),
            Action::Chmod(at("b"), 0o640),
            Action::SafeExec("exit 1".to_owned()),
        ] {
            action.run().unwrap();
        }
        assert_eq!(fs::metadata(at("b")).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(Action::Chmod(at("c"), 0o640).run().is_err());
    }
}
