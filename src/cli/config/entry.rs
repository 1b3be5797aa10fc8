//! A setting: its value, and where it stands.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::key::{Key, Takes};

/// A setting and where it was made.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Entry {
    pub(super) key: Key,
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Origin {
    CommandLine,
    /// The variable of this name.
    Environment(String),
    /// A line of a file, from 1.
    File(PathBuf, usize),
    /// Nowhere: uWSGI does so without being told.
    Untold,
}

/// What an option is set to; which of them it can be, [`Takes`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Flag(bool),
    Count(u8),
    /// One, or those of a list.
    Values(Vec<OsString>),
}

impl Entry {
    /// What was typed for `key`, `None` if nothing was.
    pub(super) fn typed(key: &Key, matches: &ArgMatches) -> Option<Entry> {
        let id = key.id();
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            return None;
        }
        let raw = || matches.get_raw(id).unwrap_or_default().map(OsStr::to_owned);
        let value = match key.takes() {
            Takes::Flag => Value::Flag(true),
            Takes::Count => Value::Count(matches.get_count(id)),
            Takes::One | Takes::Many => Value::Values(raw().collect()),
        };
        Some(Entry { key: key.clone(), origin: Origin::CommandLine, value })
    }

    /// Whether `command` would not take the two together.
    pub(super) fn excludes(&self, other: &Entry, command: &Command) -> bool {
        // `trace = false` asks for nothing that could be in another option's way.
        !self.arguments().is_empty()
            && !other.arguments().is_empty()
            && self.key.excludes(&other.key, command)
    }

    /// What would have to be typed for it.
    pub(in crate::cli) fn arguments(&self) -> Vec<OsString> {
        match &self.value {
            Value::Flag(on) => vec![self.key.flag(); usize::from(*on)],
            Value::Count(count) => vec![self.key.flag(); usize::from(*count)],
            Value::Values(values) => values.iter().map(|value| self.key.argument(value)).collect(),
        }
    }

    /// The option's name in a file.
    pub(in crate::cli) fn name(&self) -> &str {
        self.key.name()
    }

    /// The value as a person reads it, without what may be a secret.
    pub(in crate::cli) fn shown(&self) -> String {
        let shown = |value: &OsString| match value.to_string_lossy().split_once('=') {
            Some((key, _)) if self.key.has_secrets() => format!("{key}=…"),
            _ => value.to_string_lossy().into_owned(),
        };
        match &self.value {
            Value::Flag(on) => on.to_string(),
            Value::Count(count) => count.to_string(),
            Value::Values(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        }
    }

    /// Its value as a file has it.
    pub(in crate::cli) fn as_toml(&self) -> Vec<String> {
        match &self.value {
            Value::Flag(on) => vec![on.to_string()],
            Value::Count(count) => vec![count.to_string()],
            Value::Values(values) => {
                values.iter().map(|value| self.key.toml(&value.to_string_lossy())).collect()
            }
        }
    }

    /// Whether it is a list in a file.
    pub(in crate::cli) fn is_list(&self) -> bool {
        self.key.takes() == Takes::Many
    }

    /// Where it was made.
    pub(in crate::cli) fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// That a setting is not as it should be: where, which, what stands there, and why it cannot.
pub(super) fn refusal(origin: &Origin, key: &Key, given: &str, why: &str) -> Box<dyn Error> {
    let at = match origin {
        Origin::CommandLine | Origin::File(..) | Origin::Untold => format!("{origin}: {}", key.name()),
        Origin::Environment(variable) => variable.clone(),
    };
    format!("{at}: {}: {why}", abridged(given)).into()
}

/// So much of a text that the line still has room for what is wrong with it.
fn abridged(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let mut abridged = String::new();
    for c in first.chars().take(SHOWN_CHARS_MAX) {
        match c {
            c if c.is_control() => abridged.extend(c.escape_default()),
            c => abridged.push(c),
        }
    }
    if first.chars().nth(SHOWN_CHARS_MAX).is_some() || first.len() < text.len() {
        abridged.push('…');
    }
    abridged
}

const SHOWN_CHARS_MAX: usize = 60;

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine => f.write_str("command line"),
            Origin::Environment(variable) => f.write_str(variable),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Untold => f.write_str("without being told, as uWSGI"),
        }
    }
}
