//! Whole configurations, and what becomes of them. tests/python/uwsgi holds many more against uWSGI itself.

use std::fs;
use std::path::Path;

use super::*;

/// Reads `files`, of which the first is named on the command line; `Err` is what is told.
fn read_files(files: &[(&str, &str)]) -> (tempfile::TempDir, std::result::Result<Vec<Directive>, String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content.replace("DIR", folder.path().to_str().unwrap())).unwrap();
    }
    let variables =
        [("HOME", "/home/u"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let main = folder.path().join(files[0].0);
    let words = vec!["--ini".to_owned(), main.to_str().unwrap().to_owned()];
    let read = read(words, variables.into()).map_err(|error| relative(&error.to_string(), folder.path()));
    (folder, read)
}

fn relative(text: &str, folder: &Path) -> String {
    text.replace(&format!("{}/", folder.display()), "")
}

fn shown(content: &str) -> String {
    let (folder, read) = read_files(&[("a.ini", content)]);
    let directives = read.unwrap();
    let lines = directives.iter().skip(1).filter(|directive| directive.is_shown);
    let lines = lines.map(|one| format!("{}={}", one.name, one.value.as_deref().unwrap_or("true")));
    relative(&lines.collect::<Vec<_>>().join(" "), folder.path())
}

fn refused(files: &[(&str, &str)]) -> String {
    read_files(files).1.unwrap_err()
}

#[test]
fn placeholders_are_resolved_in_uwsgi_s_order() {
    assert_eq!(
        shown("[uwsgi]\na = $(HOME)/x$(EMPTY)$(NOPE)\nb = -%(a)-\nc = %(n + 1)\nn = 2\nmaster"),
        "a=/home/u/x$(NOPE) b=-/home/u/x$(NOPE)- c=3 n=2 master="
    );
    // What takes effect at once is not resolved.
    assert_eq!(shown("[uwsgi]\nx = 1\nlisten = %(x)\n"), "x=1 listen=%(x)");
}

#[test]
fn blocks_choose_and_repeat() {
    assert_eq!(
        shown("[uwsgi]\nif-env = HOME\na = %(_)\nendif =\nif-env = NOPE\nb = 1\nendif =\n"),
        "if-env=HOME a=/home/u endif= if-env=NOPE endif="
    );
    assert_eq!(shown("[uwsgi]\nfor = x y\na = %(_)\nendfor\n"), "for=x y a=x a=y endfor=");
    assert_eq!(shown("[uwsgi]\nfor-times = 2\na = %(_)\nendfor\n"), "for-times=2 a=1 a=2 endfor=");
    assert_eq!(
        shown("[uwsgi]\nx = 1\nif-opt = x=1\na = 1\nendif\nif-not-opt = x\nb = 1\nendif"),
        "x=1 if-opt=x=1 a=1 endif= if-not-opt=x endif="
    );
}

#[test]
fn a_directive_knows_its_line_and_whether_it_is_read() {
    let (folder, read) =
        read_files(&[("a.ini", "[uwsgi]\nproject = x\n\nsocket = /run/%(project).sock\nset-ph = k=v\n")]);
    let directives = read.unwrap();
    let of = |name: &str| directives.iter().find(|one| one.name == name).unwrap();
    assert_eq!(of("socket").origin, Origin::File(folder.path().join("a.ini"), 4));
    assert_eq!(of("socket").value(), Some("/run/x.sock"));
    assert!(of("project").is_placeholder && of("k").is_placeholder && !of("socket").is_placeholder);
}

#[test]
fn switches_are_on_but_for_a_few_words() {
    let (_folder, read) =
        read_files(&[("a.ini", "[uwsgi]\na\nb = true\nc = 0\nd = False\ne = off\nf = No\ng = 2\n")]);
    let on: Vec<String> =
        read.unwrap().into_iter().skip(1).filter(Directive::is_on).map(|one| one.name).collect();
    assert_eq!(on, ["a", "b", "g"]);
}

#[test]
fn files_are_read_where_they_are_named_and_inherited_ones_behind_all() {
    let files = [
        (
            "a.ini",
            "[uwsgi]\ninherit = DIR/c.ini\ninclude = DIR/b.yaml\nini = DIR/a.ini:more\nx = %(y)\n[more]\ny = 1\n",
        ),
        ("b.yaml", "uwsgi:\n  z: %n\n"),
        ("c.ini", "[uwsgi]\nlast = %(y)\n"),
    ];
    let (folder, read) = read_files(&files);
    let show = relative(&show(&read.unwrap()), folder.path());
    let want = "\n;uWSGI instance configuration\n[uwsgi]\nini = a.ini\ninherit = c.ini\ninclude = b.yaml\nz = b\nini = a.ini:more\n\
                y = 1\nx = 1\nlast = %(y)\n;end of configuration\n\n";
    assert_eq!(show, want);
}

#[test]
fn an_option_of_one_s_own_stands_for_others() {
    let (_folder, read) = read_files(&[(
        "a.ini",
        "[uwsgi]\ndeclare-option = site=socket=/run/$1.sock;processes=$2\nsite = x 4\n",
    )]);
    let directives = read.unwrap();
    assert!(!show(&directives).contains("socket = /run"));
    let values: Vec<_> =
        directives.iter().skip(3).map(|one| (one.name.as_str(), one.value().unwrap())).collect();
    assert_eq!(values, [("socket", "/run/x.sock"), ("processes", "4")]);
}

#[test]
fn what_will_not_do_is_told_in_a_line_with_its_place() {
    for (files, want) in [
        (&[("a.ini", "[uwsgi]\nx = 1\nif-env = HOME\ny = 1\n")][..], "a.ini:3: if-env has no endif"),
        (&[("a.ini", "[uwsgi]\nfor = 1 2\n")], "a.ini:2: for has no endfor"),
        (
            &[("a.ini", "[uwsgi]\nif-env = HOME\nif-env = HOME\n")],
            "a.ini:3: if-env stands in if-env (a.ini:2)",
        ),
        (&[("a.ini", "[prod]\n")], "a.ini: it has no section [uwsgi], only [prod]"),
        (&[("a.ini", "[\u{1b}[31m]\n")], "a.ini: it has no section [uwsgi], only [\\u{1b}[31m]"),
        (
            &[("a.ini", "\u{feff}[uwsgi]\nmodule = a\n")],
            "a.ini: it has no section [uwsgi]; it begins with a byte order mark: save it as UTF-8 without one",
        ),
        (&[("a.ini", "[uwsgi]\nini = :prod\n")], "a.ini:2: a.ini: it has no section [prod], only [uwsgi]"),
        (&[("a.ini", "[uwsgi]\n\ninclude = DIR/b.ini\n")], "a.ini:3: cannot read b.ini: No such file"),
        (
            &[("a.ini", "[uwsgi]\ninclude = DIR/b.ini\n"), ("b.ini", "[uwsgi]\n\ninclude = DIR/a.ini\n")],
            "b.ini:3: the file is being read already: a.ini:2 → b.ini:3 → a.ini",
        ),
        (&[("a.ini", "[uwsgi]\nx = y%(x)\n")], "a.ini:2: x: y%(x): it names itself"),
        (&[("a.ini", "[uwsgi]\nx = @(nope)\n")], "a.ini:2: x: cannot read nope"),
        (&[("a.ini", "[uwsgi]\nset = x\n")], "a.ini:2: set = x: write set = name=value"),
        (&[("a.ini", "[uwsgi]\nset-ph = master=1\n")], "a.ini:2: master is an option"),
        (&[("a.ini", "[uwsgi]\nblacklist = a b\nb = 1\n")], "a.ini:3: b may not be set here, by blacklist"),
        (&[("a.ini", "[uwsgi]\nwhitelist = a\nb = 1\n")], "a.ini:3: b may not be set here, by whitelist"),
        (
            &[("a.ini", "[uwsgi]\nfor-times = 99999999\nx = 1\nendfor\n")],
            "a.ini:3: no configuration has more than",
        ),
        (
            &[("a.ini", "[uwsgi]\nfor-readline = nope\nx = 1\nendfor\n")],
            "a.ini:2: for-readline = nope: cannot read nope",
        ),
        (&[("a.ini", "[uwsgi]\ninclude = app.py\n")], "a.ini:2: app.py: it is an application"),
    ] {
        let error = refused(files);
        assert!(error.starts_with(want), "{files:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn the_host_s_name_is_matched() {
    let conditions = "if-hostname-match = .\na = 1\nendif =\nif-not-hostname-match = ^[^a-z]*$\nb = 1\nendif =\n\
                      if-hostname-match = ^$\nc = 1\nendif =\n";
    let shown = shown(&format!("[uwsgi]\n{conditions}"));
    assert!(shown.contains(" a=1 ") && shown.contains(" b=1 ") && !shown.contains(" c=1 "), "{shown}");
    let error = refused(&[("a.ini", "[uwsgi]\nif-hostname-match = (\na = 1\nendif =\n")]);
    assert!(error.contains("a.ini:2: if-hostname-match = (: \"(\" is no regular expression"), "{error}");
}
