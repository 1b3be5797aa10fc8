//! A traceback as Python prints it, taken to pieces: its frames, and the words between them.

use std::fs;
use std::path::Path;

/// A part of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Words(&'a str),
    Frame(Frame<'a>),
}

/// A place in the code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) file: &'a str,
    pub(super) line: usize,
    /// The function; empty for a syntax error's place.
    pub(super) function: &'a str,
    /// What is printed below it: the source line, and marks below that.
    pub(super) printed: Vec<&'a str>,
}

/// A line of a source file.
pub(super) struct SourceLine {
    pub(super) number: usize,
    pub(super) text: String,
    /// The marks below it, of the frame's own line.
    pub(super) marks: Option<String>,
}

/// Takes it to pieces.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for line in text.lines() {
        match (frame(line), parts.last_mut()) {
            (Some(frame), _) => parts.push(Part::Frame(frame)),
            (None, Some(Part::Frame(frame))) if line.starts_with("    ") => frame.printed.push(line),
            _ => parts.push(Part::Words(line)),
        }
    }
    parts
}

/// What it comes down to: the line that names the exception.
pub(super) fn headline<'a>(parts: &[Part<'a>]) -> &'a str {
    let is_words = |part: &Part<'a>| match part {
        Part::Words(words) if !words.trim().is_empty() => Some(*words),
        _ => None,
    };
    let last_frame = parts.iter().rposition(|part| matches!(part, Part::Frame(_)));
    let behind = &parts[last_frame.map_or(0, |at| at + 1)..];
    behind.iter().find_map(is_words).unwrap_or("It failed")
}

/// `  File "/srv/app.py", line 3, in view`.
fn frame(line: &str) -> Option<Frame<'_>> {
    let rest = line.trim_start().strip_prefix("File \"")?;
    let (file, rest) = rest.rsplit_once("\", line ")?;
    let (number, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    Some(Frame { file, line: number.trim().parse().ok()?, function, printed: Vec::new() })
}

impl Frame<'_> {
    /// Whether it is in code that is installed and not written here.
    pub(super) fn is_library(&self) -> bool {
        let others = ["/site-packages/", "/dist-packages/", "/lib/python3", "/lib/python/"];
        self.file.starts_with('<') || others.iter().any(|other| self.file.contains(other))
    }

    /// The lines around it, as the file has them now; none if its own line is not the one that was printed. An exception's
    /// words may look like a frame, and a visitor may have written them: no file but a module's is read for one.
    pub(super) fn source(&self) -> Vec<SourceLine> {
        let is_module = Path::new(self.file).extension().is_some_and(|extension| extension == "py");
        let is_short = fs::metadata(self.file).is_ok_and(|metadata| metadata.len() <= SOURCE_BYTES_MAX);
        let text = if is_module && is_short { fs::read(self.file).unwrap_or_default() } else { Vec::new() };
        let text = String::from_utf8_lossy(&text);
        let printed = self.printed.first().map_or("", |line| line.trim());
        let mut lines = (1..).zip(text.lines());
        if !lines.clone().any(|(number, text)| number == self.line && text.trim() == printed) {
            return Vec::new();
        }
        let first = self.line.saturating_sub(LINES_AROUND).max(1);
        let mut source = Vec::new();
        for (number, text) in lines.by_ref().skip(first - 1).take(self.line - first + LINES_AROUND + 1) {
            let marks = if number == self.line { self.marks(text) } else { None };
            source.push(SourceLine { number, text: text.to_owned(), marks });
        }
        source
    }

    /// The marks that are printed below the line, moved to where they belong in the file.
    fn marks(&self, line: &str) -> Option<String> {
        let [printed, marks, ..] = self.printed.as_slice() else { return None };
        let indent = |line: &str| line.len() - line.trim_start().len();
        let is_marks = marks.chars().all(|c| matches!(c, ' ' | '^' | '~'));
        let at = (indent(line) + indent(marks)).checked_sub(indent(printed))?;
        is_marks.then(|| format!("{}{}", " ".repeat(at), marks.trim()))
    }
}

/// Lines of source before a frame's and behind it, a count.
const LINES_AROUND: usize = 4;
/// The longest file whose lines are shown, bytes: longer ones are made by programs.
const SOURCE_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
cannot load app:
Traceback (most recent call last):
  File \"/srv/a \", line 1/app.py\", line 2, in <module>
    import words
  File \"/usr/lib/python3.11/json/__init__.py\", line 9, in loads
    return 1 / 0
           ~~^~~
ZeroDivisionError: division by zero
it goes on";

    #[test]
    fn a_traceback_is_taken_to_pieces() {
        let parts = parts(TEXT);
        assert_eq!(parts.len(), 6);
        let Part::Frame(frame) = &parts[2] else { panic!("{parts:?}") };
        assert_eq!((frame.file, frame.line, frame.function), ("/srv/a \", line 1/app.py", 2, "<module>"));
        assert_eq!(frame.printed, ["    import words"]);
        let Part::Frame(frame) = &parts[3] else { panic!("{parts:?}") };
        assert!(frame.is_library() && frame.printed.len() == 2);
        assert_eq!(headline(&parts), "ZeroDivisionError: division by zero");
        assert_eq!(headline(&super::parts("there is no module 'a'.\n    /srv")), "there is no module 'a'.");
        assert_eq!(headline(&super::parts("")), "It failed");
    }

    #[test]
    fn the_source_is_the_file_s_with_its_marks() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.py");
        fs::write(&file, "one\ntwo\nthree\nfour\nfive\n    return 1 / 0\nseven\n").unwrap();
        let text =
            format!("  File \"{}\", line 6, in f\n    return 1 / 0\n           ~~^~~\nE", file.display());
        let parts = parts(&text);
        let Part::Frame(frame) = &parts[0] else { panic!("{parts:?}") };
        let source = frame.source();
        assert_eq!(source.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
        assert_eq!(source[4].marks.as_deref(), Some("           ~~^~~"));
        fs::write(&file, "\n\n\n\n\n    return 2\n").unwrap();
        assert!(frame.source().is_empty(), "the line is another by now");
        fs::remove_file(&file).unwrap();
        assert!(frame.source().is_empty());
    }

    #[test]
    fn words_that_look_like_a_frame_show_no_file() {
        let folder = tempfile::tempdir().unwrap();
        for (name, line, printed) in [
            ("key", 1, "BEGIN"),
            ("settings.py", 1, "guessed"),
            ("settings.py", 3, ""),
            ("settings.py", 0, "BEGIN"),
            ("settings.py", usize::MAX, "BEGIN"),
        ] {
            let file = folder.path().join(name);
            fs::write(&file, "BEGIN\nsecret\n").unwrap();
            let text =
                format!("ValueError: a form's\n  File \"{}\", line {line}\n    {printed}\n", file.display());
            let parts = parts(&text);
            let Part::Frame(frame) = &parts[1] else { panic!("{parts:?}") };
            assert!(frame.source().is_empty(), "{text}");
        }
    }
}
