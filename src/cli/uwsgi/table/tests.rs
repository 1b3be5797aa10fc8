use std::collections::BTreeSet;

use super::*;
use crate::cli::config::serve_keys;
use crate::cli::uwsgi::names::NAMES;

fn all() -> impl Iterator<Item = &'static Known> {
    THEMES.iter().flat_map(|(_, table)| *table)
}

#[test]
fn every_name_of_uwsgi_has_one_answer() {
    let mut seen = BTreeSet::new();
    for name in all().flat_map(|known| known.names) {
        assert!(seen.insert(name), "{name} stands twice");
        assert!(NAMES.iter().any(|known| known.name == *name), "uWSGI has no {name}");
    }
    let without: Vec<_> = NAMES.iter().map(|known| known.name).filter(|name| find(name).is_none()).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn every_beginning_is_used() {
    let in_table: BTreeSet<_> = all().flat_map(|known| known.names).copied().collect();
    for (at, family) in FAMILIES.iter().enumerate() {
        for beginning in family.beginnings {
            let is_first = |name: &str| !FAMILIES[..at].iter().any(|other| other.has(name));
            let mut names = NAMES.iter().map(|known| known.name);
            let used =
                names.any(|name| name.starts_with(beginning) && !in_table.contains(name) && is_first(name));
            assert!(used, "no option begins with {beginning}");
        }
    }
}

#[test]
fn options_that_the_answers_name_are_ours() {
    let ours = serve_keys();
    let families = FAMILIES.iter().map(|family| family.answer);
    for answer in all().map(|known| known.answer).chain(families) {
        if let Answer::Same { ours: names, .. } = answer {
            let missing: Vec<_> = names.split(' ').filter(|name| !ours.contains(*name)).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
        let words = answer.words();
        let options = words.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        for option in options.filter_map(|word| word.strip_prefix("--")) {
            assert!(ours.contains(option) || ["config", "check", "help"].contains(&option), "{words}");
        }
    }
}
