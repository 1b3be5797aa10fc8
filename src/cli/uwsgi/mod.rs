//! `tidegate uwsgi`: a configuration of uWSGI's, as it stands.

mod check;
mod convert;
mod encoders;
mod evaluation;
mod language;
mod log_format;
mod mapping;
mod names;
mod serving;
mod table;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Args;

use super::config::Origin;
use super::{Host, Program, Result, print};
use evaluation::Evaluation;
#[doc(hidden)]
pub use language::read_ini;
use language::{Directive, VERSION};
use names::Argument;
pub(in crate::cli) use table::answer;

pub(super) const EXAMPLES: &str = "\
It takes uWSGI's own arguments: options with one dash or two, and files of settings (.ini, .yaml, .xml, .json). A link to \
the command that is called `uwsgi` takes them too.

Examples:
  tidegate uwsgi --ini /etc/app.ini
  tidegate uwsgi app.ini --processes 4
  tidegate uwsgi --check app.ini               say of each line: the same, not needed, or not here and why
  tidegate uwsgi --convert app.ini > app.toml  the same as settings of `tidegate serve --config`
  tidegate uwsgi app.ini --ignore cron         go on without what is not here
  tidegate uwsgi --ini app.ini --show-config   what it comes to, all of its language resolved
  ln -s $(command -v tidegate) /usr/local/bin/uwsgi";

#[derive(Args, Debug)]
pub(super) struct Options {
    /// uWSGI's arguments.
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// An option that is not uWSGI's, but of this command.
#[derive(Debug)]
struct OwnOption {
    name: &'static str,
    argument: Argument,
}

/// All of them: on the command line alone.
const OWN: [OwnOption; 3] = [
    OwnOption { name: CHECK, argument: Argument::No },
    OwnOption { name: CONVERT, argument: Argument::No },
    OwnOption { name: IGNORE, argument: Argument::Required },
];
const CHECK: &str = "check";
const CONVERT: &str = "convert";
const IGNORE: &str = "ignore";

/// The name by which this command takes uWSGI's arguments, also without a command's name before them.
pub(super) const NAME: &str = "uwsgi";

/// Does what uWSGI would do with these arguments.
pub(super) fn run(
    program: &Program,
    host: &'static dyn Host,
    definition: &clap::Command,
    options: &Options,
) -> Result<u8> {
    if !program.takes_app() {
        return Err("it serves an application of its own, and none that a uwsgi.ini names".into());
    }
    let words =
        options.arguments.iter().cloned().map(OsString::into_string).collect::<std::result::Result<_, _>>();
    let words: Vec<String> = words.map_err(|word| format!("{}: it is no UTF-8 text", word.display()))?;
    if words.iter().any(|word| HELP.contains(&word.as_str())) {
        let mut command = definition.find_subcommand(NAME).expect("it runs").clone();
        print(command.render_long_help().to_string().as_bytes())?;
        return Ok(0);
    }
    let directives = language::read(words, variables())?;
    let is_asked =
        |name: &str| directives.iter().any(|directive| directive.name == name && directive.is_on());
    if is_asked("version") {
        print(format!("{VERSION}\n").as_bytes())?;
        return Ok(0);
    }
    let is_typed = |directive: &Directive| directive.origin == Origin::CommandLine;
    if is_asked("show-config") {
        // Where uWSGI prints it: its log.
        let _ = io::stderr().write_all(language::show(&directives).as_bytes());
        if directives.iter().any(|directive| directive.name == "show-config" && is_typed(directive)) {
            return Ok(0);
        }
    }
    let is_own =
        |directive: &Directive| is_typed(directive) && OWN.iter().any(|own| own.name == directive.name);
    let (own, directives): (Vec<_>, Vec<_>) = directives.into_iter().partition(is_own);
    let ignored = own.iter().filter(|directive| directive.name == IGNORE).filter_map(Directive::value);
    let ignored: Vec<String> = ignored.map(ToOwned::to_owned).collect();
    let evaluation = Evaluation::new(directives, &ignored, &std::env::current_dir()?);
    let is_asked = |name: &str| own.iter().any(|directive| directive.name == name);
    if is_asked(CHECK) {
        print(check::report(&evaluation).as_bytes())?;
        // A value may be one that the option it becomes does not take.
        serving::entries(definition, &evaluation)?;
        return Ok(u8::from(!evaluation.is_served()));
    }
    if is_asked(CONVERT) {
        let from = evaluation.files().join(" ");
        print(serving::converted(definition, &evaluation, &from)?.as_bytes())?;
        return Ok(0);
    }
    serving::run(program, host, definition, &evaluation)
}

const HELP: [&str; 3] = ["--help", "-h", "--usage"];

/// The environment, in its order; what is no text in it is no option's value.
fn variables() -> Vec<(String, String)> {
    let texts = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.collect()
}

#[cfg(test)]
mod tests;
