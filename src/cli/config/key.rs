//! An option as a setting: its name in a file and in the environment, and what it takes.

use std::error::Error as _;
use std::ffi::{OsStr, OsString};

use clap::builder::PossibleValue;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};

/// What a setting takes, wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// True or false.
    Flag,
    /// How many times it is given.
    Count,
    /// A value.
    One,
    /// A list of values.
    Many,
}

/// An option that may be set elsewhere than on the command line.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Key {
    arg: Arg,
    takes: Takes,
}

impl Key {
    /// Those of `command`, which is built: APP, and the options in the order of `--help`.
    pub(super) fn all(command: &Command) -> Vec<Key> {
        let is_setting = |arg: &&Arg| arg.get_id() != super::CONFIG && !arg.is_hide_set();
        let settings = command.get_arguments().filter(is_setting);
        let mut keys: Vec<Key> = settings.filter_map(Key::new).collect();
        keys.sort_by_key(|key| key.arg.get_long().is_some());
        keys
    }

    /// `None` for what is an order and no setting: `--help`.
    fn new(arg: &Arg) -> Option<Key> {
        let takes = match arg.get_action() {
            ArgAction::SetTrue => Takes::Flag,
            ArgAction::Count => Takes::Count,
            ArgAction::Set => Takes::One,
            ArgAction::Append => Takes::Many,
            _ => return None,
        };
        Some(Key { arg: arg.clone(), takes })
    }

    /// Its name in a file: the option's long name, or `app` for APP.
    pub(super) fn name(&self) -> &str {
        self.arg.get_long().unwrap_or(self.id())
    }

    /// Its name in the environment: `TIDEGATE_MAX_BODY`.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name().replace('-', "_").to_ascii_uppercase())
    }

    pub(super) fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    pub(super) fn takes(&self) -> Takes {
        self.takes
    }

    /// What stands on both sides of the `=` in its values, where they are assignments: such a list may be a table in a file.
    pub(super) fn assignment(&self) -> Option<(&str, &str)> {
        self.arg.get_value_names()?.first()?.split_once('=')
    }

    /// Whether what is assigned may be a secret.
    pub(super) fn has_secrets(&self) -> bool {
        self.assignment() == Some(("KEY", "VALUE"))
    }

    /// Whether the one value that it takes is true or false.
    pub(super) fn takes_bool(&self) -> bool {
        self.takes == Takes::One
            && self.arg.get_possible_values().iter().any(|value| value.get_name() == "true")
    }

    /// A value as it is written in a file: numbers and booleans as they are, permission bits and texts in quotes.
    pub(super) fn toml(&self, value: &str) -> String {
        let is_mode = self.arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "MODE"));
        let is_number = value.parse::<u32>().is_ok_and(|number| number.to_string() == value) && !is_mode;
        if is_number || self.takes_bool() {
            return value.to_owned();
        }
        let mut quoted = String::from('"');
        for c in value.chars() {
            match c {
                '"' | '\\' => quoted.extend(['\\', c]),
                c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
                c => quoted.push(c),
            }
        }
        quoted + "\""
    }

    /// Whether `command` refuses this option beside `other`.
    pub(super) fn excludes(&self, other: &Key, command: &Command) -> bool {
        let conflicts = |one: &Key, other: &Key| {
            command.get_arg_conflicts_with(&one.arg).iter().any(|arg| arg.get_id() == other.arg.get_id())
        };
        conflicts(self, other) || conflicts(other, self)
    }

    /// The argument that a flag is, or that is counted.
    pub(super) fn flag(&self) -> OsString {
        format!("--{}", self.name()).into()
    }

    /// The argument that gives this value on the command line.
    pub(super) fn argument(&self, value: &OsStr) -> OsString {
        let mut argument = match self.arg.get_long() {
            Some(long) => OsString::from(format!("--{long}=")),
            None => OsString::new(),
        };
        argument.push(value);
        argument
    }

    /// Hands a value to the option's own parser; the error is what that says of it.
    pub(super) fn judge(&self, value: &OsStr) -> Result<(), String> {
        if self.arg.get_long().is_none() && value.as_encoded_bytes().starts_with(b"-") {
            return Err("it begins with -, as only options do".to_owned());
        }
        // Alone: what it wants of other options is judged when all are there.
        let mut alone = Arg::new(self.arg.get_id().clone())
            .action(self.arg.get_action().clone())
            .value_parser(self.arg.get_value_parser().clone());
        if let Some(delimiter) = self.arg.get_value_delimiter() {
            alone = alone.value_delimiter(delimiter);
        }
        let command = Command::new("tidegate").no_binary_name(true).arg(alone);
        let judged = command.try_get_matches_from([OsStr::new("--"), value]);
        judged.map(drop).map_err(|error| self.words(&error))
    }

    /// What is wrong with a value, without clap's words around it.
    fn words(&self, error: &clap::Error) -> String {
        let choices = self.arg.get_possible_values();
        let choices: Vec<&str> = choices.iter().map(PossibleValue::get_name).collect();
        match error.source() {
            Some(source) => source.to_string(),
            None if !choices.is_empty() => format!("write one of {}", choices.join(", ")),
            None if error.kind() == ErrorKind::InvalidUtf8 => "it is no UTF-8 text".to_owned(),
            // clap's own parsers of texts and paths refuse nothing else.
            None => "it must not be empty".to_owned(),
        }
    }
}

/// How the variables begin.
pub(super) const PREFIX: &str = "TIDEGATE_";

#[cfg(test)]
impl Key {
    /// All that clap knows of it.
    pub(super) fn arg(&self) -> &Arg {
        &self.arg
    }
}
