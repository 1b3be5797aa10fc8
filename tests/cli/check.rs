//! What `tidegate check` looks at, and what it leaves alone.

use std::net::TcpListener;

use crate::process::{end, run, tidegate};

#[test]
fn what_would_be_served_is_told() {
    let done = run(&["check", "hello"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = done.text().lines().collect();
    assert_eq!(
        lines[..2],
        ["app  hello  command line", "All else is at its default; see `tidegate serve --help`."]
    );
    let (loads, listens) = lines[3].split_once("; ").unwrap();
    assert!(loads.starts_with("hello loads, in 0.0"), "{loads}");
    assert_eq!(
        listens,
        "`tidegate serve` would listen on uwsgi://127.0.0.1:3031, http://127.0.0.1:8080, with one worker."
    );
    for (workers, want) in [("0", "with one process and no master.\n"), ("3", "with 3 workers.\n")] {
        let done = run(&["check", "hello", "--workers", workers]);
        assert!(done.text().ends_with(want), "{}", done.text());
    }
}

#[test]
fn a_user_that_is_unknown_is_a_failure() {
    let done = run(&["check", "hello", "--user", "no-such-user"]);
    assert_eq!(done.code, Some(1));
    assert_eq!(done.err, "tidegate: --user: there is no user \"no-such-user\" on this machine\n");
}

#[test]
fn no_socket_is_opened() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let done = run(&["check", "hello", "--http", &address, "--uwsgi", path.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(!path.exists());
}

#[test]
fn an_application_that_does_not_load_is_a_failure() {
    // Whatever the server would do: it may well be told to answer 500 in its place.
    for need_app in ["true", "false"] {
        let done = run(&["check", "helo", "--need-app", need_app]);
        assert_eq!(done.code, Some(1));
        assert!(done.text().starts_with("app       helo"), "{}", done.text());
        assert!(done.err.starts_with("tidegate: unknown application \"helo\": "), "{}", done.err);
    }
}

#[test]
fn a_folder_that_is_missing_is_a_failure() {
    let done = run(&["check", "hello", "--chdir", "/nowhere"]);
    assert_eq!(done.code, Some(1));
    assert_eq!(done.err, "tidegate: --chdir /nowhere: No such file or directory (os error 2)\n");
}

#[test]
fn static_files_are_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let place = folder.path().to_str().unwrap();
    let done = run(&["check", "hello", "--static", &format!("/static={place}"), "--static", "/=."]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert!(done.text().contains(&format!("static  /static={place}, /=.  command line")), "{}", done.text());
    for (value, code, why) in [
        ("/static=/nowhere", 1, "--static /static=/nowhere: No such file or directory (os error 2)"),
        (&format!("/={place}/file"), 1, "file: it is no folder"),
        ("static=/nowhere", 2, "write PREFIX=DIR, as /static=/srv/app/static"),
    ] {
        for command in ["check", "serve"] {
            let done = run(&[command, "hello", "--static", value]);
            assert_eq!(done.code, Some(code), "{value}");
            assert!(done.err.contains(why), "{}", done.err);
        }
    }
    let config = folder.path().join("x.toml");
    let settings =
        format!("static = {{ \"/static\" = \"{place}\" }}\nstatic-cache-control = \"public, max-age=60\"\n");
    std::fs::write(&config, settings).unwrap();
    let done = run(&["check", "hello", "--config", config.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.text().contains(&format!("/static={place}")), "{}", done.text());
}

#[test]
fn a_file_that_cannot_be_made_is_a_failure_of_both_commands() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("file"), "").unwrap();
    for option in ["--log-file", "--access-log-file", "--pidfile"] {
        for (name, why) in [
            ("none/x", "No such file or directory (os error 2)"),
            ("file/x", "Not a directory (os error 20)"),
        ] {
            let (http, path) = (at("x.sock"), at(name));
            let refusal = |command| {
                let done = run(&[command, "hello", "--http", &http, option, &path]);
                assert_eq!((done.code, done.text()), (Some(1), ""), "{command} {option}: {}", done.err);
                done.err
            };
            let refusals = [refusal("check"), refusal("serve")];
            assert!(refusals[0].ends_with(&format!("{path}: {why}\n")), "{}", refusals[0]);
            assert_eq!(refusals[0], refusals[1], "{option}");
        }
    }
    let (log, pid) = (at("x.log"), at("x.pid"));
    let done = run(&["check", "hello", "--log-file", &log, "--access-log-file", &log, "--pidfile", &pid]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "a file was made");
}

#[test]
fn wrong_arguments_are_those_of_serve() {
    for (args, want) in [
        (&["check"][..], "Give <APP>, or `app` in the file of --config, or TIDEGATE_APP"),
        (&["check", "hello", "--max-body", "1x"], "write a number of bytes"),
        (&["check", "hello", "--access-logs"], "'--access-log'"),
    ] {
        let done = run(args);
        assert_eq!((done.code, done.text()), (Some(2), ""));
        assert!(done.err.contains(want), "{}", done.err);
    }
}

#[test]
fn secrets_are_not_shown() {
    let mut command = tidegate(["check", "hello", "--env", "SECRET_KEY=s3cr3t"]);
    command.env("TIDEGATE_PYTHONPATH", "/srv/a,/srv/b");
    let done = end(command, b"");
    assert!(done.text().contains("SECRET_KEY=…") && !done.text().contains("s3cr3t"), "{}", done.text());
    assert!(done.text().contains("/srv/a, /srv/b"), "{}", done.text());
}

#[test]
fn where_it_could_not_listen_is_a_failure_of_both_commands() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("file"), "").unwrap();
    let (missing, file, under_file) = (at("none/x.sock"), at("file"), at("file/x.sock"));
    let long = at(&"x".repeat(120));
    let cases = [
        ("0.0.0.0:0", "--allow-from"),
        ("192.0.2.1:3031", "--allow-from"),
        (&missing, "No such file or directory"),
        (&file, "what is there is no socket"),
        (&under_file, "Not a directory"),
        (&long, "1 to 107 bytes"),
        ("no-such-host.invalid:80", "the host is not known"),
    ];
    for option in ["--uwsgi", "--http", "--stats"] {
        for (address, why) in cases {
            let checked = run(&["check", "hello", option, address]);
            assert_eq!(checked.code, Some(1), "{option} {address}: {}", checked.text());
            assert!(checked.err.contains(why), "{option} {address}: {}", checked.err);
            let served = run(&["serve", "hello", option, address]);
            assert_eq!((served.code, &served.err), (Some(1), &checked.err), "{option} {address}");
        }
    }
}

#[test]
fn what_it_is_to_warm_up_with_is_asked_for() {
    let done = run(&["check", "demo", "--warm-up", "/hello", "--warm-up", "http://example.com/environ?a"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("--warm-up /hello: answered with 200"), "{}", done.err);
    let done = run(&["check", "demo", "--warm-up", "/no-such-page"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("WARN --warm-up /no-such-page: answered with 404"), "{}", done.err);
    assert_eq!(run(&["check", "demo", "--warm-up", "hello"]).code, Some(2));
}
