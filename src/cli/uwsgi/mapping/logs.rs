//! The log and the access log.

use super::values::{count, word};
use super::{Draft, Fault};
use crate::cli::uwsgi::encoders::{Encoder, encode};
use crate::cli::uwsgi::language::Directive;
use crate::cli::uwsgi::log_format::{self, Style};

/// Encoders, each with the place of its directive.
type Chain = Vec<(Encoder, Option<usize>)>;

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
    /// Of all lines, and of requests' where these have a logger of their own.
    encoders: Chain,
    req_encoders: Chain,
    has_req_logger: bool,
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
    draft.logs.has_req_logger |= ours == "access-log-file";
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

/// An item in the chain of encoders of log-encoder, or of log-req-encoder.
pub(in crate::cli::uwsgi) fn encoder(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let encoder = Encoder::parse(word(given)?).map_err(Fault::Lost)?;
    let wanted = &mut draft.logs;
    let chain = if given.name == "log-encoder" { &mut wanted.encoders } else { &mut wanted.req_encoders };
    chain.push((encoder, draft.current));
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
            // These ask for a date; all else is its form, even false.
            let is_form =
                |value: &&str| !["true", "1", "on", "yes"].iter().any(|on| value.eq_ignore_ascii_case(on));
            wanted.date = given.value().filter(is_form).map(ToOwned::to_owned).or(wanted.date.take());
        }
        _ => wanted.has_strftime = is_on,
    }
    Ok(())
}

impl Draft {
    /// uWSGI logs requests unless it is told not to, where all else is logged.
    pub(super) fn finish_logs(&mut self) {
        let mut wanted = std::mem::take(&mut self.logs);
        self.finish_backup(wanted.backup.take());
        let chain = self.chain(&mut wanted);
        if wanted.is_disabled && wanted.only.is_empty() {
            return;
        }
        match self.get("log-file").cloned() {
            _ if self.get("access-log-file").is_some() => {}
            Some(file) => self.set_early_path("access-log-file", &file.value),
            None => self.add("access-log", "true"),
        }
        if wanted.is_disabled {
            let only = wanted.only.into_iter();
            only.for_each(|(condition, from)| self.add_from(from, "access-log-only", condition));
        }
        wanted.style.ftime = wanted.date.filter(|_| wanted.has_strftime);
        let (pattern, from) = self.line(wanted.form, &wanted.style);
        let (encoders, places): (Vec<_>, Vec<_>) = chain.into_iter().unzip();
        let encoded = encode(pattern.clone(), &encoders).unwrap_or_else(|| {
            self.lose(&places, "an object of JSON inside another is not here");
            pattern
        });
        self.add_from(from.or(places.first().copied().flatten()), "access-log-format", encoded);
    }

    /// The pattern of a request's line, and the place of the directive that says so.
    fn line(&mut self, form: Option<(String, Option<usize>)>, style: &Style) -> (String, Option<usize>) {
        let Some((form, from)) = form else { return (log_format::default_line(style), None) };
        let translated = log_format::translate(&form, style);
        if let (Some(at), false) = (from, translated.lost.is_empty()) {
            self.notes.push((at, format!("a dash stands for {}", translated.lost.join(", "))));
        }
        (translated.pattern, from)
    }

    /// The encoders of requests' lines. Those that uWSGI has for other lines are lost, or say nothing.
    fn chain(&mut self, wanted: &mut Wanted) -> Chain {
        let all = std::mem::take(&mut wanted.encoders);
        let requests = std::mem::take(&mut wanted.req_encoders);
        if wanted.has_req_logger {
            self.lose(&places(&all), "it is for the log's other lines then; --log-format json");
            return requests;
        }
        for at in places(&requests).into_iter().flatten() {
            self.notes.push((at, "it counts with req-logger alone, as in uWSGI".to_owned()));
        }
        for at in places(&all).into_iter().flatten() {
            let note = "other lines of the log stay; --log-format json has JSON for them";
            self.notes.push((at, note.to_owned()));
        }
        all
    }

    /// What the directives at these places say is lost, as all of them together show.
    fn lose(&mut self, places: &[Option<usize>], instead: &str) {
        self.lost.extend(places.iter().flatten().map(|at| (*at, instead.to_owned())));
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

fn places(chain: &[(Encoder, Option<usize>)]) -> Vec<Option<usize>> {
    chain.iter().map(|(_, at)| *at).collect()
}
