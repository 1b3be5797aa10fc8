//! What a line consists of: read once, at the start, so that a request costs no more than copying.

use std::fmt;

use super::escape::Escape;

/// The form of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// What a line consists of, in order.
    pub(super) pieces: Vec<Piece>,
    /// What of it the request says, and how that is escaped.
    pub(super) told: Vec<(Told, Escape)>,
    /// What stands for something that is not known.
    pub(super) absent: &'static str,
}

/// A part of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// What the request says, by its place among these.
    Told(usize),
    /// What the server knows at the request's end.
    Known(Known),
    /// A blank and how it has ended, unless it has ended well.
    BadEnding,
    /// How it has ended, as a string of JSON.
    JsonEnding,
    Time(Time),
}

/// What a request says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Variable(Vec<u8>),
    /// The variable, or else the peer's address.
    Client,
    Uri,
    /// `GET /path HTTP/1.1`
    RequestLine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// `2026-11-22T16:00:00.123Z`
    Date,
    /// `22/Nov/2026:16:00:00 +0000`
    Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Peer,
    Status,
    /// With three digits at least, as nginx has it.
    ThreeDigits,
    Bytes,
    BodyBytes,
    FirstByteMicros,
    Micros,
    WaitMicros,
    Worker,
    Pid,
    Thread,
    Ending,
}

/// A field of a pattern.
enum Field {
    Told(Told),
    Known(Known),
    Time(Time),
}

impl Format {
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
        let mut format = Format { pieces: Vec::new(), told: Vec::new(), absent: "null" };
        for (at, name) in JSON.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            format.text(&format!("{before}\"{name}\":"));
            match field(name).expect("each of them is a field") {
                Field::Told(told) => format.told(told, Escape::json()),
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

    /// Reads `default`, `combined`, `json`, or a pattern of fields in braces.
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
        let (mut format, mut rest) = (Format { pieces: Vec::new(), told: Vec::new(), absent: "-" }, pattern);
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
            match field(name).ok_or_else(|| FormatError::UnknownField(name.to_owned()))? {
                Field::Told(told) => {
                    if !is_quoted {
                        bare.push(format.told.len());
                    }
                    format.told(told, Escape::quoted());
                }
                Field::Known(known) => format.pieces.push(Piece::Known(known)),
                Field::Time(time) => format.pieces.push(Piece::Time(time)),
            }
            // Of a brace there are two.
            ends.extend(behind.bytes().next().filter(|end| !end.is_ascii_alphanumeric()));
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
        Ok(format)
    }

    fn text(&mut self, more: &str) {
        match self.pieces.last_mut() {
            _ if more.is_empty() => {}
            Some(Piece::Text(text)) => text.push_str(more),
            _ => self.pieces.push(Piece::Text(more.to_owned())),
        }
    }

    fn told(&mut self, told: Told, escape: Escape) {
        self.pieces.push(Piece::Told(self.told.len()));
        self.told.push((told, escape));
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
            FormatError::Control(c) => write!(f, "{c:?} cannot stand in a line"),
        }
    }
}

fn field(name: &str) -> Option<Field> {
    let variable = |name: &str| Field::Told(Told::Variable(name.as_bytes().to_vec()));
    if let Some(name) = name.strip_prefix("var:") {
        return (!name.is_empty()).then(|| variable(name));
    }
    Some(match name {
        "time" => Field::Time(Time::Date),
        "time_local" => Field::Time(Time::Common),
        "remote_addr" => Field::Told(Told::Client),
        "remote_user" => variable("REMOTE_USER"),
        "peer" => Field::Known(Known::Peer),
        "request" => Field::Told(Told::RequestLine),
        "method" => variable("REQUEST_METHOD"),
        "uri" => Field::Told(Told::Uri),
        "protocol" => variable("SERVER_PROTOCOL"),
        "status" => Field::Known(Known::ThreeDigits),
        "bytes" => Field::Known(Known::Bytes),
        "body_bytes" => Field::Known(Known::BodyBytes),
        "first_byte_us" => Field::Known(Known::FirstByteMicros),
        "time_us" => Field::Known(Known::Micros),
        "wait_us" => Field::Known(Known::WaitMicros),
        "user_agent" => variable("HTTP_USER_AGENT"),
        "referer" => variable("HTTP_REFERER"),
        "host" => variable("HTTP_HOST"),
        "request_id" => variable("HTTP_X_REQUEST_ID"),
        "worker" => Field::Known(Known::Worker),
        "pid" => Field::Known(Known::Pid),
        "thread" => Field::Known(Known::Thread),
        "ending" => Field::Known(Known::Ending),
        _ => return None,
    })
}

/// The names that [`field`] knows.
const FIELDS: [&str; 23] = [
    "remote_addr",
    "method",
    "uri",
    "protocol",
    "request",
    "status",
    "bytes",
    "body_bytes",
    "time",
    "time_local",
    "first_byte_us",
    "time_us",
    "wait_us",
    "host",
    "user_agent",
    "referer",
    "request_id",
    "remote_user",
    "peer",
    "worker",
    "pid",
    "thread",
    "ending",
];

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
    fn each_name_is_a_field() {
        for name in FIELDS {
            assert!(field(name).is_some(), "{name}");
        }
        for name in ["", "var:", "Method", " method", "uri "] {
            assert!(field(name).is_none(), "{name:?}");
        }
    }

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
            ("{uri} {method", FormatError::Unpaired(7)),
            ("uri}", FormatError::Unpaired(4)),
            ("{uri}\n{method}", FormatError::Control('\n')),
        ] {
            assert_eq!(Format::parse(text), Err(want), "{text:?}");
        }
        for text in ["default", "combined", "json", "{uri}", "{{{var:X-Y}}}", "\t{uri}{method}"] {
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
