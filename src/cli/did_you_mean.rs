//! Which name was meant by one that is written wrong.

/// The known name nearest to `name`, if that may be a slip of the keyboard.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|known| (distance(known, name), known)).min()?;
    Some(near).filter(|(distance, _)| *distance <= TYPOS_MAX).map(|(_, known)| known)
}

/// How many letters may be wrong, missing or too many in a name that is still recognised.
const TYPOS_MAX: usize = 2;

/// Levenshtein's distance, bytes.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.bytes().enumerate() {
            let best = (diagonal + usize::from(a != b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_found_unless_it_is_far() {
        let known = ["max-body", "max-rss", "http"];
        for (name, want) in [
            ("max-bdy", Some("max-body")),
            ("max_rss", Some("max-rss")),
            ("http", Some("http")),
            ("htps", Some("http")),
            ("maximum", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), want, "{name:?}");
        }
        assert_eq!(nearest("http", []), None);
    }
}
