//! A client's bytes in a line: they can never end it, nor the quotes or the field that they stand in.

use std::io::Write as _;

/// Which bytes do not stand as they are, and what stands for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Escape {
    is_escaped: [bool; 256],
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `\n`, `\"`, `\xff`.
    Rust,
    /// `\x0A`, `\x22`, `\xFF`, as nginx's log_format and Apache's have it.
    Hex,
    /// A string of JSON, with its quotes.
    Json,
    /// The inside of one.
    JsonInside,
}

impl Escape {
    /// Of the default format, whose fields are separated by blanks.
    pub(super) fn plain() -> Self {
        Escape::of(Form::Rust, b" '")
    }

    /// Of a field between quotes.
    pub(super) fn quoted() -> Self {
        Escape::of(Form::Hex, b"")
    }

    /// Of a field that ends where one of these bytes stands, or the line.
    pub(super) fn ended_by(ends: &[u8]) -> Self {
        Escape::of(Form::Hex, ends)
    }

    pub(super) fn json() -> Self {
        Escape::of(Form::Json, b"")
    }

    /// Of a field inside a string of JSON that the format itself has the quotes of.
    pub(super) fn json_inside() -> Self {
        Escape::of(Form::JsonInside, b"")
    }

    fn of(form: Form, also: &[u8]) -> Self {
        // Quotes and backslashes in every form: what is read as a field of one stays one.
        let is_escaped = std::array::from_fn(|at| match u8::try_from(at) {
            Ok(byte) => !matches!(byte, b' '..=b'~') || byte == b'"' || byte == b'\\' || also.contains(&byte),
            Err(_) => true,
        });
        Escape { is_escaped, form }
    }

    /// Appends `value`, which is not empty.
    pub(super) fn write(&self, value: &[u8], line: &mut Vec<u8>) {
        if self.form == Form::Json {
            line.push(b'"');
        }
        let first = value.iter().position(|byte| self.is_escaped[usize::from(*byte)]);
        let (clean, rest) = value.split_at(first.unwrap_or(value.len()));
        line.extend_from_slice(clean);
        if !rest.is_empty() {
            self.write_escaped(rest, line);
        }
        if self.form == Form::Json {
            line.push(b'"');
        }
    }

    #[cold]
    fn write_escaped(&self, value: &[u8], line: &mut Vec<u8>) {
        if matches!(self.form, Form::Json | Form::JsonInside) {
            return write_json(value, line);
        }
        for byte in value {
            match byte {
                byte if !self.is_escaped[usize::from(*byte)] => line.push(*byte),
                b' ' if self.form == Form::Rust => line.extend_from_slice(b"\\x20"),
                byte if self.form == Form::Rust => line.extend(byte.escape_ascii()),
                byte => write!(line, "\\x{byte:02X}").expect("a Vec takes every write"),
            }
        }
    }
}

/// The inside of a string. JSON is Unicode: what is no UTF-8 is U+FFFD. Controls beyond ASCII could steer a terminal.
fn write_json(value: &[u8], line: &mut Vec<u8>) {
    for c in String::from_utf8_lossy(value).chars() {
        match c {
            '"' | '\\' => line.extend_from_slice(&[b'\\', c as u8]),
            c if c.is_control() => {
                write!(line, "\\u{:04x}", u32::from(c)).expect("a Vec takes every write");
            }
            c => line.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escape: &Escape, value: &[u8]) -> String {
        let mut line = Vec::new();
        escape.write(value, &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn no_value_ends_its_line_quotes_or_field() {
        let all: Vec<u8> = (0..=255).collect();
        for (escape, ends) in
            [(Escape::plain(), &b" "[..]), (Escape::quoted(), b"\""), (Escape::ended_by(b" |]"), b" |]\"")]
        {
            let line = escaped(&escape, &all);
            assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
            // A quote of the default's has a backslash before it.
            let has_end = line.replace("\\\"", "").bytes().any(|byte| ends.contains(&byte));
            assert!(!has_end, "{line}");
        }
        let json = escaped(&Escape::json(), &all);
        let (inside, quotes) = (&json[1..json.len() - 1], (&json[..1], &json[json.len() - 1..]));
        assert!(quotes == ("\"", "\"") && !inside.replace("\\\\", "").replace("\\\"", "").contains('"'));
        assert!(!inside.contains(char::is_control), "{inside}");
        assert_eq!(escaped(&Escape::json_inside(), &all), inside);
    }

    #[test]
    fn what_stands_for_a_byte_is_the_formats() {
        let value = b"a \"\\\n\xc3\xa9\xff|";
        assert_eq!(escaped(&Escape::plain(), value), r#"a\x20\"\\\n\xc3\xa9\xff|"#);
        assert_eq!(escaped(&Escape::quoted(), value), r"a \x22\x5C\x0A\xC3\xA9\xFF|");
        assert_eq!(escaped(&Escape::ended_by(b" |"), value), r"a\x20\x22\x5C\x0A\xC3\xA9\xFF\x7C");
        assert_eq!(escaped(&Escape::json(), value), "\"a \\\"\\\\\\u000a\u{e9}\u{fffd}|\"");
    }
}
