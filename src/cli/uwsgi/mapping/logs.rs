//! The log and the access log.

use super::values::{count, word};
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;
use crate::cli::uwsgi::log_format::{self, Style};

/// What several options say together.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    is_disabled: bool,
    /// Which requests have a line though requests have none, each with the place of its directive.
    only: Vec<(String, Option<usize>)>,
    form: Option<(String, Option<usize>)>,
    /// The form of logdate, which counts for requests if strftime is on.
    date: Option<String>,
    has_strftime: bool,
    style: Style,
}

pub(in crate::cli::uwsgi) fn file(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let path = word(given)?;
    draft.set_early_path("log-file", path);
    Ok(())
}

pub(in crate::cli::uwsgi) fn disable(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.logs.is_disabled = given.is_on();
    Ok(())
}

/// An option that has some requests logged though others are not.
pub(in crate::cli::uwsgi) fn only(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let condition = match given.name.as_str() {
        "log-slow" => match count(given)? {
            0 => return Err(Fault::Needless("0 is none")),
            milliseconds => format!("slower={}.{:03}", milliseconds / 1_000, milliseconds % 1_000),
        },
        "log-big" => match count(given)? {
            0 => return Err(Fault::Needless("0 is none")),
            bytes => format!("larger={bytes}"),
        },
        _ if !given.is_on() => return Err(Fault::Needless("it is off")),
        "log-zero" => "empty".to_owned(),
        "log-ioerror" => "broken-off".to_owned(),
        name => name.trim_start_matches("log-").to_owned(),
    };
    draft.logs.only.push((condition, draft.current));
    Ok(())
}

pub(in crate::cli::uwsgi) fn form(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.logs.form = Some((word(given)?.to_owned(), draft.current));
    Ok(())
}

/// What changes the form of a request's line.
pub(in crate::cli::uwsgi) fn style(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let wanted = &mut draft.logs;
    let is_on = given.is_on();
    match given.name.as_str() {
        "log-micros" => wanted.style.micros = is_on,
        "memory-report" => wanted.style.memory = is_on,
        "log-x-forwarded-for" => wanted.style.forwarded_for = is_on,
        "logdate" | "log-date" => {
            wanted.date = given.value().filter(|form| form.contains('%')).map(ToOwned::to_owned);
        }
        _ => wanted.has_strftime = is_on,
    }
    Ok(())
}

impl Draft {
    /// uWSGI logs requests unless it is told not to, where all else is logged.
    pub(super) fn finish_logs(&mut self) {
        let Wanted { is_disabled, only, form, date, has_strftime, mut style } =
            std::mem::take(&mut self.logs);
        if is_disabled && only.is_empty() {
            return;
        }
        match self.get("log-file").cloned() {
            _ if self.get("access-log-file").is_some() => {}
            Some(file) => self.set_early_path("access-log-file", &file.value),
            None => self.add("access-log", "true"),
        }
        if is_disabled {
            only.into_iter().for_each(|(condition, from)| self.add_from(from, "access-log-only", condition));
        }
        style.ftime = date.filter(|_| has_strftime);
        let Some((form, from)) = form else {
            return self.add("access-log-format", log_format::default_line(&style));
        };
        let translated = log_format::translate(&form, &style);
        self.add_from(from, "access-log-format", translated.pattern);
        if let (Some(at), false) = (from, translated.lost.is_empty()) {
            self.notes.push((at, format!("a dash stands for {}", translated.lost.join(", "))));
        }
    }
}
