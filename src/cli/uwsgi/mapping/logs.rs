//! The log and the access log.

use super::values::word;
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

/// What several options say together.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    is_disabled: bool,
}

pub(in crate::cli::uwsgi) fn file(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let path = word(given)?;
    draft.set_early_path("log-file", path);
    Ok(())
}

pub(in crate::cli::uwsgi) fn disable(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.logs.is_disabled = given.is_on();
    Ok(())
}

impl Draft {
    /// uWSGI logs requests unless it is told not to, where all else is logged.
    pub(super) fn finish_logs(&mut self) {
        if self.logs.is_disabled {
            return;
        }
        match self.get("log-file").cloned() {
            Some(file) => {
                self.set_early_path("access-log-file", &file.value);
            }
            None => self.add("access-log", "true"),
        }
    }
}
