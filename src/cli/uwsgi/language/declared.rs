//! Options that a configuration makes for itself, by `declare-option = name=option=value;option=value`.

use super::reader::Reader;
use crate::cli::Result;
use crate::cli::config::Origin;

/// Those that there are: the name, and what it stands for.
#[derive(Debug, Default)]
pub(super) struct Declared(Vec<(String, String)>);

impl Declared {
    pub(super) fn add(&mut self, written: &str) -> Result<()> {
        let (name, template) = written.split_once('=').ok_or("write name=option=value;option=value")?;
        self.0.push((name.to_owned(), template.to_owned()));
        Ok(())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.template(name).is_some()
    }

    /// Whether the option takes a value on the command line; `None` if there is none of this name.
    pub(super) fn takes_value(&self, name: &str) -> Option<bool> {
        self.template(name).map(|template| ["$1", "$2", "$3"].iter().any(|place| template.contains(place)))
    }

    /// Adds what the option `name` stands for, with the words of `value` for $1, $2 …
    pub(super) fn expand(reader: &mut Reader, name: &str, value: &str, origin: &Origin) -> Result<()> {
        let template = reader.declared.template(name).unwrap_or_default().to_owned();
        let mut words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            words.push("");
        }
        let filled = |text: &str| {
            let numbered = words.iter().enumerate();
            numbered.fold(text.to_owned(), |text, (at, word)| text.replace(&format!("${}", at + 1), word))
        };
        // Up to the first that has no value, as uWSGI does.
        let options =
            template.split(';').filter(|part| !part.is_empty()).map_while(|part| part.split_once('='));
        for (option, value) in options {
            let option = filled(option);
            // It would have no end.
            if !reader.declared.has(&option) {
                reader.apply(&option, &filled(value), origin)?;
            }
        }
        Ok(())
    }

    fn template(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, template)| template.as_str())
    }
}
