//! What a line consists of: read once, at the start, so that a request costs no more than copying.

use std::fmt;

use super::escape::Escape;
use super::fields::{FIELDS, Field, Known, Time, Told, field, is_of_time};
use crate::telemetry::local_time;

/// The form of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// What a line consists of, in order.
    pub(super) pieces: Vec<Piece>,
    /// What of it the request says, and how that is escaped.
    pub(super) told: Vec<(Told, Escape)>,
    /// What stands for something that is not known.
    pub(super) absent: &'static str,
    /// Whether a line has what is counted of a request, or how many there were.
    pub(super) has_facts: bool,
    pub(super) has_count: bool,
}

/// A part of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// What the request says, by its place among these; nothing, and no dash, if that is not known.
    Told {
        at: usize,
        or_nothing: bool,
    },
    /// What the server knows at the request's end.
    Known(Known),
    /// A blank and how it has ended, unless it has ended well.
    BadEnding,
    /// How it has ended, as a string of JSON.
    JsonEnding,
    Time(Time),
}

impl Format {
    fn empty(absent: &'static str) -> Self {
        Format { pieces: Vec::new(), told: Vec::new(), absent, has_facts: false, has_count: false }
    }

    /// The usual fields, one blank between two.
    fn default_lines() -> Self {
        let mut format = Format::of_pattern(DEFAULT).expect("the default is a pattern");
        for (_, escape) in &mut format.told {
            *escape = Escape::plain();
        }
        for piece in &mut format.pieces {
            if *piece == Piece::Known(Known::ThreeDigits) {
                *piece = Piece::Known(Known::Status);
            }
        }
        format.pieces.push(Piece::BadEnding);
        format
    }

    /// An object a line.
    fn json() -> Self {
        let mut format = Format::empty("null");
        for (at, name) in JSON.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            format.text(&format!("{before}\"{name}\":"));
            match field(name).expect("each of them is a field") {
                Field::Told(told) => format.told(told, Escape::json(), false),
                Field::Known(Known::ThreeDigits) => format.pieces.push(Piece::Known(Known::Status)),
                Field::Known(Known::Ending) => format.pieces.push(Piece::JsonEnding),
                Field::Known(known) => format.pieces.push(Piece::Known(known)),
                Field::Time(time) => {
                    format.text("\"");
                    format.pieces.push(Piece::Time(time));
                    format.text("\"");
                }
            }
        }
        format.text("}");
        format
    }

    /// Reads `default`, `combined`, `json`, or a pattern of fields in braces, which may have [`ESCAPE_JSON`] before it.
    pub(crate) fn parse(text: &str) -> Result<Self, FormatError> {
        match text {
            "default" => Ok(Format::default_lines()),
            "combined" => Format::of_pattern(COMBINED),
            "json" => Ok(Format::json()),
            pattern => Format::of_pattern(pattern),
        }
    }

    fn of_pattern(pattern: &str) -> Result<Self, FormatError> {
        if let Some(control) = pattern.chars().find(|c| c.is_control() && *c != '\t') {
            return Err(FormatError::Control(control));
        }
        let in_json = pattern.strip_prefix(ESCAPE_JSON);
        let (mut format, mut rest) = (Format::empty("-"), in_json.unwrap_or(pattern));
        let mut is_quoted = false;
        // The fields that the request tells, of which it is known only in the end where they end.
        let mut bare = Vec::new();
        let mut ends = Vec::new();
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            format.text(before);
            is_quoted ^= before.matches('"').count() % 2 == 1;
            if from.starts_with("{{") || from.starts_with("}}") {
                format.text(&from[..1]);
                rest = &from[2..];
                continue;
            }
            let inside = from.strip_prefix('{').and_then(|from| from.split_once('}'));
            let Some((name, behind)) = inside else {
                return Err(FormatError::Unpaired(pattern.len() - from.len() + 1));
            };
            let (known_name, or_nothing) = match name.strip_suffix('?') {
                // strftime's form of a time may end so itself.
                Some(name) if !is_of_time(name) => (name, true),
                _ => (name, false),
            };
            match field(known_name).ok_or_else(|| FormatError::UnknownField(name.to_owned()))? {
                Field::Told(told) => {
                    if !is_quoted {
                        bare.push(format.told.len());
                    }
                    format.told(told, Escape::quoted(), or_nothing);
                }
                Field::Known(known) => format.known(known),
                Field::Time(time) => {
                    if let Time::Local { form, .. } = &time {
                        local_time::check(form).map_err(FormatError::Time)?;
                    }
                    format.pieces.push(Piece::Time(time));
                }
            }
            // Of a brace there are two. At a slash nobody cuts a line that has paths in it.
            let is_end = |end: &u8| !end.is_ascii_alphanumeric() && *end != b'/';
            ends.extend(behind.bytes().next().filter(is_end));
            rest = behind;
        }
        format.text(rest);
        if format.pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            return Err(FormatError::NoField(pattern.to_owned()));
        }
        // A blank ends a field for whoever reads the lines, whatever the pattern has.
        ends.push(b' ');
        for at in bare {
            format.told[at].1 = Escape::ended_by(&ends);
        }
        if in_json.is_some() {
            format.told.iter_mut().for_each(|(_, escape)| *escape = Escape::json_inside());
        }
        Ok(format)
    }

    fn text(&mut self, more: &str) {
        match self.pieces.last_mut() {
            _ if more.is_empty() => {}
            Some(Piece::Text(text)) => text.push_str(more),
            _ => self.pieces.push(Piece::Text(more.to_owned())),
        }
    }

    fn told(&mut self, told: Told, escape: Escape, or_nothing: bool) {
        self.pieces.push(Piece::Told { at: self.told.len(), or_nothing });
        self.told.push((told, escape));
    }

    fn known(&mut self, known: Known) {
        use Known::{ContentLength, HeaderFields, Requests, Steps, Variables, VariablesBytes};
        self.has_count |= known == Requests;
        let facts = [ContentLength, HeaderFields, Steps, Variables, VariablesBytes];
        self.has_facts |= facts.contains(&known);
        self.pieces.push(Piece::Known(known));
    }

    /// The names of the fields, in the order in which they are best told.
    pub(crate) fn fields() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().copied()
    }

    /// The formats that have a name.
    pub(crate) const NAMED: [&'static str; 3] = ["default", "combined", "json"];
}

impl Default for Format {
    fn default() -> Self {
        Format::default_lines()
    }
}

/// Why a text is no format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FormatError {
    /// No field has this name.
    UnknownField(String),
    /// There is no field in it, and it is not the name of a format.
    NoField(String),
    /// The brace at this place, from 1, has no other.
    Unpaired(usize),
    /// What stands behind `start:` or `end:` is no form of a time.
    Time(String),
    /// It would make of a request more than a line.
    Control(char),
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatError::UnknownField(name) => write!(f, "there is no field {name:?}"),
            FormatError::NoField(_) => f.write_str(
                "write default, combined, json, or a pattern with fields in braces, as {method} {uri}",
            ),
            FormatError::Unpaired(at) => {
                write!(f, "the brace at {at} has no other; two of them are one that stands for itself")
            }
            FormatError::Time(why) => write!(f, "strftime's form of a time: {why}"),
            FormatError::Control(c) => write!(f, "{c:?} cannot stand in a line"),
        }
    }
}

/// What a pattern begins with whose fields stand inside strings of JSON, as in nginx's log_format.
pub(crate) const ESCAPE_JSON: &str = "escape=json ";

const DEFAULT: &str = "{time} {remote_addr} {method} {uri} {status} {bytes} {first_byte_us} {time_us}";
/// As nginx's log_format combined, and Apache's LogFormat of that name.
const COMBINED: &str = "{remote_addr} - {remote_user} [{time_local}] \"{request}\" {status} {body_bytes} \
                        \"{referer}\" \"{user_agent}\"";
/// The keys of an object of the format json.
const JSON: [&str; 19] = [
    "time",
    "remote_addr",
    "remote_user",
    "method",
    "uri",
    "protocol",
    "status",
    "bytes",
    "body_bytes",
    "first_byte_us",
    "time_us",
    "wait_us",
    "host",
    "user_agent",
    "referer",
    "request_id",
    "worker",
    "thread",
    "ending",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_format_is_told() {
        let unknown = |name: &str| FormatError::UnknownField(name.to_owned());
        for (text, want) in [
            ("combind", FormatError::NoField("combind".to_owned())),
            ("", FormatError::NoField(String::new())),
            ("{{}}", FormatError::NoField("{{}}".to_owned())),
            ("{uri} {metod}", unknown("metod")),
            ("{}", unknown("")),
            ("{var:}", unknown("var:")),
            ("{metod?}", unknown("metod?")),
            ("{uri} {method", FormatError::Unpaired(7)),
            ("uri}", FormatError::Unpaired(4)),
            ("escape=json uri}", FormatError::Unpaired(16)),
            ("escape=json", FormatError::NoField("escape=json".to_owned())),
            ("{uri}\n{method}", FormatError::Control('\n')),
        ] {
            assert_eq!(Format::parse(text), Err(want), "{text:?}");
        }
        for text in [
            "default",
            "combined",
            "json",
            "{uri}",
            "{{{var:X-Y}}}",
            "\t{uri}{method}",
            "({remote_user?})",
            "[{start:%d/%b/%Y:%H:%M:%S %z}]",
            "{start:?}",
        ] {
            assert!(Format::parse(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_field_is_escaped_for_where_it_stands() {
        let format = Format::parse("{uri}|{method} \"{user_agent} {{\" {host}: {referer}x").unwrap();
        let bare = Escape::ended_by(b"|:\" ");
        let escapes: Vec<&Escape> = format.told.iter().map(|(_, escape)| escape).collect();
        assert_eq!(escapes, [&bare, &bare, &Escape::quoted(), &bare, &bare]);
    }
}
