//! `tidegate uwsgi --check`: what is said of each line of a configuration.

use std::fmt::Write as _;

use super::evaluation::{Evaluation, Line, Verdict, shown};

/// A line for each directive, what uWSGI does without being told, and a sum.
pub(super) fn report(evaluation: &Evaluation) -> String {
    let mut report = String::new();
    for line in &evaluation.lines {
        add(&mut report, &line.place(), &line.verdict.words());
    }
    let untold = evaluation.settings.iter().filter(|setting| setting.from.is_none());
    let untold: Vec<String> = untold.map(shown).collect();
    if !untold.is_empty() {
        add(&mut report, "without being told, as uWSGI", &untold.join(" "));
    }
    if let Some(missing) = &evaluation.missing {
        writeln!(report, "{missing}").expect("a String takes all");
    }
    writeln!(report, "\n{}", sum(&evaluation.lines)).expect("a String takes all");
    report
}

fn add(report: &mut String, left: &str, right: &str) {
    writeln!(report, "{left:<PLACE_WIDTH$}  {right}").expect("a String takes all");
}

/// Columns for the place; a longer one pushes what stands behind it.
const PLACE_WIDTH: usize = 48;

fn sum(lines: &[Line]) -> String {
    let count = |is: fn(&Verdict) -> bool| lines.iter().filter(|line| is(&line.verdict)).count();
    let counts = [
        (count(|verdict| matches!(verdict, Verdict::Same(_) | Verdict::Read(_))), "the same"),
        (count(|verdict| matches!(verdict, Verdict::Needless(_))), "not needed"),
        (count(|verdict| matches!(verdict, Verdict::Lost(_))), "lost"),
        (count(|verdict| matches!(verdict, Verdict::Unknown(_))), "unknown to uWSGI"),
        (count(|verdict| matches!(verdict, Verdict::Refused(_))), "not here"),
        (count(|verdict| matches!(verdict, Verdict::Ignored(_))), "left out by --ignore"),
        (count(|verdict| matches!(verdict, Verdict::Bad(_))), "wrong"),
    ];
    let told = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let told: Vec<String> = told.collect();
    format!("{} lines: {}.", lines.len(), told.join(", "))
}
