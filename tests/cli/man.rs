//! `tidegate man`, judged by man itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::{end, run};
use crate::program::items;

/// The page as man shows it in so many columns; man has nothing to say against it.
#[track_caller]
fn shown(path: &Path, columns: u32) -> String {
    let mut man = Command::new("man");
    man.args(["--warnings", "-l"]).arg(path).env("MANWIDTH", columns.to_string());
    // Else it is another locale's, or has the strokes of a typewriter for bold.
    man.env("LC_ALL", "C.UTF-8").env("MAN_KEEP_FORMATTING", "").env_remove("MANROFFOPT").env_remove("MANOPT");
    assert!(program_is_there("man"), "man is not installed: tests/setup.sh does it");
    let done = end(man, b"");
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{}", path.display());
    done.text().to_owned()
}

fn program_is_there(name: &str) -> bool {
    Command::new(name).arg("--version").output().is_ok()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The long options that a text has.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned).collect()
}

#[test]
fn each_command_has_a_page_with_all_of_its_options() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man1");
    let done = run(&["man", "--dir", pages.to_str().unwrap()]);
    assert_eq!((done.code, done.text(), done.err.as_str()), (Some(0), "", ""));

    let mut names: Vec<String> = Vec::new();
    for line in run(&["--help"]).text().lines().skip_while(|line| *line != "Commands:").skip(1) {
        match line.split_whitespace().next() {
            Some("help") | None => break,
            Some(name) if line.starts_with("  ") && !line.starts_with("   ") => names.push(name.to_owned()),
            Some(_) => {}
        }
    }
    assert!(names.len() >= 8, "{names:?}");
    for name in &names {
        let path = pages.join(format!("tidegate-{name}.1"));
        let page = shown(&path, 80);
        let help = run(&[name, "--help"]);
        let (has, wants) = (options(&page), options(help.text()));
        assert!(has.is_superset(&wants), "{name}: {:?}", wants.difference(&has));
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "SEE ALSO"] {
            assert!(page.contains(&format!("\n{heading}\n")), "{name}: no {heading} in {page}");
        }
        assert!(words(&page).contains(&format!("tidegate-{name} - ")), "{page}");
        // One page is the same as that of all.
        let done = run(&["man", name]);
        assert_eq!(done.out, fs::read(&path).unwrap(), "{name}");
        shown(&path, 132);
    }
    assert_eq!(fs::read_dir(&pages).unwrap().count(), names.len() + 1);

    let first = shown(&pages.join("tidegate.1"), 80);
    for name in &names {
        assert!(words(&first).contains(&format!("tidegate-{name}(1)")), "{first}");
    }
    assert!(first.contains(concat!("tidegate ", env!("CARGO_PKG_VERSION"))), "{first}");
    assert_eq!(run(&["man"]).out, fs::read(pages.join("tidegate.1")).unwrap());
}

#[test]
fn the_page_of_serve_has_what_its_help_says_behind_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let done = run(&["man", "serve", "--dir", folder.path().to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let page = shown(&folder.path().join("tidegate-serve.1"), 100);
    for heading in ["LISTENING", "APPLICATIONS", "SETTINGS", "SIGNALS, TO THE MASTER", "IN NGINX"] {
        assert!(page.contains(&format!("\n{heading}\n")), "{page}");
    }
    let all = words(&page);
    for text in [
        "SIGHUP load the application in new workers, and replace the old ones once those serve",
        "{remote_addr} {method} {uri} {status} {time_us}",
        "location / { include uwsgi_params; uwsgi_pass 127.0.0.1:3031; }",
    ] {
        assert!(all.contains(text), "{text:?} is not in {page}");
    }
}

#[test]
fn a_page_that_is_not_there_and_a_folder_that_cannot_be_made_are_told() {
    let done = run(&["man", "sreve"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.err.starts_with("tidegate: no command is called 'sreve'; there are serve, "), "{done:?}");
    let done = run(&["man", "--dir", "/dev/null/man"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert_eq!(done.err, "tidegate: cannot make /dev/null/man: Not a directory (os error 20)\n");
}

#[test]
fn a_program_of_ones_own_has_pages_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let done = end(items(&["man", "--dir", folder.path().to_str().unwrap()]), b"");
    assert_eq!(done.code, Some(0), "{done:?}");
    for (name, text) in
        [("items.1", "items-serve(1)"), ("items-serve.1", "items serve --config /etc/app.toml")]
    {
        let page = shown(&folder.path().join(name), 80);
        assert!(words(&page).contains(text), "{page}");
        for foreign in ["tidegate ", "tidegate-", "--mount", "--pythonpath", "APP"] {
            assert!(!page.contains(foreign), "{foreign:?} in {page}");
        }
    }
}
