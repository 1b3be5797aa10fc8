//! Workers: how many, and how they are replaced.

use super::values::{bad, count, word};
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

/// What several options say together.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    is_lazy: bool,
    mercy: u64,
}

pub(in crate::cli::uwsgi) fn processes(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    match count(given)? {
        0 => Err(bad("with no worker nothing is served: write 1 or more")),
        number => {
            draft.set(ours, number.to_string());
            Ok(())
        }
    }
}

/// 0 and 1 are one thread, as without it.
pub(in crate::cli::uwsgi) fn threads(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let number = count(given)?;
    draft.set(ours, number.max(1).to_string());
    Ok(())
}

pub(in crate::cli::uwsgi) fn lazy(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.workers.is_lazy = given.is_on();
    Ok(())
}

/// The time that workers have to finish: of two options the longer.
pub(in crate::cli::uwsgi) fn mercy(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let seconds = count(given)?;
    if seconds >= draft.workers.mercy {
        draft.workers.mercy = seconds;
        draft.set(ours, seconds.to_string());
    }
    Ok(())
}

/// A reload that replaces one worker after the other.
pub(in crate::cli::uwsgi) fn chain(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let path = word(given)?;
    draft.add("reload-on", path);
    draft.set("reload-step", "1");
    Ok(())
}

pub(in crate::cli::uwsgi) fn simple_loop(
    _: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    match word(given)? {
        "simple" => Ok(()),
        other => Err(Fault::Refused {
            does: format!("serves requests in the loop of {other}"),
            instead: "threads = N: the application runs in threads of worker processes".to_owned(),
        }),
    }
}

impl Draft {
    /// Without lazy-apps the application is loaded before the workers are forked.
    pub(super) fn finish_workers(&mut self) {
        if !self.workers.is_lazy && !self.is_on("reload") {
            self.add("preload", "true");
        }
    }
}
