//! `tidegate uwsgi`: a configuration of uWSGI's, as it stands.

mod language;
#[cfg_attr(not(test), allow(dead_code, reason = "the mapping of options calls it"))]
mod log_format;
mod names;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Args;

use super::{Program, Result, print};
use language::VERSION;
#[doc(hidden)]
pub use language::read_ini;
use names::Argument;

pub(super) const EXAMPLES: &str = "\
It takes uWSGI's own arguments: options with one dash or two, and files of settings (.ini, .yaml, .xml, .json). A link to \
the command that is called `uwsgi` takes them too.

Examples:
  tidegate uwsgi --ini /etc/app.ini
  tidegate uwsgi app.ini --processes 4
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
const OWN: [OwnOption; 0] = [];

/// The name by which this command takes uWSGI's arguments, also without a command's name before them.
pub(super) const NAME: &str = "uwsgi";

/// Does what uWSGI would do with these arguments.
pub(super) fn run(program: &Program, definition: &clap::Command, options: &Options) -> Result<u8> {
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
    if is_asked("show-config") {
        // Where uWSGI prints it: its log.
        let _ = io::stderr().write_all(language::show(&directives).as_bytes());
        return Ok(0);
    }
    Err("it does not serve yet: --show-config says what a configuration comes to".into())
}

const HELP: [&str; 3] = ["--help", "-h", "--usage"];

/// The environment, in its order; what is no text in it is no option's value.
fn variables() -> Vec<(String, String)> {
    let texts = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.collect()
}
