//! Settings in the process's environment: TIDEGATE_MAX_BODY=10m.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, TypedValueParser};

use super::entry::{Entry, Origin, Value, refusal};
use super::key::{Key, PREFIX, Takes};
use crate::cli::Result;
use crate::cli::did_you_mean::nearest;
use crate::cli::foreign::{self, Place};

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) entries: Vec<Entry>,
    /// The file that TIDEGATE_CONFIG names.
    pub(super) config: Option<PathBuf>,
    /// A sentence for each variable that is no setting but looks like one.
    pub(super) warnings: Vec<String>,
}

impl Environment {
    /// Reads those of `variables` that begin as ours do.
    ///
    /// One that is empty counts as absent: it is what `TIDEGATE_X: ${X}` of a container's file comes to. One that
    /// is unknown is told of and ignored, for others set such variables too: Kubernetes gives every container
    /// TIDEGATE_PORT and more if a service of the cluster is called tidegate, and those are not even told of.
    pub(super) fn read(keys: &[Key], variables: Vec<(OsString, OsString)>) -> Result<Self> {
        let mut environment = Environment::default();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|_| !value.is_empty()) else { continue };
            if !name.starts_with(PREFIX) {
                environment.warnings.extend(of_another_server(keys, name));
                continue;
            }
            if name == CONFIG {
                environment.config = Some(value.into());
            } else if let Some(key) = keys.iter().find(|key| key.variable() == name) {
                environment.entries.push(entry(key, name, value)?);
            } else if !OF_CLUSTERS.iter().any(|prefix| name.starts_with(prefix)) {
                environment.warnings.push(unknown(keys, name));
            }
        }
        // The environment has no order of its own; what is told of it should have one.
        environment.warnings.sort();
        Ok(environment)
    }
}

const CONFIG: &str = "TIDEGATE_CONFIG";

/// What another server would read is not read here, and whoever has set it may not know.
fn of_another_server(keys: &[Key], name: &str) -> Option<String> {
    if name == "GUNICORN_CMD_ARGS" {
        return Some(format!(
            "the environment's {name} is gunicorn's, and is ignored: options are TIDEGATE_* here"
        ));
    }
    let (prefix, option) =
        ["UWSGI_", "GRANIAN_"].iter().find_map(|prefix| Some((prefix, name.strip_prefix(prefix)?)))?;
    let ours = format!("{PREFIX}{option}");
    let answer = match keys.iter().any(|key| key.variable() == ours) {
        true => format!("here: {ours}"),
        false => foreign::answer(option, Place::Environment)?,
    };
    Some(format!("the environment's {prefix}{option} is another server's, and is ignored: {answer}"))
}

/// How the variables begin that Kubernetes, and Docker's links, make for a service called tidegate.
const OF_CLUSTERS: [&str; 2] = ["TIDEGATE_PORT", "TIDEGATE_SERVICE_"];

fn entry(key: &Key, name: &str, given: OsString) -> Result<Entry> {
    let origin = Origin::Environment(name.to_owned());
    let refused =
        |value: &OsStr, why: &str| refusal(&origin, key, &format!("\"{}\"", value.to_string_lossy()), why);
    let on = BoolishValueParser::new().parse_ref(&clap::Command::default(), None, &given);
    let value = match (key.takes(), on) {
        (Takes::Flag, Ok(on)) => Value::Flag(on),
        (Takes::Flag, Err(_)) => return Err(refused(&given, "write true or false")),
        (Takes::Count, _) => {
            let count = given.to_str().and_then(|given| given.parse().ok());
            Value::Count(count.ok_or_else(|| refused(&given, "write a number from 0 to 255"))?)
        }
        (Takes::One, _) => Value::Values(vec![given]),
        (Takes::Many, _) => Value::Values(items(&given)),
    };
    if let Value::Values(values) = &value {
        for value in values {
            key.judge(value).map_err(|why| refused(value, &why))?;
        }
    }
    Ok(Entry { key: key.clone(), origin, value })
}

/// The items of a list: between commas, without the blanks around them.
fn items(list: &OsStr) -> Vec<OsString> {
    let items = list.as_bytes().split(|byte| *byte == b',');
    items.map(|item| OsString::from_vec(item.trim_ascii().to_vec())).collect()
}

fn unknown(keys: &[Key], name: &str) -> String {
    if let Some(answer) = foreign::answer(&name[PREFIX.len()..], Place::Environment) {
        return format!("the environment's {name} is no setting, and is ignored: {answer}");
    }
    let known: Vec<String> = keys.iter().map(Key::variable).chain([CONFIG.to_owned()]).collect();
    let near = nearest(name, known.iter().map(String::as_str));
    let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    format!("the environment's {name} is no setting, and is ignored{near}")
}
