//! Regular expressions that an operator writes, in options and configurations.

use regex::bytes::{Regex, RegexBuilder};

/// A regular expression of bytes, or what is wrong with it, in a line.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).unicode(false).size_limit(COMPILED_BYTES_MAX).build();
    built.map_err(|error| {
        // What is wrong stands in its last line, behind a picture of where.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("{pattern:?} is no regular expression: {last}")
    })
}

/// What a compiled expression may take, bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        assert!(compile(r"^/caf\xe9/\w+$").unwrap().is_match(b"/caf\xe9/au"));
        for (pattern, want) in
            [("(", "unclosed group"), ("a\n(", "unclosed group"), (r"\w{9999}{9999}", "size limit")]
        {
            let error = compile(pattern).unwrap_err();
            assert!(error.contains(want) && error.lines().count() == 1, "{error}");
        }
    }
}
