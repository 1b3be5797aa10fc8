//! The names of uWSGI's options: those of 2.0.31's core and of all its plugins, with what each takes.

use std::sync::LazyLock;

use crate::cli::did_you_mean;

/// An option of uWSGI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) argument: Argument,
    /// Its letter on the command line.
    pub(super) letter: Option<char>,
    /// It takes effect where it stands, before a `$(…)`, `@(…)` or `%(…)` in its value is resolved; such a value stays as it
    /// is written.
    pub(super) is_immediate: bool,
    /// The plugin that brings it, or `core`.
    pub(super) plugin: &'static str,
}

/// Whether an option takes a value on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    No,
    Optional,
    Required,
}

/// All of them, by name.
pub(super) static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| TABLE.lines().map(parse).collect());

/// One a line: name, argument, letter, whether it takes effect at once, plugin.
const TABLE: &str = include_str!("names.tsv");

/// The option of this name.
pub(super) fn find(name: &str) -> Option<&'static Name> {
    NAMES.binary_search_by(|known| known.name.cmp(name)).ok().map(|at| &NAMES[at])
}

/// The option with this letter.
pub(super) fn by_letter(letter: char) -> Option<&'static Name> {
    NAMES.iter().find(|known| known.letter == Some(letter))
}

/// The options whose names begin so, of those that the uWSGI of PyPI has.
pub(super) fn by_prefix(prefix: &str) -> impl Iterator<Item = &'static Name> {
    NAMES.iter().filter(move |known| known.name.starts_with(prefix) && is_built_in(known.plugin))
}

/// The name that was meant by one that is none.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    did_you_mean::nearest(name, NAMES.iter().map(|known| known.name))
}

/// Whether the uWSGI of PyPI has this plugin in its binary.
pub(super) fn is_built_in(plugin: &str) -> bool {
    BUILT_IN.contains(&plugin)
}

const BUILT_IN: [&str; 41] = [
    "cache",
    "carbon",
    "cheaper_busyness",
    "core",
    "corerouter",
    "fastrouter",
    "gevent",
    "http",
    "logfile",
    "logsocket",
    "mongodblog",
    "nagios",
    "ping",
    "python",
    "rawrouter",
    "redislog",
    "router_basicauth",
    "router_cache",
    "router_expires",
    "router_hash",
    "router_http",
    "router_memcached",
    "router_metrics",
    "router_redirect",
    "router_redis",
    "router_rewrite",
    "router_static",
    "router_uwsgi",
    "rpc",
    "rrdtool",
    "rsyslog",
    "signal",
    "spooler",
    "sslrouter",
    "stats_pusher_socket",
    "symcall",
    "syslog",
    "transformation_gzip",
    "transformation_template",
    "ugreen",
    "zergpool",
];

fn parse(line: &'static str) -> Name {
    let mut columns = line.split('\t');
    let mut next = || columns.next().expect("names.tsv has five columns");
    Name {
        name: next(),
        argument: match next() {
            "required" => Argument::Required,
            "optional" => Argument::Optional,
            _ => Argument::No,
        },
        letter: next().chars().next().filter(|letter| *letter != '-'),
        is_immediate: next() == "at-once",
        plugin: next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_option_is_found() {
        assert!(NAMES.is_sorted_by(|one, other| one.name < other.name));
        assert!(NAMES.len() > 1_200, "{}", NAMES.len());
        for known in NAMES.iter() {
            assert_eq!(find(known.name), Some(known));
        }
        assert_eq!(find("no-such-option"), None);
    }

    #[test]
    fn an_option_is_what_uwsgi_says_it_is() {
        let workers = find("workers").unwrap();
        assert_eq!((workers.argument, workers.is_immediate), (Argument::Required, false));
        assert_eq!(by_letter('p').unwrap().name, "processes");
        assert_eq!(by_letter('M').unwrap().argument, Argument::No);
        assert!(find("ini").unwrap().is_immediate);
        assert_eq!(find("endif").unwrap().argument, Argument::Optional);
        assert_eq!(find("php-docroot").unwrap().plugin, "php");
        assert_eq!(nearest("proceses"), Some("processes"));
    }

    #[test]
    fn a_letter_is_one_option_s() {
        for known in NAMES.iter().filter(|known| known.letter.is_some()) {
            assert_eq!(by_letter(known.letter.unwrap()), Some(known));
        }
    }
}
