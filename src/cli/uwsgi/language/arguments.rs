//! The command line as getopt_long(3) reads it: options wherever they stand, and the rest behind them.

use crate::cli::Result;
use crate::cli::uwsgi::names::{self, Argument};
use crate::cli::uwsgi::{OWN, OwnOption};

/// What stands on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Option {
        name: String,
        value: Option<String>,
    },
    /// A word that is no option and no option's value.
    Word(String),
}

/// The arguments that are still to be read.
#[derive(Debug)]
pub(super) struct Arguments {
    words: std::vec::IntoIter<String>,
    /// The letters behind a dash that are still to be read.
    letters: String,
    others: Vec<String>,
}

/// A name that is an option though no table has it: made by `declare-option`, with whether it takes a value.
pub(super) type Declared<'a> = &'a dyn Fn(&str) -> Option<bool>;

impl Arguments {
    pub(super) fn new(words: Vec<String>) -> Self {
        Arguments { words: words.into_iter(), letters: String::new(), others: Vec::new() }
    }

    /// The next option; when there is none left, the words that are none, one by one.
    pub(super) fn next(&mut self, declared: Declared<'_>) -> Result<Option<Typed>> {
        if !self.letters.is_empty() {
            return self.letter().map(Some);
        }
        while let Some(word) = self.words.next() {
            match word.strip_prefix("--") {
                Some("") => self.others.extend(self.words.by_ref()),
                Some(option) => return self.long(option, declared).map(Some),
                None if word.len() > 1 && word.starts_with('-') => {
                    self.letters = word[1..].to_owned();
                    return self.letter().map(Some);
                }
                None => self.others.push(word),
            }
        }
        Ok((!self.others.is_empty()).then(|| Typed::Word(self.others.remove(0))))
    }

    fn long(&mut self, option: &str, declared: Declared<'_>) -> Result<Typed> {
        let (written, given) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option, None),
        };
        let (name, argument) = resolve(written, declared)?;
        let value = match (argument, given) {
            (Argument::No, Some(_)) => return Err(format!("--{name} takes no value").into()),
            (Argument::Required, None) => {
                Some(self.words.next().ok_or_else(|| lacks_value(&format!("--{name}")))?)
            }
            (_, given) => given,
        };
        Ok(Typed::Option { name, value })
    }

    /// The first of the letters; what stands behind one that takes a value is its value.
    fn letter(&mut self) -> Result<Typed> {
        let letter = self.letters.remove(0);
        let known = names::by_letter(letter)
            .ok_or_else(|| format!("unknown option -{letter}: `uwsgi --help` says how it is used"))?;
        let rest = || Some(self.letters.clone()).filter(|rest| !rest.is_empty());
        let value = match known.argument {
            Argument::No => return Ok(Typed::Option { name: known.name.to_owned(), value: None }),
            Argument::Optional => rest(),
            Argument::Required => {
                Some(rest().or_else(|| self.words.next()).ok_or_else(|| lacks_value(&format!("-{letter}")))?)
            }
        };
        self.letters.clear();
        Ok(Typed::Option { name: known.name.to_owned(), value })
    }
}

fn lacks_value(option: &str) -> String {
    format!("{option} wants a value behind it")
}

/// The option that is meant by a long name, which may be cut short as long as no other begins so.
fn resolve(written: &str, declared: Declared<'_>) -> Result<(String, Argument)> {
    if let Some(OwnOption { name, argument, .. }) = OWN.iter().find(|own| own.name == written) {
        return Ok(((*name).to_owned(), *argument));
    }
    if let Some(known) = names::find(written) {
        return Ok((known.name.to_owned(), known.argument));
    }
    if let Some(takes_value) = declared(written) {
        return Ok((written.to_owned(), if takes_value { Argument::Required } else { Argument::No }));
    }
    let possible: Vec<_> = names::by_prefix(written).take(POSSIBLE_SHOWN_MAX + 1).collect();
    match possible[..] {
        [only] => Ok((only.name.to_owned(), only.argument)),
        [] => {
            let near =
                names::nearest(written).map_or(String::new(), |near| format!("; did you mean --{near}?"));
            Err(format!("unknown option --{written}{near}").into())
        }
        _ => {
            let shown: Vec<String> =
                possible.iter().take(POSSIBLE_SHOWN_MAX).map(|known| format!("--{}", known.name)).collect();
            Err(format!("--{written} may be {}: write it out", shown.join(", ")).into())
        }
    }
}

const POSSIBLE_SHOWN_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> std::result::Result<Vec<Typed>, String> {
        let mut arguments = Arguments::new(words.iter().map(ToString::to_string).collect());
        let mut read = Vec::new();
        let declared = |name: &str| (name == "mine").then_some(true);
        while let Some(typed) = arguments.next(&declared).map_err(|error| error.to_string())? {
            read.push(typed);
        }
        Ok(read)
    }

    fn option(name: &str, value: Option<&str>) -> Typed {
        Typed::Option { name: name.to_owned(), value: value.map(ToOwned::to_owned) }
    }

    #[test]
    fn options_come_first_and_words_behind_them() {
        let words =
            ["app.ini", "--master", "-p4", "-Mp", "2", "--http=:80", "--ini", "b.ini", "--", "--vacuum"];
        let want = [
            option("master", None),
            option("processes", Some("4")),
            option("master", None),
            option("processes", Some("2")),
            option("http", Some(":80")),
            option("ini", Some("b.ini")),
            Typed::Word("app.ini".to_owned()),
            Typed::Word("--vacuum".to_owned()),
        ];
        assert_eq!(read(&words).unwrap(), want);
    }

    #[test]
    fn a_name_may_be_cut_short_where_no_other_begins_so() {
        assert_eq!(read(&["--harakiri-verb"]).unwrap(), [option("harakiri-verbose", None)]);
        assert_eq!(read(&["--mine", "x"]).unwrap(), [option("mine", Some("x"))]);
        // An option whose value may be left out takes none that stands apart.
        let words = ["--chmod-socket", "x"];
        assert_eq!(read(&words).unwrap(), [option("chmod-socket", None), Typed::Word("x".to_owned())]);
        assert_eq!(read(&["-C600"]).unwrap(), [option("chmod-socket", Some("600"))]);
    }

    #[test]
    fn what_will_not_do_says_why() {
        for (words, want) in [
            (&["--proc"][..], "--proc may be --processes, --procname"),
            (&["--proceses", "4"], "unknown option --proceses; did you mean --processes?"),
            (&["--xyzzy-plugh"], "unknown option --xyzzy-plugh"),
            (&["--master=1"], "--master takes no value"),
            (&["--processes"], "--processes wants a value behind it"),
            (&["-p"], "-p wants a value behind it"),
            (&["-%"], "unknown option -%"),
        ] {
            let error = read(words).unwrap_err();
            assert!(error.starts_with(want), "{words:?}: {error}");
        }
    }
}
