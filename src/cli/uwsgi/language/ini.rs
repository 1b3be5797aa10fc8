//! The ini files of uWSGI: sections, and in them keys with values up to the end of the line.

use super::text::{Pair, Text};
use crate::cli::Result;

/// The keys of a section, wherever in the file it stands; it may stand there several times.
pub(super) fn read(text: &Text, section: &str) -> Result<Vec<Pair>> {
    let (mut pairs, mut sections) = (Vec::new(), Vec::new());
    let mut is_asked = false;
    for (line, bytes) in text.lines() {
        let bytes = trim(bytes);
        match bytes.first() {
            None | Some(b';' | b'#') => {}
            Some(b'[') => {
                // Whatever its last character is.
                let name = &bytes[1..bytes.len().max(2) - 1];
                is_asked = name == section.as_bytes();
                sections.push(String::from_utf8_lossy(name).into_owned());
            }
            Some(_) if is_asked => {
                let equals = bytes.iter().position(|byte| *byte == b'=');
                let (name, value) = match equals {
                    Some(at) => (trim(&bytes[..at]), trim(&bytes[at + 1..])),
                    None => (bytes, &[][..]),
                };
                pairs.push(Pair { line, name: text.utf8(line, name)?, value: text.utf8(line, value)? });
            }
            Some(_) => {}
        }
    }
    if !sections.iter().any(|name| name == section) {
        return Err(text.no_section(section, &sections));
    }
    Ok(pairs)
}

fn trim(bytes: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let begin = bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_blank(byte)).map_or(begin, |at| at + 1);
    &bytes[begin..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(bytes: &[u8], section: &str) -> std::result::Result<Vec<(usize, String, String)>, String> {
        let text = Text::plain("a.ini", bytes);
        let pairs = read(&text, section).map_err(|error| error.to_string())?;
        Ok(pairs.into_iter().map(|pair| (pair.line, pair.name, pair.value)).collect())
    }

    fn pair(line: usize, name: &str, value: &str) -> (usize, String, String) {
        (line, name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_section_s_keys_are_read_with_their_lines() {
        let bytes = b"lost = 1\n[uwsgi]\n; one\n  # two\nmaster\r\n  a\t=  b = c ; d  \n\n[other]\nx = 1\n[uwsgi]\ny=\nz";
        let want = [pair(5, "master", ""), pair(6, "a", "b = c ; d"), pair(11, "y", ""), pair(12, "z", "")];
        assert_eq!(pairs(bytes, "uwsgi").unwrap(), want);
        assert_eq!(pairs(bytes, "other").unwrap(), [pair(9, "x", "1")]);
    }

    #[test]
    fn a_section_that_is_not_there_is_told_with_those_that_are() {
        let error = pairs(b"[uwsgi]\n[prod]\n", "dev").unwrap_err();
        assert_eq!(error, "a.ini: it has no section [dev], only [uwsgi], [prod]");
        assert!(pairs(b"x = 1", "uwsgi").unwrap_err().contains("no section"));
        assert!(pairs(b"[\n[", "uwsgi").is_err());
    }

    #[test]
    fn what_is_no_text_is_told_where_it_stands() {
        assert_eq!(pairs(b"# \xff\n[uwsgi]\nx = \xff", "uwsgi").unwrap_err(), "a.ini:3: it is no UTF-8 text");
        assert!(pairs(b"[uwsgi]\nx = a\0b", "uwsgi").unwrap_err().starts_with("a.ini:2: "));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = pairs(&bytes, "uwsgi");
        }

        #[test]
        fn what_is_written_is_read(
            written in proptest::collection::vec(("[a-z][a-z0-9-]{0,12}", "([!-~é][ -~é]{0,20}[!-~é])?"), 0..20),
            blank in "[ \t]{0,3}",
            end in "\r?\n",
        ) {
            let mut file = format!("[uwsgi]{end}");
            for (name, value) in &written {
                file.push_str(&format!("{blank}{name}{blank}={blank}{value}{blank}{end}"));
            }
            let read = pairs(file.as_bytes(), "uwsgi").unwrap();
            let want: Vec<_> = written.iter().enumerate().map(|(at, (name, value))| pair(at + 2, name, value)).collect();
            prop_assert_eq!(read, want);
        }
    }
}
