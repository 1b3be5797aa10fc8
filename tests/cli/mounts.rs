//! Several applications, each below a prefix of its own.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::process::{Server, end, run, tidegate};
use crate::program::items;

/// The lines of `environ` for these variables, as one.
fn told(server: &Server, args: &[&str]) -> Vec<String> {
    let done = server.request(args);
    let is_told = |line: &&str| line.starts_with("SCRIPT_NAME=") || line.starts_with("PATH_INFO=");
    let mut lines: Vec<_> = done.text().lines().filter(is_told).map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_longest_prefix_has_the_path() {
    let server = Server::start(&[
        "hello",
        "--mount",
        "/env=environ",
        "--mount",
        "/env/deep/=environ",
        "--mount",
        "/echo=echo",
    ]);
    server.line("To try it without nginx");
    for (path, script_name, path_info) in [
        ("/env", "/env", ""),
        ("/env/", "/env", "/"),
        ("/env/a%20b/c?d", "/env", "/a b/c"),
        ("/env/deeper", "/env", "/deeper"),
        ("/env/deep", "/env/deep", ""),
        ("/env/deep/er", "/env/deep", "/er"),
        ("/%65nv/x", "/env", "/x"),
    ] {
        let want = [format!("PATH_INFO={path_info}"), format!("SCRIPT_NAME={script_name}")];
        assert_eq!(told(&server, &[path]), want, "{path}");
    }
    assert_eq!(server.request(&["/echo/x", "-d", "body"]).text(), "body");
    for path in ["/", "/envy", "/x/env", "/Env"] {
        assert_eq!(server.request(&[path]).text(), "Hello, World\n", "{path}");
    }
    server.stop();
}

#[test]
fn without_app_other_paths_are_404() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("x.toml");
    fs::write(&config, "mount = { \"/a\" = \"hello\", \"/b\" = \"environ\" }\nworkers = 2\nthreads = 2\n")
        .unwrap();
    let server = Server::start(&["--config", config.to_str().unwrap()]);
    assert_eq!(server.request(&["/a"]).text(), "Hello, World\n");
    assert_eq!(told(&server, &["/b/c"]), ["PATH_INFO=/c", "SCRIPT_NAME=/b"]);
    let done = server.request(&["/", "-i"]);
    assert!(done.text().starts_with("HTTP/1.1 404 Not Found\r\n"), "{}", done.text());
    assert!(done.text().ends_with("\r\n\r\nNot Found\n"), "{}", done.text());
    server.signal(Signal::SIGHUP);
    server.log("reload: the new code serves");
    assert_eq!(server.request(&["/a"]).text(), "Hello, World\n");
    server.stop();

    let mut bare = tidegate(["serve", "--uwsgi", "127.0.0.1:0"]);
    bare.env("TIDEGATE_MOUNT", "/x=hello,/y=environ");
    let server = Server::spawn(bare);
    assert_eq!(told(&server, &["/y"]), ["PATH_INFO=", "SCRIPT_NAME=/y"]);
    server.stop();
}

#[test]
fn what_is_mounted_is_checked() {
    let done = run(&["check", "hello", "--mount", "/api=environ"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert!(done.text().contains("\nhello, /api=environ load, in 0."), "{}", done.text());
    for (args, code, why) in [
        (
            &["hello", "--mount", "/api=none"][..],
            1,
            "tidegate: --mount /api=none: unknown application \"none\"",
        ),
        (&["none", "--mount", "/api=hello"], 1, "tidegate: unknown application \"none\""),
        (&["--mount", "/a=hello", "--mount", "/a/=echo"], 1, "--mount: one prefix is given two applications"),
        (&["--mount", "/=hello"], 2, "the application at / is APP itself"),
        (&["--mount", "api=hello"], 2, "write PREFIX=APP, as /api=api:app"),
        (&[], 2, "which application?"),
    ] {
        for command in ["check", "serve"] {
            let done = run(&[&[command], args, &["--uwsgi", "127.0.0.1:0"]].concat());
            assert_eq!(done.code, Some(code), "{args:?}: {}", done.err);
            assert!(done.err.contains(why), "{args:?}: {}", done.err);
        }
    }
}

#[test]
fn one_that_does_not_load_leaves_the_others() {
    let server = Server::start(&["hello", "--mount", "/api=none", "--need-app", "false"]);
    server.log("/api=none: every request is answered with 500: unknown application \"none\"");
    assert_eq!(server.request(&["/"]).text(), "Hello, World\n");
    let done = server.request(&["/api/x", "-i"]);
    assert!(done.text().starts_with("HTTP/1.1 500 "), "{}", done.text());
    server.stop();
}

#[test]
fn a_program_has_routes_of_its_own() {
    let mut command: Command = items(&["serve", "--mount", "/x=hello"]);
    command.env("ITEMS", "/nowhere");
    let done = end(command, b"");
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("unexpected argument '--mount' found"), "{}", done.err);
}
