//! The command of a program with an application of its own: examples/items.rs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::{env, fs};

use nix::sys::signal::Signal;

use crate::process::{Server, end};

#[test]
fn it_serves_its_application_with_workers_and_takes_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = items(&["serve", "--uwsgi", "127.0.0.1:0", "--workers", "2"]);
    command.env("ITEMS", folder.path());
    let server = Server::spawn(command);
    server.line("items request 127.0.0.1:");
    for (name, place) in [("lamp", "/items/1"), ("rug", "/items/2")] {
        let added = server.request(&["/items", "-i", "-d", &format!("{{\"name\": \"{name}\"}}")]);
        assert!(added.text().starts_with("HTTP/1.1 201 ") && added.text().contains(place), "{added:?}");
    }
    assert_eq!(server.request(&["/items/2"]).text(), "{\"name\":\"rug\"}\n");
    let all = "{\"name\":\"lamp\"}\n{\"name\":\"rug\"}\n";
    assert_eq!(server.request(&["/items"]).text(), all);
    for (args, status) in [
        (&["/items", "-d", "no JSON"][..], "400 "),
        (&["/items/3"], "404 "),
        (&["/items/x"], "404 "),
        (&["/other"], "404 "),
        (&["/items", "-X", "DELETE"], "405 "),
    ] {
        let done = server.request(&[args, &["-i"]].concat());
        assert!(done.text().starts_with(&format!("HTTP/1.1 {status}")), "{args:?}: {done:?}");
    }
    // A folder stands where the item should: `?` makes it a 500, and the log says why.
    fs::create_dir(folder.path().join("0000000009.json")).unwrap();
    assert!(server.request(&["/items", "-i"]).text().contains("lamp"));
    server.log("Is a directory");
    fs::remove_dir(folder.path().join("0000000009.json")).unwrap();

    server.signal(Signal::SIGHUP);
    server.log("reload: the new code serves");
    assert_eq!(server.request(&["/items"]).text(), all);
    server.stop();
}

#[test]
fn it_speaks_under_its_own_name_and_knows_no_app() {
    assert_eq!(end(items(&["--version"]), b"").text(), "items 1.2.3\n");
    for args in [
        &["--help"][..],
        &["serve", "--help"],
        &["check", "--help"],
        &["top", "--help"],
        &["request", "--help"],
        &["completions", "--help"],
        &["man", "--help"],
    ] {
        let help = end(items(args), b"");
        assert_eq!(help.code, Some(0), "{help:?}");
        assert!(help.text().contains("items "), "{help:?}");
        for foreign in
            ["tidegate ", "tidegate\n", "tidegate`", "_tidegate", "APP", "ython", "wsgi.py", "demo", "hello"]
        {
            assert!(!help.text().contains(foreign), "{args:?}: {foreign:?} in {}", help.text());
        }
    }
    for (args, what) in [
        (&["serve", "demo"][..], "unexpected argument 'demo' found"),
        (&["check", "--pythonpath", "."], "unexpected argument '--pythonpath' found"),
        (&["serve", "--env=A=b"], "unexpected argument '--env' found"),
        (
            &["serve", "--reload"],
            "--reload watches the modules of a Python application, and there are none here",
        ),
    ] {
        let done = end(items(args), b"");
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.err.contains(what), "{done:?}");
    }
}

#[test]
fn its_settings_are_checked_and_its_load_may_fail() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("items.toml");
    let check = |text: &str, place: &Path| {
        fs::write(&config, text).unwrap();
        let mut command = items(&["check", "--config", config.to_str().unwrap()]);
        command.env("ITEMS", place);
        end(command, b"")
    };
    let done = check("workers = 2\n", &folder.path().join("items"));
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.text().contains("items loads, in "), "{done:?}");
    assert!(done.text().contains("`items serve` would listen on "), "{done:?}");

    let done = check("app = \"demo\"\n", folder.path());
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.err.starts_with("items: ") && done.err.contains("unknown key \"app\""), "{done:?}");

    let done = check("", Path::new("/dev/null/items"));
    assert_eq!(done.code, Some(1), "{done:?}");
    assert_eq!(done.err, "items: /dev/null/items: Not a directory (os error 20)\n");
}

/// The example, with these arguments. `cargo test` builds it beside the tests; `cargo test --test cli` does not.
pub(crate) fn items(args: &[&str]) -> Command {
    static BUILT: Once = Once::new();
    let test = env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    BUILT.call_once(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--example", "items", "--target-dir"]);
        cargo.arg(folder.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(cargo.status().unwrap().success(), "the example cannot be built");
    });
    let program: PathBuf = folder.join("examples/items");
    let mut command = Command::new(program);
    command.args(args).env_remove("RUST_LOG");
    command
}
