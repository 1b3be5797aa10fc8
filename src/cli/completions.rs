//! `tidegate completions`: a script that has a shell complete the command's options.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Args, Command, ValueEnum, ValueHint};
use clap_complete::{Shell, generate};

use super::shown::shown;
use super::{Result, print};

pub(super) const EXAMPLES: &str = "\
A package has them installed in their places. By hand they go to one of these, and a new shell has them; for zsh the \
folder must be in fpath.

Examples:
  tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate
  tidegate completions zsh > ~/.zsh/completions/_tidegate
  tidegate completions fish > ~/.config/fish/completions/tidegate.fish
  source <(tidegate completions bash)";

/// What `tidegate completions` is given.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The shell whose script is printed: bash, zsh or fish.
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    shell: KnownShell,
}

/// A shell whose script is tried by the tests, in the shell itself. clap_complete knows others too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KnownShell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the script.
pub(super) fn run(definition: &Command, options: &Options) -> Result<()> {
    let shell = match options.shell {
        KnownShell::Bash => Shell::Bash,
        KnownShell::Zsh => Shell::Zsh,
        KnownShell::Fish => Shell::Fish,
    };
    let name = definition.get_name().to_owned();
    let mut command = with_names_of_pages(completed(shown(definition)));
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    print(&script)
}

/// The definition as a shell is to have it, which shows what is said of an option in a column.
fn completed(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let help = arg.get_help().map(|help| first_sentence(&help.to_string()));
        let arg = if let Some(help) = help { arg.help(help) } else { arg };
        match hint(&arg) {
            Some(hint) => arg.value_hint(hint),
            None => arg,
        }
    });
    command.mut_subcommands(completed)
}

/// What a value is, where its option does not say so: its name does. A shell would offer files for any that it knows nothing
/// of.
fn hint(arg: &Arg) -> Option<ValueHint> {
    let is_open = matches!(arg.get_value_hint(), ValueHint::Unknown | ValueHint::AnyPath);
    let name = arg.get_value_names().and_then(|names| names.first()).filter(|_| is_open)?;
    match name.as_str() {
        // A unix socket is a file, and so may an application be.
        "FILE" | "ADDR" | "APP" => Some(ValueHint::FilePath),
        "DIR" => Some(ValueHint::DirPath),
        _ if arg.get_value_hint() == ValueHint::AnyPath => Some(ValueHint::FilePath),
        // zsh would offer no option where a word could stand of which it is told nothing.
        _ => (!arg.is_positional() && arg.get_action().takes_values()).then_some(ValueHint::Other),
    }
}

fn first_sentence(text: &str) -> String {
    let end = text.find(". ").unwrap_or(text.len());
    text[..end].to_owned()
}

/// `tidegate man` takes the name of a command, and these are all.
fn with_names_of_pages(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    command.mut_subcommand("man", |man| {
        man.mut_arg("command", |arg| arg.value_parser(PossibleValuesParser::new(names)))
    })
}
