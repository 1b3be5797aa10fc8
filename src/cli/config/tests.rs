//! Options of kinds that `serve` need not have today.

use std::ffi::OsString;
use std::fs;

use clap::{Arg, ArgAction, Command};

use super::{Gathered, elsewhere, gather_from};

/// A command with an option of each kind that is not simple.
fn command() -> Command {
    let log = Arg::new("log").long("log").num_args(0..=1).require_equals(true).default_missing_value("-");
    let jitter = Arg::new("jitter").long("jitter").requires("most");
    let serve = Command::new("serve")
        .args([Arg::new("config").long("config").value_parser(clap::value_parser!(std::path::PathBuf))])
        .args([
            log,
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
fn an_option_with_a_value_or_none_is_a_flag_or_a_value() {
    for (args, text, variable, want) in [
        (&[][..], "log = true", "", &["--log"][..]),
        (&[], "log = false", "", &[]),
        (&[], "log = 'a.log'", "", &["--log=a.log"]),
        (&[], "log = 'a.log'", "true", &["--log"]),
        (&[], "log = 'a.log'", "no", &[]),
        (&[], "log = 'a.log'", "b.log", &["--log=b.log"]),
        (&["--log"], "log = 'a.log'", "b.log", &["--log"]),
    ] {
        let (_, added) = gathered(args, text, ("TIDEGATE_LOG", variable));
        assert_eq!(added, want, "{args:?}, {text}, {variable}");
        command().try_get_matches_from([&["tidegate", "serve"], want].concat()).unwrap();
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
