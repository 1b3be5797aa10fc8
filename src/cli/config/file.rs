//! Settings in a TOML file: max-body = "10m".

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entry::{Entry, Origin, Value, refusal};
use super::key::{Key, Takes};
use crate::cli::Result;
use crate::cli::did_you_mean::nearest;

/// The settings of the file at `path`.
pub(super) fn read(path: &Path, keys: &[Key]) -> Result<Vec<Entry>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("cannot read the configuration file {}: {error}", path.display()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let path = path.display();
        return Err(format!("{path}: no configuration has more than {FILE_BYTES_MAX} bytes").into());
    }
    entries(path, &bytes, keys)
}

/// 1 MiB: a device or a pipe that was named by mistake may have no end.
const FILE_BYTES_MAX: u64 = 1 << 20;

fn entries(path: &Path, bytes: &[u8], keys: &[Key]) -> Result<Vec<Entry>> {
    let document = match std::str::from_utf8(bytes) {
        Ok(text) => Document { path, text },
        Err(error) => {
            let line = line(bytes, error.valid_up_to());
            return Err(format!("{}:{line}: it is no UTF-8 text", path.display()).into());
        }
    };
    let table = DeTable::parse(document.text).map_err(|error| {
        let at = error.span().map_or(document.text.len(), |span| span.start);
        // It may have a second line, of what was expected.
        let message: Vec<&str> = error.message().lines().collect();
        format!("{}: {}", document.origin(&(at..at)), message.join(", "))
    })?;
    let mut settings: Vec<_> = table.get_ref().iter().collect();
    // A table has the order of its keys, but the first error should be that of the first line.
    settings.sort_by_key(|(name, _)| name.span().start);
    settings.into_iter().map(|(name, value)| document.entry(name, value, keys)).collect()
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
            let near = nearest(name, keys.iter().map(Key::name));
            let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            return Err(format!("{origin}: unknown key {name:?}{near}").into());
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
                Value::Values(items.iter().map(|item| self.scalar(key, item)).collect::<Result<_>>()?)
            }
            (Takes::Many, DeValue::Table(pairs)) if key.assignment().is_some() => {
                let pairs = pairs.iter().map(|(name, value)| self.assignment(key, name.get_ref(), value));
                Value::Values(pairs.collect::<Result<_>>()?)
            }
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
        Origin::File(self.path.to_owned(), line(self.text.as_bytes(), span.start))
    }
}
