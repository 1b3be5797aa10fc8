//! Names of other servers' options: who comes from uWSGI, gunicorn or granian types them, and is told what they are here.

mod table;

use std::iter;

use super::uwsgi::answer as of_uwsgi;
pub(super) use table::GUNICORN;
use table::TABLE;

pub(super) const UWSGI: &str = "uWSGI's";

/// An option of another server.
struct Foreign {
    /// A long name without dashes, or a short one with its dash.
    name: &'static str,
    whose: &'static str,
    answer: Answer,
}

/// What becomes of it.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// It is this option, and what is to be known of it.
    Here(&'static str, &'static str),
    /// What stands before this server does it, and by which words.
    Nginx(&'static str),
    /// It is so without being asked for.
    Needless(&'static str),
    /// There is no such thing, and what there is instead.
    Not(&'static str),
}

/// Where a name was found, and how a name of ours is written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    CommandLine,
    File,
    Environment,
    /// An argument of a function of Python's.
    Keyword,
}

impl Place {
    fn ours(self, option: &str) -> String {
        match (self, option) {
            (Place::CommandLine, "app") => "APP".to_owned(),
            (Place::CommandLine, _) => format!("--{option}"),
            (Place::File, "config") => "this file".to_owned(),
            (Place::File, _) => format!("the key {option}"),
            (Place::Keyword, _) => option.replace('-', "_"),
            (Place::Environment, _) => {
                format!("TIDEGATE_{}", option.replace('-', "_").to_ascii_uppercase())
            }
        }
    }
}

/// What other servers' option of this name is here: a sentence for each of them. `name` is as it was written, with its dashes or
/// underscores.
pub(super) fn answer(name: &str, place: Place) -> Option<String> {
    let name = normal(name);
    let others = TABLE
        .iter()
        .filter(|foreign| foreign.name == name)
        .map(|foreign| foreign.answer.say(&name, foreign.whose, place));
    let of_uwsgi = of_uwsgi(&name).map(|answer| answer.say(&name, UWSGI, place));
    let answers: Vec<String> = of_uwsgi.into_iter().chain(others).collect();
    (!answers.is_empty()).then(|| answers.join("; "))
}

/// The answer to one server's option alone, whose name is `whose`.
pub(super) fn answer_of(whose: &str, name: &str, place: Place) -> Option<String> {
    let name = normal(name);
    let answer = match whose {
        UWSGI => of_uwsgi(&name),
        _ => TABLE
            .iter()
            .find(|foreign| foreign.name == name && foreign.whose == whose)
            .map(|foreign| foreign.answer),
    };
    answer.map(|answer| answer.words(place))
}

/// The name as the table has it: `--log-level`, `log_level` and LOG_LEVEL are one.
fn normal(name: &str) -> String {
    let is_short = name.starts_with('-') && !name.starts_with("--");
    if is_short {
        name.chars().take(2).collect()
    } else {
        name.trim_start_matches('-').replace('_', "-").to_ascii_lowercase()
    }
}

impl Answer {
    fn say(self, name: &str, whose: &str, place: Place) -> String {
        let name = match place {
            Place::CommandLine if !name.starts_with('-') => format!("--{name}"),
            _ => name.to_owned(),
        };
        format!("{name} is {whose}, {}", self.words(place))
    }

    fn words(self, place: Place) -> String {
        let (word, more) = match self {
            Answer::Here(option, note) => {
                let ours = iter::once(place.ours(option)).chain((!note.is_empty()).then(|| note.to_owned()));
                ("here", ours.collect::<Vec<_>>().join(", "))
            }
            Answer::Nginx(how) => ("nginx does it", how.to_owned()),
            Answer::Needless(why) => ("not needed", why.to_owned()),
            Answer::Not(instead) => ("not here", instead.to_owned()),
        };
        format!("{word}: {more}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::config::serve_keys;

    #[test]
    fn every_answer_is_an_option_of_ours() {
        let ours = serve_keys();
        for foreign in TABLE {
            if let Answer::Here(option, _) = foreign.answer {
                assert!(option == "config" || ours.contains(option), "{}: --{option}", foreign.name);
            }
        }
    }

    #[test]
    fn options_that_the_answers_name_are_there() {
        let ours = serve_keys();
        for foreign in TABLE {
            let answer = foreign.answer.words(Place::CommandLine);
            for word in answer.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
                let option = word.strip_prefix("--");
                assert!(option.is_none_or(|option| option == "config" || ours.contains(option)), "{answer}");
            }
        }
    }

    #[test]
    fn a_name_is_no_option_of_ours_and_stands_once_for_each_server() {
        let (ours, mut seen) = (serve_keys(), BTreeSet::new());
        for foreign in TABLE {
            assert!(!ours.contains(foreign.name), "--{} is ours", foreign.name);
            assert!(!["-v", "-q", "-h", "-V"].contains(&foreign.name), "{} is ours", foreign.name);
            assert!(seen.insert((foreign.whose, foreign.name)), "{} stands twice", foreign.name);
            assert_eq!(normal(foreign.name), foreign.name, "a name that is never looked for");
        }
    }

    #[test]
    fn a_name_is_answered_wherever_it_stands() {
        let said = |name, place| answer(name, place).unwrap_or_default();
        assert_eq!(
            said("-w", Place::CommandLine),
            "-w is uWSGI's, here: APP, as module:callable; -w is gunicorn's, here: --workers"
        );
        assert_eq!(said("-w4", Place::CommandLine), said("-w", Place::CommandLine));
        assert_eq!(said("processes", Place::File), "processes is uWSGI's, here: the key workers");
        assert_eq!(said("PROCESSES", Place::Environment), "processes is uWSGI's, here: TIDEGATE_WORKERS");
        assert_eq!(
            said("access_logfile", Place::File),
            "access-logfile is gunicorn's, here: the key access-log-file, - is stdout here too"
        );
        assert!(
            said("--certfile", Place::CommandLine)
                .starts_with("--certfile is gunicorn's, nginx does it: ssl_")
        );
        assert!(said("master", Place::File).starts_with("master is uWSGI's, not needed: "));
        assert!(
            said("--daemon", Place::CommandLine).starts_with("--daemon is gunicorn's, here: --daemonize")
        );
        assert_eq!(answer("wokers", Place::File), None);
        assert_eq!(answer("", Place::File), None);
        assert_eq!(answer_of(UWSGI, "-w", Place::File).unwrap(), "here: the key app, as module:callable");
    }
}
