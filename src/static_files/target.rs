//! Which name in a folder a path stands for.

/// What stands behind `prefix`, which ends in no slash, if the path lies below it: nothing, or a slash and what follows.
pub(super) fn below<'a>(prefix: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    path.strip_prefix(prefix).filter(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
}

/// A name below a folder, whose segments are names of files that may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Empty for the folder itself.
    name: Vec<u8>,
    /// The path ends with a slash: what is asked for is the index of the folder of this name.
    is_folder: bool,
}

impl Target {
    /// What the rest of a path asks for, behind the prefix. `None` where a segment is empty, begins with a dot (and so is `..`,
    /// or a hidden file), or has a NUL or a backslash in it: nothing that is served is called so.
    pub(super) fn of(rest: &[u8]) -> Option<Target> {
        let Some(path) = rest.strip_prefix(b"/") else {
            return rest.is_empty().then(|| Target { name: Vec::new(), is_folder: false });
        };
        let (names, is_folder) = match path {
            [] => return Some(Target { name: Vec::new(), is_folder: true }),
            [names @ .., b'/'] => (names, true),
            names => (names, false),
        };
        if !names.split(|byte| *byte == b'/').all(is_served) {
            return None;
        }
        Some(Target { name: names.to_vec(), is_folder })
    }

    /// The file of this name.
    pub(super) fn file(name: &[u8]) -> Target {
        Target { name: name.to_vec(), is_folder: false }
    }

    /// The name, relative to the folder.
    pub(super) fn name(&self) -> &[u8] {
        if self.name.is_empty() { b"." } else { &self.name }
    }

    /// Whether an index is asked for.
    pub(super) fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// The index of this name in the folder.
    pub(super) fn index(&self, index: &[u8]) -> Target {
        let slash: &[u8] = if self.name.is_empty() { b"" } else { b"/" };
        Target::file(&[&self.name, slash, index].concat())
    }

    /// The name for people.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

/// Whether a file of this name may be served.
pub(super) fn is_served(segment: &[u8]) -> bool {
    segment.first().is_some_and(|byte| *byte != b'.') && !segment.iter().any(|byte| matches!(byte, 0 | b'\\'))
}

/// A path as it stands in a URL. What RFC 3986 lets stand in one stays as it is.
pub(super) fn encoded(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len() + 1);
    for byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(*byte)),
            b'/' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b','
            | b';' | b'=' | b':' | b'@' => text.push(char::from(*byte)),
            byte => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                text.push('%');
                text.push(char::from(DIGITS[usize::from(byte >> 4)]));
                text.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prefix_ends_where_a_segment_does() {
        for (prefix, path, rest) in [
            ("/static", "/static", Some("")),
            ("/static", "/static/", Some("/")),
            ("/static", "/static/a/b", Some("/a/b")),
            ("/static", "/statics/a", None),
            ("/static", "/stati", None),
            ("/static", "/x/static/a", None),
            ("", "/a", Some("/a")),
            ("", "", Some("")),
            ("", "a", None),
        ] {
            assert_eq!(below(prefix.as_bytes(), path.as_bytes()), rest.map(str::as_bytes), "{prefix} {path}");
        }
    }

    #[test]
    fn a_name_is_made_of_the_path() {
        for (rest, name) in [
            ("", "."),
            ("/", "i"),
            ("/a.css", "a.css"),
            ("/a/b.css", "a/b.css"),
            ("/a/", "a/i"),
            ("/caf\u{e9} 100%", "caf\u{e9} 100%"),
            ("/a..b", "a..b"),
            ("/a.", "a."),
        ] {
            let target = Target::of(rest.as_bytes()).unwrap();
            let target = if target.is_folder() { target.index(b"i") } else { target };
            assert_eq!(target.name(), name.as_bytes(), "{rest}");
        }
    }

    #[test]
    fn what_is_never_served_has_no_name() {
        for rest in [
            "/..",
            "/../a",
            "/a/../b",
            "/a/..",
            "/a/../",
            "/.",
            "/./a",
            "/a/.",
            "/.env",
            "/a/.git/config",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/a\0b",
            "/\0",
            "/a\\b",
            "/..\\a",
            "/...",
            "/.a/",
            "//etc/passwd",
            "a",
        ] {
            assert_eq!(Target::of(rest.as_bytes()), None, "{rest:?}");
        }
    }

    #[test]
    fn a_path_in_a_url_is_encoded() {
        assert_eq!(encoded("/a b/\u{e9}%?#\"'[".as_bytes()), "/a%20b/%C3%A9%25%3F%23%22%27%5B");
        assert_eq!(encoded(b"/a-b_c.d~!$&()*+,;=:@"), "/a-b_c.d~!$&()*+,;=:@");
    }

    proptest! {
        #[test]
        fn no_name_leads_out(rest in "[/.\\\\a\0]{0,12}") {
            if let Some(target) = Target::of(rest.as_bytes()) {
                let name = std::str::from_utf8(target.name()).unwrap();
                let mut components = Path::new(name).components();
                prop_assert!(
                    name == "." || components.all(|part| matches!(part, Component::Normal(_))),
                    "{name:?}"
                );
                prop_assert!(!name.starts_with('/') && !name.contains('\0') && !name.contains('\\'));
            }
        }

        #[test]
        fn an_encoded_path_decodes_to_itself(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = encoded(&path);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            let mut decoded = Vec::new();
            let mut bytes = text.bytes();
            while let Some(byte) = bytes.next() {
                decoded.push(match byte {
                    b'%' => {
                        let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                    }
                    byte => byte,
                });
            }
            prop_assert_eq!(decoded, path);
        }
    }
}
