//! uWSGI's encoders of a request's line, as patterns of `--access-log-format`: each makes a pattern of the one before.

use super::log_format::literal;
use crate::telemetry::access_log::ESCAPE_JSON;
use crate::telemetry::local_time;

/// An encoder of log-encoder's or log-req-encoder's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Encoder {
    Prefix(String),
    Suffix(String),
    Format(Vec<Part>),
    Json(Vec<Part>),
    /// It ends the line, which is ended here without it.
    NewLine,
}

/// A part of what `format` and `json` are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Part {
    /// What stands as it is, as a pattern.
    Pattern(String),
    /// The line.
    Message,
    /// The line with its end.
    MessageLine,
}

impl Encoder {
    /// Reads `NAME[ TEXT]`; the error says why it cannot be.
    pub(in crate::cli) fn parse(value: &str) -> Result<Self, String> {
        let (name, text) = value.split_once(' ').unwrap_or((value, ""));
        Ok(match name {
            "prefix" => Encoder::Prefix(text.to_owned()),
            "suffix" => Encoder::Suffix(text.to_owned()),
            "format" => Encoder::Format(parts(text, str::to_owned)?),
            "json" => Encoder::Json(parts(text, in_json)?),
            "nl" => Encoder::NewLine,
            _ if name.contains(':') => return Err("all lines go to one log, which has no name".to_owned()),
            _ => return Err("a line is text: prefix, suffix, format, json and nl are here".to_owned()),
        })
    }
}

/// The pattern of lines of this pattern when all encoders have had them; `None` if JSON would have to stand in JSON.
pub(in crate::cli) fn encode(pattern: String, encoders: &[Encoder]) -> Option<String> {
    let (mut pattern, mut is_json) = (pattern, false);
    for encoder in encoders {
        pattern = match encoder {
            Encoder::Prefix(text) => literal(text) + &pattern,
            Encoder::Suffix(text) => pattern + &literal(text),
            Encoder::Format(parts) => put(parts, &pattern, ""),
            Encoder::Json(_) if is_json => return None,
            Encoder::Json(parts) => {
                is_json = true;
                put(parts, &in_json(&pattern), "\\n")
            }
            Encoder::NewLine => pattern,
        };
    }
    Some(if is_json { format!("{ESCAPE_JSON}{pattern}") } else { pattern })
}

fn put(parts: &[Part], message: &str, end: &str) -> String {
    let mut pattern = String::new();
    for part in parts {
        match part {
            Part::Pattern(text) => pattern += text,
            Part::Message => pattern += message,
            Part::MessageLine => pattern.extend([message, end]),
        }
    }
    pattern
}

/// The parts of a text with `${NAME}` in it; `escape` is for what strftime writes.
fn parts(text: &str, escape: fn(&str) -> String) -> Result<Vec<Part>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    let mut plain = String::new();
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        plain += &literal(before);
        match from.strip_prefix("${").and_then(|inside| inside.split_once('}')) {
            Some((name, behind)) => {
                rest = behind;
                let part = match name {
                    "msg" => Part::Message,
                    "msgnl" => Part::MessageLine,
                    _ => {
                        plain += &time(name, escape)?;
                        continue;
                    }
                };
                parts.extend([Part::Pattern(std::mem::take(&mut plain)), part]);
            }
            None => {
                // Of `$$` neither begins a name.
                let plain_bytes = if from.starts_with("$$") { 2 } else { 1 };
                plain += &from[..plain_bytes];
                rest = &from[plain_bytes..];
            }
        }
    }
    parts.push(Part::Pattern(plain + &literal(rest)));
    Ok(parts)
}

/// The pattern for a name that is no line's; nothing for one that uWSGI does not know.
fn time(name: &str, escape: fn(&str) -> String) -> Result<String, String> {
    Ok(match name {
        "unix" => "{epoch}".to_owned(),
        "millis" => "{epoch_ms}".to_owned(),
        "micros" => "{epoch_us}".to_owned(),
        _ => match name.strip_prefix("strftime:").map(|form| (form.trim_end_matches('?'), form)) {
            None | Some((_, "")) => String::new(),
            Some(("", marks)) => marks.to_owned(),
            Some((form, with_marks)) => {
                local_time::check(form).map_err(|why| format!("strftime's form of a time: {why}"))?;
                // A field's name that ends with a question mark says something else.
                format!("{{end:{}}}{}", escape(form), &with_marks[form.len()..])
            }
        },
    })
}

/// A pattern or a form of a time, as it stands inside a string of JSON.
fn in_json(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::values::access_log_format;

    fn encoded(pattern: &str, encoders: &[&str]) -> Option<String> {
        let encoders: Vec<Encoder> = encoders.iter().map(|one| Encoder::parse(one).unwrap()).collect();
        let encoded = encode(pattern.to_owned(), &encoders);
        encoded.inspect(|pattern| assert!(access_log_format(pattern).is_ok(), "{pattern}"))
    }

    #[test]
    fn encoders_become_patterns() {
        for (encoders, want) in [
            (&["prefix {a} ", "suffix  }", "nl"][..], "{{a}} \"{uri}\" }}"),
            (&["format ${unix} ${micros} ${millis} ${msgnl}"], "{epoch} {epoch_us} {epoch_ms} \"{uri}\""),
            (&["format ${msg}|${msg}|${none}|$x$$${msg}$"], "\"{uri}\"|\"{uri}\"||$x$$\"{uri}\"$"),
            (&["format $${msg}${msg} ${open"], "$${{msg}}\"{uri}\" ${{open"),
            (&["format [${strftime:%d/%b?}${strftime:}] ${msg}"], "[{end:%d/%b}?] \"{uri}\""),
            (
                &[r#"json {"t":${unix}, "msg":"${msg}"}"#, "nl"],
                r#"escape=json {{"t":{epoch}, "msg":"\"{uri}\""}}"#,
            ),
            (
                &[r#"json {"d":"${strftime:"%Y"}","m":"${msgnl}"}"#, "prefix @cee: "],
                r#"escape=json @cee: {{"d":"{end:\"%Y\"}","m":"\"{uri}\"\n"}}"#,
            ),
        ] {
            assert_eq!(encoded("\"{uri}\"", encoders).as_deref(), Some(want), "{encoders:?}");
        }
        assert_eq!(encoded("{uri}", &["json \"${msg}\"", "json \"${msg}\""]), None);
    }

    #[test]
    fn what_is_no_text_is_told() {
        for (value, want) in [
            ("gzip", "a line is text"),
            ("msgpack map:1", "a line is text"),
            ("json:mine {}", "all lines go to one log"),
            ("format ${strftime:%!}", "strftime's form of a time: "),
        ] {
            let error = Encoder::parse(value).unwrap_err();
            assert!(error.starts_with(want), "{value}: {error}");
        }
    }
}
