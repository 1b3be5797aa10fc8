//! Options of kinds that `serve` need not have today.

use std::ffi::OsString;
use std::fs;

use clap::{Arg, ArgAction, Command};

use super::example::serve;
use super::key::{Key, Takes};
use super::{Gathered, elsewhere, gather_from};

/// A command with an option of each kind that is not simple.
fn command() -> Command {
    let jitter = Arg::new("jitter").long("jitter").requires("most");
    let serve = Command::new("serve")
        .args([Arg::new("config").long("config").value_parser(clap::value_parser!(std::path::PathBuf))])
        .args([
            jitter,
            Arg::new("most").long("most"),
            Arg::new("quiet").long("quiet").action(ArgAction::Count),
        ])
        .arg(Arg::new("on").long("on").num_args(1..).action(ArgAction::Append));
    Command::new("tidegate").subcommand(serve)
}

/// What the arguments come to with a file of this text and one variable; without what names the file.
fn gathered(args: &[&str], text: &str, variable: (&str, &str)) -> (Gathered, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.toml");
    fs::write(&path, text).unwrap();
    let arguments = [&["tidegate", "serve"], args].concat().into_iter().map(OsString::from);
    let variables = [("TIDEGATE_CONFIG", path.to_str().unwrap()), variable];
    let variables = variables.map(|(name, value)| (name.into(), value.into())).to_vec();
    let gathered = gather_from(&command(), arguments.collect(), variables).unwrap();
    let added =
        gathered.arguments[2..].iter().map(|argument| argument.to_str().unwrap().to_owned()).collect();
    (gathered, added)
}

#[test]
fn an_option_of_each_kind_is_there() {
    let keys = Key::all(&serve());
    for takes in [Takes::Flag, Takes::Count, Takes::One, Takes::Many] {
        // Another kind does not compile here before it stands in the list.
        let (Takes::Flag | Takes::Count | Takes::One | Takes::Many) = takes;
        assert!(keys.iter().any(|key| key.takes() == takes), "no option takes {takes:?}");
    }
}

#[test]
fn an_option_of_several_values_is_a_list() {
    let (_, added) = gathered(&["--on", "a", "b"], "on = ['c']", ("", ""));
    assert_eq!(added, ["--on", "a", "b"]);
    let (_, added) = gathered(&["--most", "1"], "on = ['c', 'd']", ("", ""));
    assert_eq!(added, ["--on=c", "--on=d", "--most", "1"]);
}

#[test]
fn what_an_option_wants_of_others_is_judged_when_all_are_there() {
    let (whole, added) = gathered(&["--most", "1"], "jitter = '2'", ("", ""));
    assert_eq!(added, ["--jitter=2", "--most", "1"]);
    command().try_get_matches_from(whole.arguments).unwrap();
    let (gathered, _) = gathered(&[], "\njitter = '2'", ("TIDEGATE_QUIET", "1"));
    let error = command().try_get_matches_from(&gathered.arguments).unwrap_err();
    let told = elsewhere(&error.to_string(), &gathered.entries).unwrap();
    assert!(told.contains(": jitter (/") && told.ends_with("t.toml:2), quiet (TIDEGATE_QUIET)"), "{told}");
}
