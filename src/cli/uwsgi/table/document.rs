//! docs/uwsgi-options.md, which is made of the table. The test fails while the file is any other.

use std::fmt::Write as _;
use std::fs;

use super::{Answer, FAMILIES, Known, THEMES};
use crate::cli::uwsgi::names::NAMES;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/uwsgi-options.md");

const BEGINNING: &str = "\
# uWSGI's options

What `tidegate uwsgi` ([uwsgi.md](uwsgi.md)) makes of each option of uWSGI 2.0.31 and of its plugins:

- **the same**: it is the named option of `tidegate serve`, or part of the configuration's language;
- **not needed**: accepted in silence;
- **lost**: a feature is lost and nothing breaks; one warning names all of them;
- **refused**, or **nginx does it**: dangerous to leave out. The server does not start, and says why in a line for each;
  `--ignore OPTION` goes on without it.

`tidegate uwsgi --check app.ini` says the same of each line of a configuration. This file is made of the table in
src/cli/uwsgi/table by `make example`.
";

fn document() -> String {
    let mut text = BEGINNING.to_owned();
    for (theme, table) in THEMES {
        write!(text, "\n## {theme}\n\n| option | here | |\n| --- | --- | --- |\n").unwrap();
        table.iter().for_each(|known| row(&mut text, known));
    }
    text.push_str(
        "\n## All others\n\nBy how their names begin.\n\n| options | here | |\n| --- | --- | --- |\n",
    );
    let in_table =
        |name: &str| THEMES.iter().flat_map(|(_, table)| *table).any(|known| known.names.contains(&name));
    for (at, family) in FAMILIES.iter().enumerate() {
        let is_first = |name: &str| !FAMILIES[..at].iter().any(|other| other.has(name));
        let names = NAMES.iter().map(|known| known.name);
        let own: Vec<String> =
            names.filter(|name| family.has(name) && !in_table(name) && is_first(name)).map(code).collect();
        let (kind, words) = (kind(family.answer), family.answer.words());
        writeln!(text, "| {} | {kind} | {} |", own.join(", "), cell(&words)).unwrap();
    }
    text
}

fn row(text: &mut String, known: &Known) {
    let names: Vec<String> = known.names.iter().map(|name| with_letter(name)).collect();
    let (kind, words) = (kind(known.answer), known.answer.words());
    writeln!(text, "| {} | {kind} | {} |", names.join(", "), cell(&words)).unwrap();
}

/// The kind's word.
fn kind(answer: Answer) -> &'static str {
    match answer {
        Answer::Same { .. } | Answer::Read(_) => "the same",
        Answer::Needless(_) | Answer::Checked { .. } => "not needed",
        Answer::Lost(_) => "lost",
        Answer::Refused { .. } => "refused",
        Answer::Nginx { .. } => "nginx does it",
    }
}

fn with_letter(name: &str) -> String {
    let letter = NAMES.iter().find(|known| known.name == name).and_then(|known| known.letter);
    letter.map_or_else(|| code(name), |letter| format!("`{name}` (`-{letter}`)"))
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

fn cell(words: &str) -> String {
    words.replace('|', "\\|").replace('<', "&lt;")
}

#[test]
fn the_document_has_every_option() {
    let want = document();
    if std::env::var_os("WRITE_EXAMPLE").is_some() {
        fs::write(PATH, &want).unwrap();
    }
    let shipped = fs::read_to_string(PATH).unwrap_or_default();
    assert!(shipped == want, "{PATH} is stale: run `make example`, and look at what it changes");
}
