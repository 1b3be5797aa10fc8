//! Static files.

use super::values::{bad, word};
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

/// `/prefix=DIR`.
pub(in crate::cli::uwsgi) fn map(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let (prefix, folder) = mapped(given)?;
    draft.add(ours, format!("{prefix}={folder}"));
    Ok(())
}

/// `/prefix=DIR` where DIR has the whole path: /prefix/x is DIR/prefix/x.
pub(in crate::cli::uwsgi) fn map2(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let (prefix, folder) = mapped(given)?;
    draft.add(ours, format!("{prefix}={}{prefix}", folder.trim_end_matches('/')));
    Ok(())
}

/// The two sides of `/prefix=DIR`. Blanks beside = are part of them, and no prefix at all is every path.
fn mapped(given: &Directive) -> Result<(&str, &str), Fault> {
    let (prefix, folder) = word(given)?.split_once('=').ok_or_else(|| bad("write /PREFIX=FOLDER"))?;
    if folder.is_empty() {
        return Err(Fault::Needless("it names no folder, so that uWSGI serves nothing by it"));
    }
    if folder.starts_with([' ', '\t']) {
        return Err(Fault::Needless(
            "the folder's name begins with a blank, so that uWSGI serves nothing by it",
        ));
    }
    match prefix {
        "" => Ok(("/", folder)),
        _ if prefix.starts_with('/') => Ok((prefix, folder)),
        _ => Err(Fault::Needless("a path begins with /, so that nothing is ever below this prefix")),
    }
}

/// `static-expires = REGEXP SECONDS` and its relatives.
pub(in crate::cli::uwsgi) fn expires(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let rule = word(given)?;
    let (pattern, seconds) =
        rule.rsplit_once([' ', '=']).ok_or_else(|| bad("write REGEXP SECONDS, as .*[.]css 3600"))?;
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
