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
    /// How a log is called that has grown too large, with the place of its directive.
    backup: Option<(String, Option<usize>)>,
    style: Style,
}

pub(in crate::cli::uwsgi) fn file(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let place = word(given)?;
    match place.contains(':') {
        true => draft.set("log-file", format!("udp://{place}")),
        false => draft.set_early_path("log-file", place),
    }
    Ok(())
}

/// `logger = [NAME ]KIND:WHERE`, and the same of requests.
pub(in crate::cli::uwsgi) fn logger(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let value = match given.name.as_str() {
        "log-syslog" => format!("syslog:{}", given.value().unwrap_or_default()),
        "log-socket" => format!("socket:{}", word(given)?),
        _ => word(given)?.to_owned(),
    };
    if value.split_once(' ').is_some_and(|(name, _)| !name.contains([':', '='])) {
        return Err(Fault::Lost("all lines go to one log; log-route chooses among several".to_owned()));
    }
    if draft.get(ours).is_some() {
        return Err(Fault::Lost("a log goes to one place: the first that is named".to_owned()));
    }
    let (kind, place) = value.split_once(':').unwrap_or((&value, ""));
    match (kind, place) {
        ("file", place) => {
            let keys = place.split(',').filter_map(|pair| pair.split_once('='));
            let path = keys.clone().find(|(key, _)| *key == "logfile").map_or(place, |(_, path)| path);
            draft.set_early_path(ours, path);
            if let Some((_, size)) = keys.clone().find(|(key, _)| *key == "maxsize") {
                draft.set("log-max-size", size);
            }
        }
        ("stdio", _) => return Err(Fault::Needless("that is where it goes")),
        ("fd", number) => draft.set(ours, format!("fd:{number}")),
        ("syslog", name) => draft.set(ours, format!("syslog:{name}")),
        ("rsyslog", place) => {
            // The name, and a number of its own for the facility.
            let (address, name) = place.split_once(',').unwrap_or((place, ""));
            let name = name.split(',').next().unwrap_or_default();
            draft.set(ours, format!("syslog://{address}/{name}"));
        }
        ("socket", place) => {
            let address = place.split(',').next().unwrap_or_default();
            let form = if address.contains(':') { "udp://" } else { "unix:" };
            draft.set(ours, format!("{form}{address}"));
        }
        (other, _) => {
            return Err(Fault::Refused {
                does: format!("sends the log to {other}"),
                instead: "file:, syslog:, rsyslog:, socket:, fd: and stdio are here".to_owned(),
            });
        }
    }
    Ok(())
}

/// `log-backupname`: what is called as the log with something behind it.
pub(in crate::cli::uwsgi) fn backup(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.logs.backup = Some((word(given)?.to_owned(), draft.current));
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
        let Wanted { is_disabled, only, form, date, has_strftime, backup, mut style } =
            std::mem::take(&mut self.logs);
        self.finish_backup(backup);
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

    /// How the log is called that is moved away: with something behind its name.
    fn finish_backup(&mut self, backup: Option<(String, Option<usize>)>) {
        let Some((name, from)) = backup else { return };
        let Some(file) = self.get("log-file").map(|file| file.value.clone()) else { return };
        match name.strip_prefix(&file).filter(|suffix| !suffix.is_empty() && !suffix.contains('/')) {
            Some(suffix) => self.add_from(from, "log-backup", suffix),
            None => self.notes.extend(from.map(|at| (at, format!("it is {file}.1 then")))),
        }
    }
}
