//! Every option of uWSGI, and what becomes of it here: one of four kinds. docs/uwsgi-options.md is made of this table.

mod application;
mod families;
mod features;
mod files;
mod http;
mod listening;
mod logs;
mod process;
mod reading;
mod workers;

use std::borrow::Cow;

use super::mapping::Apply;
use super::names;
use crate::cli::foreign;
pub(super) use families::FAMILIES;

/// An option of uWSGI's, under all of its names.
pub(super) struct Known {
    /// Without dashes.
    pub(super) names: &'static [&'static str],
    pub(super) answer: Answer,
}

/// What becomes of an option.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// The same: it is this option of ours (several with a blank between them), and what is to be known of it.
    Same { ours: &'static str, note: &'static str, apply: Apply },
    /// It belongs to the configuration's own language, and is read as uWSGI reads it.
    Read(&'static str),
    /// Not needed: it is so without being asked for.
    Needless(&'static str),
    /// Not needed unless its value asks for what is not here; the function finds that out.
    Checked { why: &'static str, apply: Apply },
    /// A feature is lost, nothing breaks: what there is instead.
    Lost(&'static str),
    /// Dangerous to leave out: what it does, and what to use instead.
    Refused { does: &'static str, instead: &'static str },
    /// As [`Refused`](Answer::Refused): nginx does it, by these words.
    Nginx { does: &'static str, how: &'static str },
}

/// The table by theme, in the order of the document.
pub(super) const THEMES: &[(&str, &[Known])] = &[
    ("The application", application::TABLE),
    ("Where it listens", listening::TABLE),
    ("uWSGI's HTTP router", http::TABLE),
    ("Static files and responses", files::TABLE),
    ("Workers", workers::TABLE),
    ("The process", process::TABLE),
    ("Logs and statistics", logs::TABLE),
    ("The configuration's language", reading::TABLE),
    ("Other features", features::TABLE),
];

/// What becomes of the option of this name, or of this letter behind a dash: by a line of the table, or by its family.
pub(super) fn find(name: &str) -> Option<Answer> {
    let letter = name.strip_prefix('-').and_then(|letter| letter.chars().next());
    let name = letter.map_or(Some(name), |letter| Some(names::by_letter(letter)?.name))?;
    let known = || THEMES.iter().flat_map(|(_, table)| *table);
    let exact = known().find(|known| known.names.contains(&name)).map(|known| known.answer);
    // A name that is none of uWSGI's has no family.
    exact.or_else(|| {
        names::find(name)?;
        FAMILIES.iter().find(|family| family.has(name)).map(|family| family.answer)
    })
}

/// What to say of the option to who types it at `tidegate serve`.
pub(in crate::cli) fn answer(name: &str) -> Option<foreign::Answer> {
    Some(match find(name)? {
        Answer::Same { ours, note, .. } => {
            // Of several the first is the one that is meant.
            foreign::Answer::Here(ours.split(' ').next().unwrap_or(ours), note)
        }
        // Words of its language, and commands: elsewhere they mean something else.
        Answer::Read(_) => return None,
        Answer::Refused { does: reading::PRINTS, .. } => return None,
        Answer::Needless(why) | Answer::Checked { why, .. } => foreign::Answer::Needless(why),
        Answer::Lost(instead) | Answer::Refused { instead, .. } => foreign::Answer::Not(instead),
        Answer::Nginx { how, .. } => foreign::Answer::Nginx(how),
    })
}

const fn same(names: &'static [&'static str], ours: &'static str, note: &'static str, apply: Apply) -> Known {
    Known { names, answer: Answer::Same { ours, note, apply } }
}

const fn read(names: &'static [&'static str], how: &'static str) -> Known {
    Known { names, answer: Answer::Read(how) }
}

const fn needless(names: &'static [&'static str], why: &'static str) -> Known {
    Known { names, answer: Answer::Needless(why) }
}

const fn checked(names: &'static [&'static str], why: &'static str, apply: Apply) -> Known {
    Known { names, answer: Answer::Checked { why, apply } }
}

const fn lost(names: &'static [&'static str], instead: &'static str) -> Known {
    Known { names, answer: Answer::Lost(instead) }
}

const fn refused(names: &'static [&'static str], does: &'static str, instead: &'static str) -> Known {
    Known { names, answer: Answer::Refused { does, instead } }
}

const fn nginx(names: &'static [&'static str], does: &'static str, how: &'static str) -> Known {
    Known { names, answer: Answer::Nginx { does, how } }
}

impl Answer {
    /// What there is to say of it, behind its kind.
    pub(super) fn words(self) -> Cow<'static, str> {
        match self {
            Answer::Same { ours, note, .. } => {
                let ours: Vec<String> = ours.split(' ').map(shown).collect();
                let ours = ours.join(", ");
                if note.is_empty() { ours.into() } else { format!("{ours}: {note}").into() }
            }
            Answer::Read(words) | Answer::Needless(words) | Answer::Lost(words) => words.into(),
            Answer::Checked { why, .. } => why.into(),
            Answer::Refused { does, instead } => format!("it {does}; {instead}").into(),
            Answer::Nginx { does, how } => format!("it {does}; {how}").into(),
        }
    }
}

/// An option of ours as it is typed.
fn shown(option: &str) -> String {
    if option == "app" { "APP".to_owned() } else { format!("--{option}") }
}

#[cfg(test)]
mod document;
#[cfg(test)]
mod tests;
