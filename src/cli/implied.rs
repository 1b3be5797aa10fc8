//! `tidegate mysite.wsgi`: a first word that names an application means `serve`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::Program;

/// What the first word is, where it is no subcommand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// An application: `serve` is meant.
    Application,
    /// A file of settings, with what to do with it.
    Settings(String),
}

/// What the first of the command's words is, behind the program's name; `None` for what clap is to judge.
pub(super) fn first(program: &Program, definition: &clap::Command, arguments: &[OsString]) -> Option<First> {
    let word = arguments.get(1).and_then(|word| word.to_str())?;
    let is_ours = word == "help" || definition.find_subcommand(word).is_some();
    if !program.takes_app() || word.starts_with('-') || is_ours {
        return None;
    }
    let extension = Path::new(word).extension().and_then(OsStr::to_str).unwrap_or_default();
    match extension {
        "toml" => Some(First::Settings(format!(
            "{word} is a file of settings, and no application: tidegate serve --config {word}"
        ))),
        "ini" | "yaml" | "yml" | "xml" if Path::new(word).is_file() => Some(First::Settings(format!(
            "{word} is a file of another server's settings; here they are TOML: `tidegate check --config {word}` says what its \
             lines come to"
        ))),
        _ => is_application(program, word).then_some(First::Application),
    }
}

/// A module in a package, a callable, a path or a built-in application; or a module in this folder. One that is installed
/// elsewhere may have the name of a subcommand with a typo in it: requests.
fn is_application(program: &Program, word: &str) -> bool {
    let is_here = || {
        let (file, package) = (format!("{word}.py"), Path::new(word).join("__init__.py"));
        Path::new(&file).is_file() || package.is_file()
    };
    word.contains(['.', ':', '/']) || program.builtin(word).is_some() || is_here()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::definition;

    fn of(word: &str) -> Option<First> {
        let program = &Program::TIDEGATE;
        first(program, &definition(program), &["tidegate".into(), word.into()])
    }

    #[test]
    fn what_looks_like_an_application_is_one_and_a_command_is_not() {
        for word in ["mysite.wsgi", "app:app", "./serve.py", "hello", "demo", "a:make(b=1)"] {
            assert_eq!(of(word), Some(First::Application), "{word}");
        }
        for word in
            ["serve", "check", "help", "serv", "requests", "helo", "--http", "-w", "", "--workers=1.5"]
        {
            assert_eq!(of(word), None, "{word}");
        }
        assert!(matches!(of("t.toml"), Some(First::Settings(_))));
        // Another program's one application has no name.
        let own = Program::new("shop", "1");
        assert_eq!(first(&own, &definition(&own), &["shop".into(), "a.b".into()]), None);
    }
}
