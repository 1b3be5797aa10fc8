//! What clap makes of the arguments, and a better answer than clap's own where it has none.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::foreign::{self, Place};
use super::program::Program;
use super::{APP, Cli, Command, MOUNTS, config, setup};

/// What clap knows of the command. APP may stand in the environment or in a file: that it is nowhere is found by
/// [`parse`], when all is gathered.
pub(super) fn definition(program: &Program) -> clap::Command {
    program.adapt(Cli::command())
}

/// The command that the arguments ask for.
pub(super) fn parse(
    mut definition: clap::Command,
    arguments: Vec<OsString>,
) -> std::result::Result<Command, clap::Error> {
    let first = arguments.get(1).and_then(|word| word.to_str()).map(ToOwned::to_owned);
    let parsed = definition.try_get_matches_from_mut(arguments);
    let mut matches = parsed.map_err(|error| explained(error, &definition, first.as_deref()))?;
    if let Some((name, asked)) = matches.subcommand() {
        let command = definition.find_subcommand_mut(name).expect("clap has matched it");
        if let Some(stray) = hidden(command, asked) {
            let message = match stray.as_str() {
                "--reload" | "--reload-include" => setup::NO_MODULES.to_owned(),
                _ => format!("unexpected argument '{stray}' found"),
            };
            return Err(command.error(ErrorKind::UnknownArgument, message));
        }
        // The matches are no help here: of an argument that the subcommand has not, they say in a release build
        // only that it was not given.
        // For nginx it makes no difference which.
        let wants_app = config::has_settings(command) && name != "nginx";
        if wants_app && ![APP, MOUNTS].iter().any(|id| asked.contains_id(id)) {
            let message = "which application? Give <APP>, or `app` in the file of --config, or TIDEGATE_APP";
            return Err(command.error(ErrorKind::MissingRequiredArgument, message));
        }
    }
    let cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut definition))?;
    cli.command.ok_or_else(|| definition.error(ErrorKind::MissingSubcommand, "which command?"))
}

/// The error, with a better answer than the nearest name where other servers have such an option, or where no command is named.
fn explained(mut error: clap::Error, definition: &clap::Command, first: Option<&str>) -> clap::Error {
    let command = first.and_then(|name| definition.find_subcommand(name));
    let (kind, tip) = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(option)))
            if command.is_none_or(config::has_settings) =>
        {
            (ContextKind::SuggestedArg, foreign::answer(option, Place::CommandLine))
        }
        (ErrorKind::InvalidSubcommand, _) if definition.find_subcommand("serve").is_some() => {
            let word = first.unwrap_or_default();
            let tip =
                format!("to serve an application of this name, use '{} serve {word}'", definition.get_name());
            (ContextKind::Suggested, Some(tip).filter(|_| takes_app(definition)))
        }
        _ => return error,
    };
    if let Some(tip) = tip {
        error.remove(kind);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Whether `serve` has an APP.
fn takes_app(definition: &clap::Command) -> bool {
    let serve = definition.find_subcommand("serve");
    let app = serve.and_then(|serve| serve.get_arguments().find(|arg| arg.get_id() == APP));
    app.is_some_and(|app| !app.is_hide_set())
}

/// An argument that was given though the program hides it: the option, or the first of its values. clap can hide an
/// argument of a definition, but not take it out.
fn hidden(command: &clap::Command, asked: &ArgMatches) -> Option<String> {
    let mut arguments = command.get_arguments().filter(|arg| arg.is_hide_set());
    let given =
        arguments.find(|arg| asked.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine))?;
    match given.get_long() {
        Some(long) => Some(format!("--{long}")),
        None => {
            asked.get_raw(given.get_id().as_str())?.next().map(|value| value.to_string_lossy().into_owned())
        }
    }
}
