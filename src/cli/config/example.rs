//! The example that ships as deploy/tidegate.toml: every setting, its meaning and its default. It is written from clap's
//! definition, and the test fails while the file is any other.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;

use clap::Command;

use super::key::{Key, Takes};
use super::{file, gather_from};
use crate::cli::{Program, definition, parse};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/tidegate.toml");

const BEGINNING: &str = "\
Settings of Tidegate: `tidegate serve --config tidegate.toml`, and `tidegate check --config tidegate.toml` to see \
whether all is right. Each is an option of `tidegate serve` under its long name. What the command line gives goes \
before a variable of the environment (TIDEGATE_MAX_BODY for max-body; a list with commas), and that goes before what \
stands here. Paths are relative to the directory in which the command is run, or to chdir. An address of one's own \
in place of the defaults: uwsgi = [\"/run/tidegate/app.sock\"].

Every setting is here, behind a #: with its default, or, where it has none, with the form of its value.";

/// The file as it should be.
fn example(command: &Command) -> String {
    let mut text = String::new();
    comment(&mut text, BEGINNING);
    let mut heading = None;
    let keys = Key::all(command);
    for key in &keys {
        if key.arg().get_help_heading() != heading {
            heading = key.arg().get_help_heading();
            writeln!(text, "\n# {:-<98}", format!("-- {} ", heading.unwrap_or_default())).unwrap();
        }
        text.push('\n');
        let help = key.arg().get_long_help().or(key.arg().get_help());
        let help = help.expect("every option has its words").to_string();
        // clap takes the full stop from behind a short one.
        let stop = if help.ends_with(['.', ']']) { "" } else { "." };
        comment(&mut text, &format!("{help}{stop}"));
        writeln!(text, "#{} = {}", key.name(), value(key).unwrap_or_else(|| form(key))).unwrap();
    }
    text
}

/// A text as comments of at most 100 columns.
fn comment(text: &mut String, words: &str) {
    for paragraph in words.split('\n') {
        let mut line = "#".to_owned();
        for word in paragraph.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > 100 {
                writeln!(text, "{line}").unwrap();
                line = "#".to_owned();
            }
            line = format!("{line} {word}");
        }
        writeln!(text, "{line}").unwrap();
    }
}

/// The default, as TOML.
fn value(key: &Key) -> Option<String> {
    let default = key.arg().get_default_values().first().map(|value| value.to_str().unwrap());
    match key.takes() {
        Takes::Flag => Some("false".to_owned()),
        Takes::Count => Some("0".to_owned()),
        Takes::One => {
            let default = default?;
            // A mode is octal: as a number it would be read aright, but look wrong.
            let is_mode =
                key.arg().get_value_names().is_some_and(|names| names.iter().any(|name| name == "MODE"));
            let is_plain = key.takes_bool() || (default.parse::<f64>().is_ok() && !is_mode);
            Some(if is_plain { default.to_owned() } else { format!("{default:?}") })
        }
        Takes::Many => None,
    }
}

/// What a value looks like.
fn form(key: &Key) -> String {
    let name =
        key.arg().get_value_names().and_then(|names| names.first()).map_or("…", |name| name.as_str());
    match (key.takes(), key.assignment()) {
        (Takes::Many, Some((name, value))) => {
            // A bare key of TOML has letters alone: a path is to be quoted.
            let quote = if name == "PREFIX" { "\"" } else { "" };
            format!("{{ {quote}{name}{quote} = \"{value}\" }}")
        }
        (Takes::Many, None) => format!("[\"{name}\"]"),
        _ => format!("\"{name}\""),
    }
}

pub(super) fn serve() -> Command {
    let mut cli = definition(&Program::TIDEGATE);
    cli.build();
    cli.find_subcommand("serve").expect("there is such a command").clone()
}

#[test]
fn the_shipped_example_has_every_setting() {
    let want = example(&serve());
    if std::env::var_os("WRITE_EXAMPLE").is_some() {
        fs::write(PATH, &want).unwrap();
    }
    let shipped = fs::read_to_string(PATH).unwrap_or_default();
    assert!(shipped == want, "{PATH} is stale: run `make example`, and look at what it changes");
}

#[test]
fn the_defaults_that_it_names_are_those_that_hold() {
    let keys = Key::all(&serve());
    let with_default = |line: &str| {
        let name = line.strip_prefix('#').and_then(|line| line.split_once(" = ")).map(|(name, _)| name);
        keys.iter().any(|key| Some(key.name()) == name && value(key).is_some())
    };
    let lines = example(&serve());
    let lines = lines.lines().map(|line| if with_default(line) { &line[1..] } else { line });
    let text: Vec<&str> = lines.collect();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidegate.toml");
    fs::write(&path, text.join("\n")).unwrap();
    assert!(file::read(&path, &keys).unwrap().len() > 10, "{text:?}");
    let parsed = |config: &[&str]| {
        let arguments = ["tidegate", "serve", "hello"].iter().chain(config).map(OsString::from).collect();
        let gathered = gather_from(&definition(&Program::TIDEGATE), arguments, Vec::new()).unwrap();
        // All but the file's own name.
        format!("{:?}", parse(definition(&Program::TIDEGATE), gathered.arguments).unwrap())
            .replace(path.to_str().unwrap(), "")
    };
    let with_file =
        parsed(&["--config", path.to_str().unwrap()]).replace("config: Some(\"\")", "config: None");
    assert_eq!(with_file, parsed(&[]));
}
