//! `tidegate uwsgi` with uWSGI's arguments: what a configuration comes to, and what will not do.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::process::{end, run, run_with, tidegate};

#[test]
fn a_configuration_on_stdin_is_shown_as_uwsgi_shows_it() {
    let ini = b"[uwsgi]\nmaster = 1\nsocket = /run/%(name).sock\n";
    let done = run_with(&["uwsgi", "--ini", "-", "--set-ph", "name=x", "--show-config"], ini);
    assert_eq!(done.code, Some(0));
    let shown = "\n;uWSGI instance configuration\n[uwsgi]\nini = -\nmaster = 1\nsocket = /run/x.sock\nset-ph = name=x\nname = x\n\
                 show-config = true\n;end of configuration\n\n";
    assert_eq!(done.err, shown);
}

#[test]
fn a_link_called_uwsgi_takes_the_arguments_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("uwsgi");
    symlink(env!("CARGO_BIN_EXE_tidegate"), &link).unwrap();
    let mut uwsgi = Command::new(&link);
    uwsgi.args(["-M", "--version"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let done = uwsgi.output().unwrap();
    assert_eq!((done.status.code(), done.stdout.as_slice()), (Some(0), &b"2.0.31\n"[..]));
    assert!(run(&["uwsgi", "--help"]).text().contains("uWSGI's own arguments"));
}

#[test]
fn variables_name_options_too() {
    let mut command = tidegate(["uwsgi", "--show-config"]);
    command.env("UWSGI_PROCESSES", "4").env("UWSGI_RELOADS", "1");
    let done = end(command, b"");
    assert!(done.err.contains("processes = 4\nshow-config = true\n;end"), "{}", done.err);
}

#[test]
fn what_cannot_be_read_is_one_line_and_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("open.ini"), "[uwsgi]\nhttp-socket = 127.0.0.1:0\nif-env = HOME\n").unwrap();
    fs::write(path("loop.ini"), format!("[uwsgi]\n\ninclude = {}\n", path("loop.ini"))).unwrap();
    for (arguments, want) in [
        (
            vec!["--ini".to_owned(), path("none.ini")],
            format!("cannot read {}: No such file", path("none.ini")),
        ),
        (
            vec!["--ini".to_owned(), path("open.ini:dev")],
            format!("{}: it has no section [dev], only [uwsgi]", path("open.ini")),
        ),
        (vec![path("open.ini")], format!("{}:3: if-env has no endif", path("open.ini"))),
        (vec![path("loop.ini")], format!("{}:3: the file is being read already", path("loop.ini"))),
        (
            vec!["--proceses".to_owned(), "4".to_owned()],
            "unknown option --proceses; did you mean --processes?".to_owned(),
        ),
        (vec![path("app.py")], format!("{}: it is an application", path("app.py"))),
    ] {
        let done = run(&[&["uwsgi"], &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
        assert_eq!(done.code, Some(1), "{}", done.err);
        assert!(done.err.starts_with(&format!("tidegate: {want}")), "{}", done.err);
        assert_eq!(done.err.lines().count(), 1, "{}", done.err);
        assert!(done.text().is_empty());
    }
}

#[test]
fn check_refuses_the_values_that_serving_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.ini");
    let path = path.to_str().unwrap();
    fs::write(path, "[uwsgi]\nhttp-socket = 127.0.0.1:0\nmodule = app\nprocesses = 9999\n").unwrap();
    for arguments in [&["uwsgi", "--check", path][..], &["uwsgi", path]] {
        let done = run(arguments);
        let want = format!("tidegate: {path}:4: processes = 9999: write a number up to 256, or auto\n");
        assert_eq!((done.code, done.err), (Some(1), want));
    }
}
