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

/// `/prefix=DIR` where DIR has the whole path: /prefix/x is DIR/prefix/x.
pub(in crate::cli::uwsgi) fn map2(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let form = || Fault::Bad("write /PREFIX=FOLDER".to_owned());
    let (prefix, folder) = word(given)?.split_once('=').ok_or_else(form)?;
    if !prefix.starts_with('/') || folder.is_empty() {
        return Err(form());
    }
    draft.add(ours, format!("{prefix}={}{prefix}", folder.trim_end_matches('/')));
    Ok(())
}

/// `static-expires = REGEXP SECONDS` and its relatives.
pub(in crate::cli::uwsgi) fn expires(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let rule = word(given)?;
    let (pattern, seconds) = rule
        .rsplit_once([' ', '='])
        .ok_or_else(|| Fault::Bad("write REGEXP SECONDS, as .*[.]css 3600".to_owned()))?;
    let (pattern, seconds) = (pattern.trim(), seconds.trim());
    let since = if given.name.ends_with("-mtime") { "mtime+" } else { "" };
    let rule = match given.name.trim_end_matches("-mtime") {
        "static-expires-type" => format!("type:^{}$={since}{seconds}", pattern.replace('+', "[+]")),
        "static-expires-uri" => format!("uri:{pattern}={since}{seconds}"),
        "static-expires-path-info" => format!("path:{pattern}={since}{seconds}"),
        _ => format!("file:{pattern}={since}{seconds}"),
    };
    draft.add(ours, rule);
    Ok(())
}

/// `add-header = Name: value`. How a connection ends is the protocol's own business.
pub(in crate::cli::uwsgi) fn header(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let field = word(given)?;
    let name = field.split(':').next().unwrap_or_default().trim();
    if ["connection", "keep-alive", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(Fault::Needless("each protocol says how its connections go on"));
    }
    draft.add(ours, field);
    Ok(())
}

impl Draft {
    /// Without static-index uWSGI serves no folder.
    pub(super) fn finish_files(&mut self) {
        if self.get("static").is_some() && self.get("static-index").is_none() {
            self.add_from(None, "static-index", "-");
        }
    }
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
