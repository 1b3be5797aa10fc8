//! The language of uWSGI's configurations: files, command line and variables as one list of directives.
//!
//! uWSGI 2.0 reads a directive and at once does what is of the language: reads a file that is named, opens a block, sets a
//! placeholder. Then it resolves all `$(…)`, all `@(…)` and all `%(…)`, and then it applies what there is, in this order.
//! [`Reader`] does the first, line by line, and so its quirks come by themselves. What uWSGI is silent about is an error
//! here: a block without an end, a section that is not there, files that name each other.

mod arguments;
mod blocks;
mod bounds;
mod declared;
mod directive;
mod files;
mod ini;
mod json;
mod lists;
mod location;
mod magic;
mod placeholders;
mod reader;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod xml;
mod yaml;

use super::super::config::Origin;
use crate::cli::Result;
use arguments::{Arguments, Typed};
pub(super) use directive::{Directive, show};
use files::Files;
pub(super) use magic::VERSION;
use reader::Reader;
use text::{Pair, Text};

/// What the variables `UWSGI_*` and the arguments say, and the files that they name: the directives in the order in which
/// uWSGI applies them.
pub(super) fn read(words: Vec<String>, variables: Vec<(String, String)>) -> Result<Vec<Directive>> {
    let of_uwsgi: Vec<(String, String, String)> = variables
        .iter()
        .filter(|(variable, _)| !NO_OPTIONS.contains(&variable.as_str()))
        .filter_map(|(variable, value)| {
            let name = variable.strip_prefix("UWSGI_")?.to_ascii_lowercase().replace('_', "-");
            Some((variable.clone(), name, value.clone()))
        })
        .collect();
    let mut reader = Reader::new(variables.into_iter().rev().collect());
    for (variable, name, value) in of_uwsgi {
        reader.add(&name, Some(value), &Origin::Environment(variable))?;
    }
    let mut arguments = Arguments::new(words);
    while let Some(typed) = arguments.next(&|name| reader.declared.takes_value(name))? {
        match typed {
            Typed::Option { name, value } => reader.add(&name, value, &Origin::CommandLine)?,
            // uWSGI has no use for what was in a process's title.
            Typed::Word(word) if word.starts_with('[') => {}
            Typed::Word(word) => Files::load(&mut reader, "include", &word, &Origin::CommandLine)?,
        }
    }
    reader.end(None)?;
    reader.resolve()?;
    reader.inherit()?;
    Ok(reader.directives)
}

/// The pairs of an ini file's section `uwsgi`, each with its line, and every `$(x)` in a value resolved to x: a function of bytes,
/// for fuzz/, which must not run what `@(exec://…)` says.
#[doc(hidden)]
pub fn read_ini(bytes: &[u8]) -> std::result::Result<Vec<(usize, String, String)>, String> {
    let magic = |variable| match variable {
        b'%' => b"%".to_vec(),
        b'(' => b"%(".to_vec(),
        _ => Vec::new(),
    };
    let pairs =
        ini::read(&Text::new("fuzz.ini", bytes, &magic), "uwsgi").map_err(|error| error.to_string())?;
    let resolved = pairs.into_iter().map(|Pair { line, name, value }| {
        let value = placeholders::resolve(&value, b'$', &mut |name| Ok(Some(name.to_owned())));
        Ok((line, name, value.map_err(|error| error.to_string())?))
    });
    resolved.collect()
}

/// Variables that uWSGI has for itself.
const NO_OPTIONS: [&str; 8] = [
    "UWSGI_RELOADS",
    "UWSGI_VASSALS_DIR",
    "UWSGI_EMPEROR_FD",
    "UWSGI_BROODLORD_NUM",
    "UWSGI_EMPEROR_FD_CONFIG",
    "UWSGI_EMPEROR_PROXY",
    "UWSGI_JAIL_PID",
    "UWSGI_ORIGINAL_PROC_NAME",
];
