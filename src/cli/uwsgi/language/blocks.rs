//! `if-env`, `for` and all the others: what becomes of the directives up to `endif` or `endfor`.

use std::fs;
use std::path::Path;

use glob::MatchOptions;
use rustix::fs::{Access, access};

use super::bounds::{DIRECTIVES_MAX, FILE_BYTES_MAX};
use super::magic::hostname;
use super::placeholders::count;
use super::reader::Reader;
use crate::cli::Result;
use crate::cli::config::Origin;
use crate::cli::uwsgi::names;
use crate::expression;

/// A condition or a loop that is open.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) argument: String,
    pub(super) origin: Origin,
}

/// Whether a directive of this name begins a block.
pub(super) fn begins(name: &str) -> bool {
    let looks_so = name == "for" || name.starts_with("for-") || name.starts_with("if");
    looks_so && names::find(name).is_some_and(|known| known.is_immediate)
}

/// Whether it ends one.
pub(super) fn ends(name: &str) -> bool {
    ["end", "endfor", "endif", "end-if", "end-for"].contains(&name)
}

/// How often a directive in the block applies, and what `%(_)` is in it each time, where it is anything.
pub(super) fn rounds(block: &Block, reader: &mut Reader) -> Result<Vec<Option<String>>> {
    let argument = block.argument.as_str();
    let (asked, equals) = match argument.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (argument, None),
    };
    let is_negated = block.name.starts_with("if-not-");
    let applies =
        |is_so: bool, value: Option<String>| if is_so == is_negated { Vec::new() } else { vec![value] };
    let of_value = |found: Option<Option<String>>| {
        let is_so = match (&found, equals) {
            (Some(found), Some(wanted)) => found.as_deref() == Some(wanted),
            (found, None) => found.is_some(),
            (None, Some(_)) => false,
        };
        applies(is_so, found.flatten())
    };
    let of_argument = |is_so| applies(is_so, Some(argument.to_owned()));
    Ok(match block.name.as_str() {
        "for" => {
            argument.split(' ').filter(|word| !word.is_empty()).map(|word| Some(word.to_owned())).collect()
        }
        "for-times" => {
            (1..=count(argument).min(DIRECTIVES_MAX + 1)).map(|round| Some(round.to_string())).collect()
        }
        "for-glob" => paths(argument).into_iter().map(Some).collect(),
        "for-readline" => lines(argument)?.into_iter().map(Some).collect(),
        "if-env" | "if-not-env" | "ifenv" => of_value(reader.variable(asked).map(Some)),
        "if-opt" | "if-not-opt" => of_value(reader.option(asked).filter(Option::is_some)),
        "if-exists" | "if-not-exists" | "ifexists" => of_argument(access(argument, Access::READ_OK).is_ok()),
        "if-file" | "if-not-file" => of_argument(Path::new(argument).is_file()),
        "if-dir" | "if-not-dir" | "ifdir" | "if-directory" => of_argument(Path::new(argument).is_dir()),
        "if-hostname" | "if-not-hostname" => of_argument(hostname() == argument),
        "if-plugin" | "if-not-plugin" | "ifplugin" => of_argument(has_plugin(argument)),
        "if-reload" | "if-not-reload" => applies(reader.variable("UWSGI_RELOADS").is_some(), None),
        // if-hostname-match and its opposite.
        _ => of_argument(expression::compile(argument)?.is_match(hostname().as_bytes())),
    })
}

/// Whether uWSGI would have this plugin in it; of Python's and what else is ours, any.
fn has_plugin(name: &str) -> bool {
    name.starts_with("python") || (name != "core" && names::is_built_in(name))
}

/// The paths that match, folders with a slash behind them; the pattern itself if there are none.
fn paths(pattern: &str) -> Vec<String> {
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let found = glob::glob_with(pattern, options)
        .map(|paths| paths.flatten().collect::<Vec<_>>())
        .unwrap_or_default();
    let shown = |path: &Path| {
        let mark =
            if path.is_dir() && !path.as_os_str().as_encoded_bytes().ends_with(b"/") { "/" } else { "" };
        format!("{}{mark}", path.display())
    };
    if found.is_empty() { vec![pattern.to_owned()] } else { found.iter().map(|path| shown(path)).collect() }
}

fn lines(path: &str) -> Result<Vec<String>> {
    let metadata = fs::metadata(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(format!("{path}: a file of at most {FILE_BYTES_MAX} bytes is wanted here").into());
    }
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    Ok(text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect())
}
