//! `tidegate uwsgi --convert`: a configuration as settings of our own, in TOML.

use std::fmt::Write as _;

use super::evaluation::{Evaluation, Verdict};
use crate::cli::config::Entry;

/// The file, with what was left out as comments at its end. `from` says what it was made of.
pub(super) fn toml(evaluation: &Evaluation, entries: &[Entry], from: &str) -> String {
    let mut text =
        format!("# Made by `tidegate uwsgi --convert {from}`; tidegate serve --config FILE serves it.\n\n");
    let mut told: Vec<&str> = Vec::new();
    for entry in entries {
        if told.contains(&entry.name()) {
            continue;
        }
        told.push(entry.name());
        let of_name = entries.iter().filter(|other| other.name() == entry.name());
        let values: Vec<String> = of_name.flat_map(Entry::as_toml).collect();
        let value = match (entry.is_list(), &values[..]) {
            (false, [.., last]) => last.clone(),
            (true, [only]) => format!("[{only}]"),
            _ => format!("[\n    {},\n]", values.join(",\n    ")),
        };
        writeln!(text, "{} = {value}", entry.name()).expect("a String takes all");
    }
    let left_out = evaluation
        .lines
        .iter()
        .filter(|line| !matches!(line.verdict, Verdict::Same(_) | Verdict::Read(_) | Verdict::Needless(_)));
    let left_out: Vec<String> =
        left_out.map(|line| format!("# {}: {}\n", line.place(), one_line(&line.verdict.words()))).collect();
    if !left_out.is_empty() {
        text.push_str("\n# Left out:\n");
        text.extend(left_out);
    }
    text
}

fn one_line(words: &str) -> String {
    words.lines().collect::<Vec<_>>().join(" ")
}
