//! What each line of a configuration comes to, and all of them together.

use std::fmt::Write as _;
use std::path::Path;

use super::language::Directive;
use super::mapping::{Draft, Fault, Setting};
use super::names::{self, Argument};
use super::table::{self, Answer};
use crate::cli::config::Origin;

/// A configuration, judged.
pub(super) struct Evaluation {
    pub(super) lines: Vec<Line>,
    pub(super) settings: Vec<Setting>,
    /// What all lines together lack.
    pub(super) missing: Option<String>,
}

/// A directive and what becomes of it.
pub(super) struct Line {
    pub(super) directive: Directive,
    pub(super) verdict: Verdict,
}

/// What becomes of a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is these options of ours.
    Same(String),
    /// It is part of the configuration's language.
    Read(&'static str),
    Needless(String),
    /// A feature is lost.
    Lost(String),
    /// It may not be left out.
    Refused(String),
    /// As [`Refused`](Verdict::Refused), but for `--ignore`.
    Ignored(String),
    /// uWSGI has no such option; perhaps this one was meant.
    Unknown(Option<&'static str>),
    /// It cannot be so.
    Bad(String),
}

impl Evaluation {
    /// Judges the directives. `ignored` are the names of those that may be left out, `here` the folder of the start.
    pub(super) fn new(directives: Vec<Directive>, ignored: &[String], here: &Path) -> Self {
        let is_strict = directives.iter().rfind(|one| one.name == "strict").is_some_and(Directive::is_on);
        let mut draft = Draft::default();
        let mut lines = Vec::new();
        for (at, directive) in directives.into_iter().enumerate() {
            draft.current = Some(at);
            let mut verdict = judge(&directive, &mut draft, is_strict);
            if let Verdict::Refused(why) = &verdict
                && ignored.contains(&directive.name)
            {
                verdict = Verdict::Ignored(why.clone());
            }
            lines.push(Line { directive, verdict });
        }
        let missing = match (draft.finish(here), draft.current) {
            (Err(why), Some(at)) => {
                lines[at].verdict = Verdict::Bad(why);
                None
            }
            (finished, _) => finished.err(),
        };
        let (settings, notes, lost) = (draft.settings, draft.notes, draft.lost);
        for (at, line) in lines.iter_mut().enumerate() {
            let own: Vec<_> = settings.iter().filter(|setting| setting.from == Some(at)).collect();
            if let Verdict::Same(words) = &mut line.verdict
                && !own.is_empty()
            {
                *words = own.into_iter().map(shown).collect::<Vec<_>>().join(" ");
            }
        }
        for (at, note) in notes {
            if let Verdict::Same(words) = &mut lines[at].verdict {
                words.extend([" (", &note, ")"]);
            }
        }
        for (at, instead) in lost {
            lines[at].verdict = Verdict::Lost(instead);
        }
        Evaluation { lines, settings, missing }
    }

    /// The files that the directives stand in, each once.
    pub(super) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        for line in &self.lines {
            if let Origin::File(path, _) = &line.directive.origin {
                let path = path.display().to_string();
                if !files.contains(&path) {
                    files.push(path);
                }
            }
        }
        files
    }

    /// Whether it could be served.
    pub(super) fn is_served(&self) -> bool {
        let stops = |line: &Line| matches!(line.verdict, Verdict::Refused(_) | Verdict::Bad(_));
        self.missing.is_none() && !self.lines.iter().any(stops)
    }
}

impl Line {
    /// Where it stands and what it says: `app.ini:3: processes = 4`.
    pub(super) fn place(&self) -> String {
        let mut place = format!("{}: {}", self.directive.origin, self.directive.name.escape_debug());
        if let Some(value) = self.directive.value() {
            // The value of a variable may be a secret.
            let value = match value.split_once('=') {
                Some((name, _)) if self.directive.name == "env" => format!("{name}=…"),
                _ => value.to_owned(),
            };
            write!(place, " = {}", value.escape_debug()).expect("a String takes all");
        }
        place
    }
}

fn judge(directive: &Directive, draft: &mut Draft, is_strict: bool) -> Verdict {
    let Some(answer) = table::find(&directive.name) else {
        return unknown(directive, is_strict);
    };
    // Of what is switched off nothing is missing.
    let is_switch = names::find(&directive.name).is_some_and(|known| known.argument == Argument::No);
    let is_off = is_switch && !directive.is_on();
    let apply = match answer {
        Answer::Same { ours, apply, .. } => apply(draft, ours, directive),
        Answer::Checked { apply, .. } if !is_off => apply(draft, "", directive),
        _ => Ok(()),
    };
    match (apply, answer) {
        (Err(Fault::Bad(why)), _) => Verdict::Bad(why),
        (Err(Fault::Needless(why)), _) => Verdict::Needless(why.to_owned()),
        (Err(Fault::Lost(instead)), _) => Verdict::Lost(instead),
        (Err(Fault::Refused { does, instead }), _) => Verdict::Refused(format!("it {does}; {instead}")),
        (Ok(()), Answer::Same { .. }) => Verdict::Same(answer.words().into_owned()),
        (Ok(()), Answer::Read(how)) => Verdict::Read(how),
        (Ok(()), Answer::Lost(_) | Answer::Refused { .. } | Answer::Nginx { .. }) if is_off => {
            Verdict::Needless("it is off".to_owned())
        }
        (Ok(()), Answer::Needless(why) | Answer::Checked { why, .. }) => Verdict::Needless(why.to_owned()),
        (Ok(()), Answer::Lost(instead)) => Verdict::Lost(instead.to_owned()),
        (Ok(()), Answer::Refused { .. }) => Verdict::Refused(answer.words().into_owned()),
        (Ok(()), Answer::Nginx { .. }) => Verdict::Refused(format!("nginx does that: {}", answer.words())),
    }
}

fn unknown(directive: &Directive, is_strict: bool) -> Verdict {
    let name = &directive.name;
    if directive.is_placeholder {
        return Verdict::Read("a value for %(name)");
    }
    let near = names::nearest(name);
    if is_strict {
        let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
        return Verdict::Bad(format!("uWSGI has no such option{near} Without strict it is left out."));
    }
    Verdict::Unknown(near)
}

/// An option of ours as it would be typed.
pub(super) fn shown(setting: &Setting) -> String {
    match (setting.option, setting.value.as_str()) {
        ("app", app) => app.to_owned(),
        ("env", assignment) => {
            format!("--env {}=…", assignment.split_once('=').map_or(assignment, |(name, _)| name))
        }
        (option, "true") => format!("--{option}"),
        (option, value) => format!("--{option} {value}"),
    }
}

impl Verdict {
    /// What is said of the line.
    pub(super) fn words(&self) -> String {
        match self {
            Verdict::Same(ours) => format!("the same: {ours}"),
            Verdict::Read(how) => format!("the same: {how}"),
            Verdict::Needless(why) => format!("not needed: {why}"),
            Verdict::Lost(instead) => format!("lost, and nothing breaks: {instead}"),
            Verdict::Refused(why) => format!("not here: {why}"),
            Verdict::Ignored(why) => format!("left out by --ignore: {why}"),
            Verdict::Unknown(None) => "uWSGI has no such option, and leaves it out".to_owned(),
            Verdict::Unknown(Some(near)) => {
                format!("uWSGI has no such option, and leaves it out; did you mean {near}?")
            }
            Verdict::Bad(why) => why.clone(),
        }
    }
}
