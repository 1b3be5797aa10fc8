//! The process: its environment, its rights, its pidfile.

use nix::unistd::geteuid;

use super::values::{bad, word};
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

pub(in crate::cli::uwsgi) fn env(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let assignment = word(given)?;
    if !assignment.contains('=') || assignment.starts_with('=') {
        return Err(bad("write NAME=VALUE"));
    }
    draft.add(ours, assignment);
    Ok(())
}

pub(in crate::cli::uwsgi) fn user(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    rights(draft, ours, given)
}

pub(in crate::cli::uwsgi) fn group(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    rights(draft, ours, given)
}

/// A user or a group: uWSGI takes no notice of them unless it is started as root.
fn rights(draft: &mut Draft, ours: &'static str, given: &Directive) -> Result<(), Fault> {
    let name = word(given)?;
    if !geteuid().is_root() {
        return Err(Fault::Needless("the server is not started as root, and stays what it is"));
    }
    draft.set(ours, name);
    Ok(())
}

pub(in crate::cli::uwsgi) fn umask(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let mask = word(given)?;
    if u32::from_str_radix(mask, 8).is_err() {
        return Err(bad("write the mask in octal, as 022"));
    }
    draft.set(ours, mask);
    Ok(())
}

pub(in crate::cli::uwsgi) fn pidfile(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let path = word(given)?;
    match given.name.ends_with('2') {
        true => draft.set(ours, path),
        false => draft.set_early_path(ours, path),
    }
    Ok(())
}

/// `daemonize = FILE`: to the background, with the log in the file.
pub(in crate::cli::uwsgi) fn daemonize(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.set(ours, "true");
    super::logs::file(draft, "log-file", given)
}

/// SIGTERM stops unless the configuration says in so many words that it does not.
pub(in crate::cli::uwsgi) fn die_on_term(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    if given.is_on() {
        draft.unset(ours);
        return Err(Fault::Needless("SIGTERM stops, and so does SIGQUIT"));
    }
    draft.set(ours, "true");
    Ok(())
}
