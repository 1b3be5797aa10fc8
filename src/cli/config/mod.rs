//! One place for settings: what the command line leaves out comes from TIDEGATE_* variables, and then from a TOML file.
//!
//! Nothing here knows an option by name. [`Key`] reads them off clap's definition, so an option of `serve` is a setting
//! from the moment that it is one. Both sources become arguments that stand before those of the command line, and clap
//! reads all of them together, as if they had been typed; what a higher source gives is left out of the lower ones.

mod entry;
mod environment;
mod file;
mod key;
mod stranger;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Command};

use super::Result;
use super::options::Options;
use entry::Value;
pub(super) use entry::{Entry, Origin};
use environment::Environment;
pub(super) use key::Key;
use key::Takes;

use super::did_you_mean::nearest;

/// What a subcommand is given whose options may stand in other places too.
#[derive(Args, Debug)]
pub(super) struct Configured {
    /// Take what the command line leaves out from this TOML file: options by their long names, as max-body = "10m".
    ///
    /// The command line goes before the variables of the environment (TIDEGATE_MAX_BODY=10m; lists with commas), and
    /// they go before the file; an option that is given in one place is not looked for in the next. APP is `app` there.
    /// TIDEGATE_CONFIG names the file where --config does not. Paths mean what they would mean on the command line,
    /// wherever the file lies.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    pub(super) options: Options,
}

/// The arguments as they are meant: those of the command line, and what the environment and a file add to them.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// All of them, the program's own name first.
    pub(super) arguments: Vec<OsString>,
    /// What was set and where, in the order of `--help`. Empty for a subcommand that has no settings.
    pub(super) entries: Vec<Entry>,
    /// What an operator should know, a sentence each.
    pub(super) warnings: Vec<String>,
}

/// Adds to `arguments` what the process's environment and the file that they name say beside them.
///
/// What is wrong with the arguments themselves is left to be found by clap, when it reads them all.
pub(super) fn gather(cli: &Command, arguments: Vec<OsString>) -> Result<Gathered> {
    gather_from(cli, arguments, std::env::vars_os().collect())
}

/// Which of the options that an error names were not typed, and where they stand.
///
/// For what is found out late: clap's own errors are of values that it read as if they had been typed, and some values
/// are wrong only on this machine, as a folder that is not there.
pub(super) fn elsewhere(error: &str, entries: &[Entry]) -> Option<String> {
    let words: Vec<&str> = error.split(|c: char| !(c.is_alphanumeric() || c == '-')).collect();
    let not_typed = entries.iter().filter(|entry| entry.origin != Origin::CommandLine);
    let told_of = not_typed.filter(|entry| words.contains(&format!("--{}", entry.name()).as_str()));
    let places: Vec<String> = told_of.map(|entry| format!("{} ({})", entry.name(), entry.origin)).collect();
    (!places.is_empty()).then(|| format!("given elsewhere than on the command line: {}", places.join(", ")))
}

fn gather_from(
    cli: &Command,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
) -> Result<Gathered> {
    // Whatever else is asked for, --help is given without a look at a file.
    let Ok(matches) = cli.clone().ignore_errors(true).try_get_matches_from(&arguments) else {
        return Ok(Gathered { arguments, ..Gathered::default() });
    };
    let mut cli = cli.clone();
    cli.build();
    let asked = matches.subcommand().and_then(|(name, matches)| Some((cli.find_subcommand(name)?, matches)));
    let Some((command, matches)) = asked.filter(|(command, _)| has_settings(command)) else {
        return Ok(Gathered { arguments, ..Gathered::default() });
    };

    let keys = Key::all(command);
    let environment = Environment::read(&keys, variables)?;
    let path = matches.get_one::<PathBuf>(CONFIG).or(environment.config.as_ref());
    let layers = [
        keys.iter().filter_map(|key| Entry::typed(key, matches)).collect(),
        environment.entries,
        path.map_or(Ok(Vec::new()), |path| file::read(path, &keys))?,
    ];
    let mut entries = merge(command, layers)?;
    entries.sort_by_key(|entry| keys.iter().position(|key| key.name() == entry.key.name()));
    let arguments = insert(arguments, command.get_name(), &entries);
    Ok(Gathered { arguments, entries, warnings: environment.warnings })
}

/// The id of `--config`, which makes settings of the options beside it.
const CONFIG: &str = "config";

/// Whether the options of this subcommand are settings.
pub(super) fn has_settings(command: &Command) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == CONFIG)
}

/// The layers in one; each goes before those behind it.
fn merge(command: &Command, layers: [Vec<Entry>; 3]) -> Result<Vec<Entry>> {
    let mut merged: Vec<Entry> = Vec::new();
    for layer in layers {
        let pairs =
            layer.iter().enumerate().flat_map(|(at, one)| layer[..at].iter().map(move |other| (one, other)));
        // Those of the command line are clap's own affair.
        let mut pairs = pairs.filter(|(one, _)| one.origin != Origin::CommandLine);
        if let Some((one, other)) = pairs.find(|(one, other)| one.excludes(other, command)) {
            let (name, other_name) = (one.key.name(), other.key.name());
            return Err(format!(
                "{}: {name} cannot stand beside {other_name} ({})",
                one.origin, other.origin
            )
            .into());
        }
        // What goes before an option also goes before those that cannot stand beside it.
        let is_above = |entry: &Entry, above: &Entry| {
            above.key.name() == entry.key.name() || above.excludes(entry, command)
        };
        let kept = layer.into_iter().filter(|entry| !merged.iter().any(|above| is_above(entry, above)));
        let kept: Vec<Entry> = kept.collect();
        merged.extend(kept);
    }
    Ok(merged)
}

/// Puts what the command line does not say in front of what it says, behind the subcommand's name.
fn insert(mut arguments: Vec<OsString>, command: &str, entries: &[Entry]) -> Vec<OsString> {
    let added = entries.iter().filter(|entry| entry.origin != Origin::CommandLine).flat_map(Entry::arguments);
    let added: Vec<OsString> = added.collect();
    let name = arguments.iter().skip(1).position(|argument| argument == command);
    let behind = name.map_or(arguments.len(), |at| at + 2);
    arguments.splice(behind..behind, added);
    arguments
}

/// Why there is no argument for an option.
pub(super) enum Written {
    /// There is no such option of `serve`; perhaps this one was meant.
    Unknown(Option<String>),
    /// The values will not do.
    Refused(String),
}

/// The arguments that give `serve` these values for the option of this long name; a flag's is true or false. Of the values
/// themselves the option's own parser is the judge.
pub(super) fn write(
    cli: &Command,
    option: &str,
    values: &[String],
) -> std::result::Result<Vec<OsString>, Written> {
    let keys = keys_of_serve(cli);
    let Some(key) = keys.iter().find(|key| key.name() == option) else {
        let near = nearest(option, keys.iter().map(Key::name)).map(|near| near.replace('-', "_"));
        return Err(Written::Unknown(near));
    };
    let value = judged(key, values).map_err(Written::Refused)?;
    Ok(Entry { key: key.clone(), origin: Origin::CommandLine, value }.arguments())
}

/// What `values`, as they would be typed, set `key` to; a flag's is true or false.
fn judged(key: &Key, values: &[String]) -> std::result::Result<Value, String> {
    let value = match (key.takes(), values) {
        (Takes::Many, _) | (Takes::One, [_]) => Value::Values(values.iter().map(OsString::from).collect()),
        (Takes::Flag, [value]) => Value::Flag(value.parse().map_err(|_| "give True or False".to_owned())?),
        (Takes::Count, [value]) => {
            Value::Count(value.parse().map_err(|_| "give a number from 0 to 255".to_owned())?)
        }
        (_, _) => return Err("give one value".to_owned()),
    };
    if let Value::Values(values) = &value {
        for value in values {
            key.judge(value)?;
        }
    }
    Ok(value)
}

/// The settings that `serve` has.
pub(super) fn keys_of_serve(cli: &Command) -> Vec<Key> {
    let mut cli = cli.clone();
    cli.build();
    cli.find_subcommand("serve").map(Key::all).unwrap_or_default()
}

/// What sets the option of this name to a value that was found elsewhere than [`gather`] looks.
pub(super) fn entry(
    keys: &[Key],
    option: &str,
    value: &str,
    origin: Origin,
) -> std::result::Result<Entry, String> {
    let key = keys.iter().find(|key| key.name() == option);
    let key = key.ok_or_else(|| format!("this program has no option --{option}"))?;
    Ok(Entry { key: key.clone(), origin, value: judged(key, &[value.to_owned()])? })
}

/// The names that `serve` has in a file.
#[cfg(test)]
pub(super) fn serve_keys() -> std::collections::BTreeSet<String> {
    Key::all(&example::serve()).iter().map(|key| key.name().to_owned()).collect()
}

#[cfg(test)]
mod example;
#[cfg(test)]
mod tests;
