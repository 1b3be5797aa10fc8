//! Files that are another server's configuration: what they are, and what each of their lines comes to here.

use std::path::Path;

use super::key::Key;
use crate::cli::did_you_mean::nearest;
use crate::cli::foreign::{self, Place};

/// What is said of a file that is uWSGI's, or Python as gunicorn has it: a line for the file, and one for each of its settings.
/// `None` for all others.
pub(super) fn recognise(path: &Path, text: &str, keys: &[Key]) -> Option<String> {
    let kind = Kind::of(path, text)?;
    let lines = || text.lines().map(str::trim_end).enumerate().map(|(at, line)| (at + 1, line));
    let begin = lines().find(|(_, line)| kind.shows_in(line)).map_or(1, |(at, _)| at);
    let file = path.display();
    let mut told = vec![format!("{file}:{begin}: this is {}; here it is TOML, {FORM}", kind.words())];
    for (at, line) in lines() {
        if let Some(name) = kind.name_in(line) {
            told.push(format!("{file}:{at}: {}: {}", name.escape_debug(), kind.answer(name, keys)));
        }
    }
    Some(told.join("\n"))
}

/// How settings are written here.
const FORM: &str = "a key a line and text in quotes, as app = \"mysite.wsgi\"";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ini,
    /// XML or YAML: its lines are not looked into.
    Markup,
    Python,
}

impl Kind {
    fn of(path: &Path, text: &str) -> Option<Kind> {
        if path.extension().is_some_and(|extension| extension == "py") {
            return Some(Kind::Python);
        }
        [Kind::Ini, Kind::Markup, Kind::Python]
            .into_iter()
            .find(|kind| text.lines().any(|line| kind.shows_in(line.trim_end())))
    }

    /// Whether this line stands in such files alone.
    fn shows_in(self, line: &str) -> bool {
        match self {
            Kind::Ini => line == "[uwsgi]",
            Kind::Markup => line == "uwsgi:" || line.starts_with("<uwsgi"),
            Kind::Python => {
                let mut words = line.split_whitespace();
                let (first, second) = (words.next(), words.next().unwrap_or_default());
                let is_import = matches!(first, Some("import" | "from")) && !second.starts_with('=');
                // A block's text is none of it.
                !line.starts_with(' ') && (is_import || first == Some("def") && line.ends_with(':'))
            }
        }
    }

    fn words(self) -> &'static str {
        match self {
            Kind::Ini | Kind::Markup => "uWSGI's configuration",
            Kind::Python => "Python, as gunicorn's configuration",
        }
    }

    /// The name that this line sets.
    fn name_in(self, line: &str) -> Option<&str> {
        let (name, _) = line.split_once('=')?;
        let name = name.trim_end();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let is_name = !name.is_empty() && name.chars().all(is_word);
        (self != Kind::Markup && is_name).then_some(name)
    }

    fn answer(self, name: &str, keys: &[Key]) -> String {
        let ours = name.replace('_', "-");
        if let Some(key) = keys.iter().find(|key| key.name() == ours) {
            return format!("here: the key {}", key.name());
        }
        let whose = if self == Kind::Python { foreign::GUNICORN } else { foreign::UWSGI };
        let answer =
            foreign::answer_of(whose, name, Place::File).or_else(|| foreign::answer(name, Place::File));
        answer.unwrap_or_else(|| match nearest(&ours, keys.iter().map(Key::name)) {
            Some(near) => format!("no key of ours; did you mean {near}?"),
            None => "no key of ours".to_owned(),
        })
    }
}
