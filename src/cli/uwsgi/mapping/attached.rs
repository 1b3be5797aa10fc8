//! Programs that run beside the workers.

use super::values::{bad, word};
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

/// `attach-daemon = COMMAND`.
pub(in crate::cli::uwsgi) fn daemon(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let command = word(given)?;
    // A bracket would be taken for settings.
    draft.add(ours, if command.starts_with('[') { format!("[] {command}") } else { command.to_owned() });
    Ok(())
}

/// `smart-attach-daemon = PIDFILE[,SECONDS] COMMAND`: it goes to the background by itself; `smart-attach-daemon2` sends it there.
pub(in crate::cli::uwsgi) fn smart(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let (place, command) = word(given)?.split_once(' ').ok_or_else(|| bad("write PIDFILE COMMAND"))?;
    let pidfile = place.split(',').next().unwrap_or(place);
    let background = if given.name.ends_with('2') { ",background" } else { "" };
    draft.add(ours, format!("[pidfile={pidfile}{background}] {}", command.trim()));
    Ok(())
}

/// `attach-daemon2 = cmd=COMMAND,pidfile=FILE,…`.
pub(in crate::cli::uwsgi) fn by_keys(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let (mut command, mut settings) = (None, Vec::new());
    for pair in word(given)?.split(',') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (key.trim(), value) {
            ("cmd" | "command" | "exec", value) => command = Some(value),
            ("pidfile" | "chdir", value) => settings.push(format!("{key}={value}")),
            ("touch", paths) => settings.extend(paths.split(';').map(|path| format!("touch={path}"))),
            ("stopsignal" | "stop_signal", signal) => settings.push(format!("stop-signal={signal}")),
            ("uid", user) => settings.push(format!("user={user}")),
            ("gid", group) => settings.push(format!("group={group}")),
            // As there, any value is a yes.
            ("control", _) => settings.push("vital".to_owned()),
            ("daemonize" | "daemon", _) => settings.push("background".to_owned()),
            // How often it is looked at, and how fast it is started again, goes by itself.
            ("freq" | "max_throttle" | "stdin", _) => {}
            (other, _) => {
                return Err(Fault::Refused {
                    does: format!("asks for {other} of an attached program"),
                    instead:
                        "cmd, pidfile, daemonize, touch, chdir, stopsignal, uid, gid and control are here"
                            .to_owned(),
                });
            }
        }
    }
    let command = command.filter(|command| !command.is_empty()).ok_or_else(|| bad("write cmd=COMMAND"))?;
    let is_named = settings.iter().any(|setting| setting.starts_with("pidfile="));
    if settings.iter().any(|setting| setting == "background") && !is_named {
        return Err(bad("daemonize: name the file for the program's number too, pidfile=FILE"));
    }
    draft.add(ours, format!("[{}] {command}", settings.join(",")));
    Ok(())
}

/// `attach-control-daemon = COMMAND`: the server stops when it ends.
pub(in crate::cli::uwsgi) fn control(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let command = word(given)?;
    draft.add(ours, format!("[vital] {command}"));
    Ok(())
}
