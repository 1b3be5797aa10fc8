//! Actions at moments of the server's life.

use super::values::word;
use super::{Draft, Fault};
use crate::cli::hooks::Hook;
use crate::cli::uwsgi::language::Directive;

/// `hook-MOMENT = ACTION`, and `exec-MOMENT = COMMAND`.
pub(in crate::cli::uwsgi) fn hook(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let (name, said) = (given.name.as_str(), word(given)?);
    let hook = match name.strip_prefix("exec-") {
        Some(moment) => format!("{moment}=exec:{said}"),
        None => format!("{}={said}", name.trim_start_matches("hook-")),
    };
    match hook.parse::<Hook>() {
        Ok(_) => {
            draft.add(ours, hook);
            Ok(())
        }
        Err(why) => Err(Fault::Refused { does: format!("does something at {name}"), instead: why }),
    }
}
