//! YAML: a map of sections, each a map of options. A value is a text or a list of them, and a key may be there several times.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::text::{Pair, Text};
use crate::cli::Result;

/// The options of a section.
pub(super) fn read(text: &Text, section: &str) -> Result<Vec<Pair>> {
    let quoted = with_quotes(text.whole()?);
    let mut events = Events { text, parser: Parser::new_from_str(&quoted) };
    loop {
        match events.next()? {
            (Event::MappingStart(..), _) => break,
            (Event::StreamEnd, _) => return Err(text.no_section(section, &[])),
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (_, line) => {
                return Err(
                    text.fault(line, &format!("a map is wanted here, as {section}: and options below it"))
                );
            }
        }
    }
    let mut sections = Vec::new();
    while let Some((name, _)) = events.key()? {
        if name == section {
            return events.options();
        }
        sections.push(name);
        events.skip()?;
    }
    Err(text.no_section(section, &sections))
}

struct Events<'a> {
    text: &'a Text,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
}

impl<'a> Events<'a> {
    /// The next event, and its line.
    fn next(&mut self) -> Result<(Event<'a>, usize)> {
        match self.parser.next() {
            Some(Ok((event, Span { start, .. }))) => Ok((event, start.line())),
            Some(Err(error)) => {
                Err(self.text.fault(error.marker().line(), &format!("it is no YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    /// The next key of the map that is being read, and its line; `None` at its end.
    fn key(&mut self) -> Result<Option<(String, usize)>> {
        match self.next()? {
            (Event::MappingEnd, _) => Ok(None),
            (Event::Scalar(name, ..), line) => Ok(Some((name.into_owned(), line))),
            (_, line) => Err(self.text.fault(line, "an option's name is wanted here")),
        }
    }

    fn options(mut self) -> Result<Vec<Pair>> {
        match self.next()? {
            (Event::MappingStart(..), _) => {}
            // The section is there, and empty.
            (Event::Scalar(value, ..), _) if is_nothing(&value) => return Ok(Vec::new()),
            (_, line) => return Err(self.text.fault(line, "a map of options is wanted here")),
        }
        let mut pairs = Vec::new();
        while let Some((name, line)) = self.key()? {
            match self.next()? {
                (Event::Scalar(value, style, ..), _) => {
                    pairs.push(Pair { line, name, value: scalar(&value, style) });
                }
                (Event::SequenceStart(..), _) => self.list(&name, &mut pairs)?,
                (Event::Alias(_), line) => return Err(self.text.fault(line, NO_ALIAS)),
                (_, line) => {
                    return Err(self
                        .text
                        .fault(line, "an option takes a value, or a list of them, and no map"));
                }
            }
        }
        Ok(pairs)
    }

    fn list(&mut self, name: &str, pairs: &mut Vec<Pair>) -> Result<()> {
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(()),
                (Event::Scalar(value, style, ..), line) => {
                    pairs.push(Pair { line, name: name.to_owned(), value: scalar(&value, style) });
                }
                (Event::Alias(_), line) => return Err(self.text.fault(line, NO_ALIAS)),
                (_, line) => {
                    return Err(self
                        .text
                        .fault(line, "a list of values is wanted here, without lists or maps in it"));
                }
            }
        }
    }

    /// Leaves out the value that comes next.
    fn skip(&mut self) -> Result<()> {
        let mut depth = 0_usize;
        loop {
            match self.next()?.0 {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
                Event::StreamEnd => return Ok(()),
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

const NO_ALIAS: &str = "an alias (*name) is not read: write the value";

/// A key without a value has an empty one, as in an ini file.
fn scalar(value: &str, style: ScalarStyle) -> String {
    if style == ScalarStyle::Plain && is_nothing(value) { String::new() } else { value.to_owned() }
}

fn is_nothing(value: &str) -> bool {
    value.is_empty() || value == "~"
}

/// The text with quotes around the values that begin with a placeholder: uWSGI reads them, and YAML has no such texts.
fn with_quotes(text: &str) -> String {
    let quoted = |line: &str| {
        let at = line.find(": ").map(|at| at + 2).or_else(|| {
            line.trim_start().starts_with("- ").then(|| line.find("- ").map_or(0, |at| at + 2))
        })?;
        let begin = at + (line.len() - at - line[at..].trim_start().len());
        let value = line[begin..].split(" #").next().unwrap_or_default().trim_end();
        let is_placeholder = ["%(", "@("].iter().any(|begins| value.starts_with(begins));
        let rest = &line[begin + value.len()..];
        is_placeholder.then(|| format!("{}'{}'{rest}", &line[..begin], value.replace('\'', "''")))
    };
    text.split('\n')
        .map(|line| quoted(line).unwrap_or_else(|| line.to_owned()))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(yaml: &str, section: &str) -> std::result::Result<Vec<(usize, String, String)>, String> {
        let text = Text::plain("a.yaml", yaml.as_bytes());
        let pairs = read(&text, section).map_err(|error| error.to_string())?;
        Ok(pairs.into_iter().map(|pair| (pair.line, pair.name, pair.value)).collect())
    }

    #[test]
    fn options_are_read_with_their_lines_and_keys_add_up() {
        let yaml = "# one\nother:\n  x: [1, {a: b}]\nuwsgi:\n  master: true\n  env: A=1\n  env: B=2 # two\n  vacuum:\n  module: \"a:b\"\n  \
                    pythonpath:\n    - /a\n    - %(x)/b # c\n  socket: %(base)/x: it's\n  mode: 0660\n";
        let want = [
            (5, "master", "true"),
            (6, "env", "A=1"),
            (7, "env", "B=2"),
            (8, "vacuum", ""),
            (9, "module", "a:b"),
            (11, "pythonpath", "/a"),
            (12, "pythonpath", "%(x)/b"),
            (13, "socket", "%(base)/x: it's"),
            (14, "mode", "0660"),
        ];
        assert_eq!(
            pairs(yaml, "uwsgi").unwrap(),
            want.map(|(line, name, value)| (line, name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn what_will_not_do_says_where_and_why() {
        for (yaml, want) in [
            ("a: 1\nb: 2", "a.yaml: it has no section [uwsgi], only [a], [b]"),
            ("", "a.yaml: it has no section [uwsgi]"),
            ("- 1", "a.yaml:1: a map is wanted"),
            ("uwsgi:\n  a: {b: c}", "a.yaml:2: an option takes a value"),
            ("uwsgi:\n  a: [[b]]", "a.yaml:2: a list of values"),
            ("uwsgi:\n  a: &x 1\n  b: *x", "a.yaml:3: an alias"),
            ("uwsgi: 1", "a.yaml:1: a map of options"),
            ("uwsgi:\n  a: \"b", "a.yaml:"),
        ] {
            let error = pairs(yaml, "uwsgi").unwrap_err();
            assert!(error.starts_with(want), "{yaml}: {error}");
        }
        assert_eq!(pairs("uwsgi:", "uwsgi").unwrap(), []);
    }
}
