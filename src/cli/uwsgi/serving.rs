//! From directives to a server: what stops it is told in a line each, and the rest is what `tidegate serve` does.

use std::ffi::OsString;

use super::convert;
use super::evaluation::{Evaluation, Line, Verdict};
use crate::cli::config::{self, Entry, Origin};
use crate::cli::{Command, Host, Program, Result, option_names, parse, serve, tell};

/// Serves what the directives say. Returns the process's exit status.
pub(super) fn run(
    program: &Program,
    host: &'static dyn Host,
    definition: &clap::Command,
    evaluation: &Evaluation,
) -> Result<u8> {
    let faults = faults(evaluation);
    if !faults.is_empty() {
        faults.iter().for_each(|fault| tell(program, fault));
        return Ok(1);
    }
    warnings(evaluation).iter().for_each(|warning| tell(program, warning));
    let entries = entries(definition, evaluation)?;
    let arguments = arguments(&entries);
    let command = parse(definition.clone(), arguments).map_err(|error| error.to_string())?;
    let Command::Serve(mut configured) = command else { unreachable!("serve was asked for") };
    let given = evaluation.lines.iter().map(|line| &line.directive);
    let given = given.map(|one| (one.name.clone(), one.value().map(ToOwned::to_owned)));
    configured.options.loading.uwsgi = Some(given.collect());
    serve::run(program, host, &configured.options).map_err(|error| {
        let error = option_names::in_options(&error.to_string());
        match config::elsewhere(&error, &entries) {
            Some(note) => format!("{error}; {note}").into(),
            None => error.into(),
        }
    })
}

/// What would have to be typed.
pub(super) fn arguments(entries: &[Entry]) -> Vec<OsString> {
    let words = ["tidegate", "serve"].map(OsString::from);
    words.into_iter().chain(entries.iter().flat_map(Entry::arguments)).collect()
}

/// The settings, each judged by the option's own parser.
pub(super) fn entries(definition: &clap::Command, evaluation: &Evaluation) -> Result<Vec<Entry>> {
    let keys = config::keys_of_serve(definition);
    let (mut entries, mut told) = (Vec::new(), Vec::new());
    for setting in &evaluation.settings {
        let line = setting.from.map(|at| &evaluation.lines[at]);
        let origin = line.map_or(Origin::Untold, |line| line.directive.origin.clone());
        match config::entry(&keys, setting.option, &setting.value, origin) {
            Ok(entry) => entries.push(entry),
            Err(why) => {
                let place = line.map_or_else(|| format!("--{}", setting.option), Line::place);
                told.push(format!("{place}: {why}"));
            }
        }
    }
    if told.is_empty() { Ok(entries) } else { Err(told.join("\n").into()) }
}

/// What stops the server: a line each.
pub(super) fn faults(evaluation: &Evaluation) -> Vec<String> {
    let line = |line: &Line| match &line.verdict {
        Verdict::Bad(why) => Some(format!("{}: {why}", line.place())),
        Verdict::Refused(why) => {
            let name = &line.directive.name;
            Some(format!("{}: not here: {why}; --ignore {name} goes on without it", line.place()))
        }
        _ => None,
    };
    let lines = evaluation.lines.iter().filter_map(line);
    lines.chain(evaluation.missing.clone()).collect()
}

/// What an operator should know: one line for all that is lost, and one for each name that is none.
fn warnings(evaluation: &Evaluation) -> Vec<String> {
    let mut warnings = Vec::new();
    let lost = evaluation.lines.iter().filter(|line| matches!(line.verdict, Verdict::Lost(_)));
    let lost: Vec<String> =
        lost.map(|line| format!("{} ({})", line.directive.name, line.directive.origin)).collect();
    if !lost.is_empty() {
        warnings.push(format!(
            "left out, and nothing breaks: {}; --check says what there is instead",
            lost.join(", ")
        ));
    }
    for line in &evaluation.lines {
        if matches!(line.verdict, Verdict::Unknown(_) | Verdict::Ignored(_)) {
            warnings.push(format!("{}: {}", line.place(), line.verdict.words()));
        }
    }
    warnings
}

/// The configuration as a file of our own settings.
pub(super) fn converted(definition: &clap::Command, evaluation: &Evaluation, from: &str) -> Result<String> {
    let wrong = evaluation.lines.iter().filter(|line| matches!(line.verdict, Verdict::Bad(_)));
    let wrong: Vec<String> =
        wrong.map(|line| format!("{}: {}", line.place(), line.verdict.words())).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("\n").into());
    }
    Ok(convert::toml(evaluation, &entries(definition, evaluation)?, from))
}
