//! Static files.

use super::values::word;
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

/// `/prefix=DIR`.
pub(in crate::cli::uwsgi) fn map(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let form = || Fault::Bad("write /PREFIX=FOLDER".to_owned());
    let (prefix, folder) = word(given)?.split_once('=').ok_or_else(form)?;
    let (prefix, folder) = (prefix.trim(), folder.trim());
    if folder.is_empty() {
        return Err(form());
    }
    if !prefix.starts_with('/') {
        return Err(Fault::Lost(
            "a path begins with /, so that nothing is ever below this prefix".to_owned(),
        ));
    }
    draft.add(ours, format!("{prefix}={folder}"));
    Ok(())
}

/// A folder whose files go before the application.
pub(in crate::cli::uwsgi) fn check(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let folder = word(given)?;
    draft.add(ours, format!("/={folder}"));
    Ok(())
}

/// Symbolic links may lead out of the folder.
pub(in crate::cli::uwsgi) fn follow(
    draft: &mut Draft,
    ours: &'static str,
    _: &Directive,
) -> Result<(), Fault> {
    draft.set(ours, "true");
    Ok(())
}
