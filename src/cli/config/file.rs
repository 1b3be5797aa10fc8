//! Settings in a TOML file: max-body = "10m".

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entry::{Entry, Origin, Value, refusal};
use super::key::{Key, Takes};
use super::stranger;
use crate::cli::Result;
use crate::cli::bounded::{SETTINGS_BYTES_MAX, read_file};
use crate::cli::did_you_mean::nearest;
use crate::cli::foreign::{self, Place};

/// The settings of the file at `path`.
pub(super) fn read(path: &Path, keys: &[Key]) -> Result<Vec<Entry>> {
    let read = read_file(path, SETTINGS_BYTES_MAX);
    let bytes =
        read.map_err(|error| format!("cannot read the configuration file {}: {error}", path.display()))?;
    entries(path, &bytes, keys)
}

fn entries(path: &Path, bytes: &[u8], keys: &[Key]) -> Result<Vec<Entry>> {
    let document = match std::str::from_utf8(bytes) {
        Ok(text) => Document { path, text },
        Err(error) => {
            let line = line(bytes, error.valid_up_to());
            return Err(format!("{}:{line}: it is no UTF-8 text", path.display()).into());
        }
    };
    if let Some(told) = stranger::recognise(path, document.text, keys) {
        return Err(told.into());
    }
    let (table, faults) = DeTable::parse_recoverable(document.text);
    let mut faults = document.faults(&faults, keys);
    let mut settings: Vec<_> = table.get_ref().iter().collect();
    // A table has the order of its keys, but what is wrong is told in the order of the lines.
    settings.sort_by_key(|(name, _)| name.span().start);
    // What the parser has made of a line that is no TOML is not what was meant.
    settings.retain(|(name, value)| {
        let lines = document.line(name.span().start)..=document.line(value.span().end);
        faults.iter().all(|(line, _)| !lines.contains(line))
    });
    let mut entries = Vec::new();
    for (name, value) in settings {
        match document.entry(name, value, keys) {
            Ok(entry) => entries.push(entry),
            Err(error) => drop(faults.insert(document.line(name.span().start), error.to_string())),
        }
    }
    if faults.is_empty() {
        return Ok(entries);
    }
    Err(faults.into_values().collect::<Vec<_>>().join("\n").into())
}

/// All that went well, or all that did not, a line each.
fn all<T>(results: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let (mut good, mut told) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(one) => good.push(one),
            Err(error) => told.push(error.to_string()),
        }
    }
    if told.is_empty() { Ok(good) } else { Err(told.join("\n").into()) }
}

/// The line, from 1, in which the byte at offset `at` stands.
fn line(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count()
}

/// A file's text, which its spans lead into.
struct Document<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Document<'_> {
    fn entry(
        &self,
        name: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        keys: &[Key],
    ) -> Result<Entry> {
        let origin = self.origin(&name.span());
        let name = name.get_ref().as_ref();
        let Some(key) = keys.iter().find(|key| key.name() == name) else {
            return Err(format!("{origin}: unknown key {name:?}{}", hint(name, value.get_ref(), keys)).into());
        };
        let refused = |why: &str| self.refusal(key, &value.span(), why);
        let value = match (key.takes(), value.get_ref()) {
            (Takes::Flag, DeValue::Boolean(on)) => Value::Flag(*on),
            (Takes::Flag, _) => return Err(refused("write true or false")),
            (Takes::Count, DeValue::Integer(count))
                if count.radix() == 10 && count.as_str().parse::<u8>().is_ok() =>
            {
                Value::Count(count.as_str().parse().expect("the guard has parsed it"))
            }
            (Takes::Count, _) => return Err(refused("write a number from 0 to 255")),
            (Takes::Many, DeValue::Array(items)) => {
                Value::Values(all(items.iter().map(|item| self.scalar(key, item)))?)
            }
            (Takes::Many, DeValue::Table(pairs)) if key.assignment().is_some() => Value::Values(all(pairs
                .iter()
                .map(|(name, value)| self.assignment(key, name.get_ref(), value)))?),
            _ => Value::Values(vec![self.scalar(key, value)?]),
        };
        Ok(Entry { key: key.clone(), origin, value })
    }

    /// A value as it would be typed, judged.
    fn scalar(&self, key: &Key, value: &Spanned<DeValue<'_>>) -> Result<OsString> {
        let text = self.text_of(key, value)?;
        key.judge(text.as_ref()).map_err(|why| self.refusal(key, &value.span(), &why))?;
        Ok(text.into())
    }

    fn assignment(&self, key: &Key, name: &str, value: &Spanned<DeValue<'_>>) -> Result<OsString> {
        let text = format!("{name}={}", self.text_of(key, value)?);
        key.judge(text.as_ref()).map_err(|why| self.refusal(key, &value.span(), &why))?;
        Ok(text.into())
    }

    fn text_of(&self, key: &Key, value: &Spanned<DeValue<'_>>) -> Result<String> {
        let refused = |why| Err(self.refusal(key, &value.span(), why));
        match value.get_ref() {
            DeValue::String(text) => Ok(text.clone().into_owned()),
            DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
            // 0o660 is the number 432, which is what an option would make of it that takes modes.
            DeValue::Integer(_) => {
                refused("write a decimal number, and permission bits in quotes, as \"660\"")
            }
            DeValue::Float(number) => Ok(number.as_str().to_owned()),
            DeValue::Boolean(is_so) if key.takes_bool() => Ok(is_so.to_string()),
            DeValue::Boolean(_) => refused("it is not true or false: write the value"),
            DeValue::Datetime(_) => refused("no option takes a date or a time: put a text in quotes"),
            DeValue::Array(_) if key.takes() != Takes::Many => refused("write one value, not a list"),
            DeValue::Array(_) => refused("write a list without lists in it"),
            DeValue::Table(_) => refused("write the value; no option takes a table"),
        }
    }

    fn refusal(&self, key: &Key, span: &Range<usize>, why: &str) -> Box<dyn std::error::Error> {
        refusal(&self.origin(span), key, self.text.get(span.clone()).unwrap_or_default(), why)
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        Origin::File(self.path.to_owned(), self.line(span.start))
    }

    fn line(&self, at: usize) -> usize {
        line(self.text.as_bytes(), at)
    }

    /// What is no TOML, told once for each line.
    fn faults(&self, errors: &[toml::de::Error], keys: &[Key]) -> BTreeMap<usize, String> {
        let mut faults = BTreeMap::new();
        for error in errors {
            let at = error.span().map_or(self.text.len(), |span| span.start);
            let line = self.line(at);
            let written = self.text.lines().nth(line - 1).unwrap_or_default();
            let why = unquoted(written, keys).unwrap_or_else(|| {
                // It may have a second line, of what was expected.
                error.message().lines().collect::<Vec<_>>().join(", ")
            });
            faults.entry(line).or_insert_with(|| format!("{}: {why}", self.origin(&(at..at))));
        }
        faults
    }
}

/// What was meant by a key that is none.
fn hint(name: &str, value: &DeValue<'_>, keys: &[Key]) -> String {
    if let Some(answer) = foreign::answer(name, Place::File) {
        return format!(": {answer}");
    }
    if let Some(near) = nearest(name, keys.iter().map(Key::name)) {
        return format!("; did you mean {near:?}?");
    }
    match value {
        DeValue::Table(_) => {
            format!("; the keys stand at the top of the file, without [{}]", name.escape_debug())
        }
        _ => String::new(),
    }
}

/// What to write in the place of a line whose value is text without quotes.
fn unquoted(line: &str, keys: &[Key]) -> Option<String> {
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim(), value.split(" #").next().unwrap_or_default().trim());
    let key = keys.iter().find(|key| key.name() == name)?;
    let quoted = |text: &str| match DeTable::parse(&format!("x = {text}")) {
        Ok(_) => Some(text.to_owned()),
        // What has quotes already lacks something else.
        Err(_) if text.is_empty() || text.contains(['"', '\'', '\\', '[', ']', '{', '}', '#']) => None,
        Err(_) => Some(format!("\"{text}\"")),
    };
    let meant = match value.strip_prefix('[').and_then(|items| items.strip_suffix(']')) {
        Some(items) => {
            let items: Option<Vec<String>> = items.split(',').map(|item| quoted(item.trim())).collect();
            format!("[{}]", items?.join(", "))
        }
        None => quoted(value)?,
    };
    match key.takes() {
        _ if meant == value => None,
        Takes::Flag => Some(format!("{name}: {value}: write true or false")),
        _ => Some(format!("text wants quotes: {name} = {meant}")),
    }
}
