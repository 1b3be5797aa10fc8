//! JSON: an object of sections, each an object of options. A value is a text, a number, true, false, null, or a list of them.

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::Value;
use serde_json::value::RawValue;

use super::text::{Pair, Text};
use crate::cli::Result;

/// The options of a section, in the order in which they stand there.
pub(super) fn read(text: &Text, section: &str) -> Result<Vec<Pair>> {
    let whole = text.whole()?;
    let document = Document { text, whole };
    let sections: BTreeMap<String, &RawValue> =
        serde_json::from_str(whole).map_err(|error| document.fault(whole, &error))?;
    let Some(options) = sections.get(section) else {
        return Err(text.no_section(section, &sections.keys().cloned().collect::<Vec<_>>()));
    };
    let options = options.get();
    let options: BTreeMap<String, &RawValue> =
        serde_json::from_str(options).map_err(|error| document.fault(options, &error))?;
    // A map has the order of its keys.
    let mut options: Vec<(String, &RawValue)> = options.into_iter().collect();
    options.sort_by_key(|(_, value)| document.offset(value.get()));
    let mut pairs = Vec::new();
    for (name, value) in options {
        let values = match value.get() {
            list if list.starts_with('[') => {
                serde_json::from_str(list).map_err(|error| document.fault(list, &error))?
            }
            _ => vec![value],
        };
        for value in values.into_iter().map(RawValue::get) {
            let line = document.line(document.offset(value));
            let value = match serde_json::from_str(value).map_err(|error| document.fault(value, &error))? {
                Value::String(text) => text,
                Value::Bool(is_so) => u8::from(is_so).to_string(),
                Value::Null => "0".to_owned(),
                Value::Number(number) => number.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(
                        text.fault(line, &format!("{name} takes a value, or a list of them, and no object"))
                    );
                }
            };
            pairs.push(Pair { line, name: name.clone(), value });
        }
    }
    Ok(pairs)
}

struct Document<'a> {
    text: &'a Text,
    whole: &'a str,
}

impl Document<'_> {
    /// That a part of the document cannot be read.
    fn fault(&self, part: &str, error: &serde_json::Error) -> Box<dyn Error> {
        let line = self.line(self.offset(part)) + error.line().max(1) - 1;
        let why = error.to_string();
        // It says the place within the part.
        let why = why.split(" at line ").next().unwrap_or_default();
        self.text.fault(line, &format!("it is no JSON of sections and options: {why}"))
    }

    /// Where in the document a part of it begins.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize)
    }

    fn line(&self, at: usize) -> usize {
        1 + self.whole.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(json: &str, section: &str) -> std::result::Result<Vec<(usize, String, String)>, String> {
        let text = Text::plain("a.json", json.as_bytes());
        let pairs = read(&text, section).map_err(|error| error.to_string())?;
        Ok(pairs.into_iter().map(|pair| (pair.line, pair.name, pair.value)).collect())
    }

    #[test]
    fn options_are_read_in_their_order_with_their_lines() {
        let json = "{\"a\": {}, \"uwsgi\": {\n\"processes\": 4,\n\"master\": true, \"lazy\": false, \"x\": null,\n\
                    \"env\": [\"A=1\",\n\"B=\\u00e9\"]\n}}";
        let want = [
            (2, "processes", "4"),
            (3, "master", "1"),
            (3, "lazy", "0"),
            (3, "x", "0"),
            (4, "env", "A=1"),
            (5, "env", "B=é"),
        ];
        assert_eq!(
            pairs(json, "uwsgi").unwrap(),
            want.map(|(line, name, value)| (line, name.to_owned(), value.to_owned()))
        );
        assert_eq!(pairs(json, "a").unwrap(), []);
    }

    #[test]
    fn what_will_not_do_says_where_and_why() {
        for (json, want) in [
            ("{\"a\": 1}", "a.json: it has no section [uwsgi], only [a]"),
            ("{\n\"uwsgi\":\n{\"a\" 1}}", "a.json:3: it is no JSON"),
            ("{\"uwsgi\":\n{\"a\":\n{}}}", "a.json:3: a takes a value"),
            ("{\"uwsgi\":\n1}", "a.json:2: it is no JSON"),
            ("", "a.json:1: it is no JSON"),
        ] {
            let error = pairs(json, "uwsgi").unwrap_err();
            assert!(error.starts_with(want), "{json}: {error}");
        }
    }
}
