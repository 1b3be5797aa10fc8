//! What can go wrong at the start: one clear line, and exit status 1; or 2 for arguments that mean nothing.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::process::{Server, end, run, tidegate};

#[track_caller]
fn refused(args: &[&str], code: i32, line: &str) {
    let done = run(&[&["serve"], args].concat());
    assert_eq!((done.code, done.text()), (Some(code), ""), "{}", done.err);
    assert!(done.err.contains(line), "{:?} instead of {line:?}", done.err);
    if code == 1 {
        assert!(done.err.starts_with("tidegate: ") && done.err.lines().count() == 1, "{:?}", done.err);
    }
}

#[test]
fn an_application_that_is_not_built_in() {
    let all = "one of hello, environ, echo, stream, demo";
    let python = "; for a Python application: pip install tidegate";
    for name in ["myproject.wsgi", "x:app", "file.py"] {
        refused(&[name], 1, &format!("unknown application \"{name}\": {all}{python}\n"));
    }
    refused(&["helo"], 1, &format!("unknown application \"helo\": {all}; did you mean \"hello\"?{python}\n"));
}

#[test]
fn a_reload_without_modules() {
    let line = "--reload watches the modules of a Python application, and there are none here";
    refused(&["hello", "--reload"], 1, line);
    refused(&["hello", "--reload-include", "*.html"], 1, "--reload-include says what --reload watches too");
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&["hello", "--uwsgi", &address], 1, &format!("{address}: cannot listen: Address already in use"));
}

#[test]
fn a_path_that_is_no_socket_or_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "precious").unwrap();
    refused(&["hello", "--uwsgi", path.to_str().unwrap()], 1, "what is there is no socket, and stays");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let missing = folder.path().join("none/x.sock");
    refused(&["hello", "--uwsgi", missing.to_str().unwrap()], 1, "make its directory first");
    refused(&["hello", "--uwsgi", "/proc/x.sock"], 1, "/proc/x.sock: cannot make the socket: ");
}

#[test]
fn an_address_open_to_others() {
    refused(&["hello", "--uwsgi", "0.0.0.0:0"], 1, "refusing to listen on 0.0.0.0:0: it is not loopback");
    let server = Server::start(&["hello", "--uwsgi", "0.0.0.0:0", "--allow-from", "192.0.2.7,10.0.0.0/8"]);
    let port = server.address.strip_prefix("0.0.0.0:").unwrap();
    server.line(&format!("tidegate request 127.0.0.1:{port} /"));
    assert_eq!(server.request(&["/"]).text(), "Hello, World\n");
    server.stop();
}

#[test]
fn arguments_that_mean_nothing() {
    refused(&[], 2, "<APP>");
    refused(&["hello", "--uwsgi", "nowhere"], 2, "the port is missing");
    refused(&["hello", "--socket-mode", "888"], 2, "permission bits in octal");
    refused(&["hello", "--socket-owner", "no-such-user"], 2, "there is no user");
    refused(&["hello", "--allow-from", "10.0.0.0/99"], 2, "an address (192.0.2.7, ::1) or a network");
    refused(&["hello", "--max-body", "1x"], 2, "write a number of bytes");
    refused(&["hello", "--max-connections", "0"], 2, "0 is not in 1..");
    refused(&["hello", "--head-timeout", "0"], 2, "it must be more than 0");
    refused(&["hello", "--access-logs"], 2, "'--access-log'");
    refused(&["hello", "--timeout", "0"], 2, "it must be more than 0; for none, leave it out");
    refused(&["hello", "--http", "8000"], 2, "the host is missing (127.0.0.1 is this machine alone");
}

#[test]
fn options_of_other_servers_are_answered() {
    for (args, tip) in [
        (&["-b", ":80"][..], "-b is gunicorn's, here: --http, as 127.0.0.1:8000 or a socket's path"),
        (&["-w", "4"], "-w is uWSGI's, here: APP, as module:callable; -w is gunicorn's, here: --workers"),
        (&["-w4"], "-w is gunicorn's, here: --workers"),
        (&["-c", "gunicorn.conf.py"], "-c is gunicorn's, here: --config, in TOML"),
        (&["-k", "gevent"], "-k is gunicorn's, not here: "),
        (&["-p", "x"], "-p is gunicorn's, here: --pidfile"),
        (&["--bind", "x"], "--bind is gunicorn's, here: --http, "),
        (&["--bind=x"], "--bind is gunicorn's, here: --http, "),
        (&["--daemon"], "--daemon is gunicorn's, here: --daemonize, with --log-file"),
        (&["--certfile", "x"], "--certfile is gunicorn's, nginx does it: ssl_certificate, "),
        (&["--interface", "wsgi"], "--interface is granian's, not here: WSGI is the only interface"),
        (
            &["--access-logfile", "-"],
            "--access-logfile is gunicorn's, here: --access-log-file, - is stdout here too",
        ),
        (&["--worker-class", "gevent"], "--worker-class is gunicorn's, not here: "),
        (&["--log-level", "debug"], "--log-level is gunicorn's, here: --verbose, -v or -vv for more"),
        (&["--error-logfile", "x"], "--error-logfile is gunicorn's, here: --log-file, "),
        (
            &["--statsd-host", "x"],
            "--statsd-host is gunicorn's, not here: Prometheus's text at /metrics of --stats",
        ),
        (&["--processes", "4"], "--processes is uWSGI's, here: --workers"),
    ] {
        let done = run(&[&["serve", "hello"], args].concat());
        assert!(done.code == Some(2) && done.err.contains(tip), "{args:?}: {}", done.err);
        assert_eq!(done.err.matches("tip: ").count(), 1, "{}", done.err);
    }
    // Without a command too; but other commands have options of their own.
    let done = run(&["--bind", ":80", "hello"]);
    assert!(done.err.contains("--bind is gunicorn's, here: --http, "), "{}", done.err);
    let done = run(&["top", "--bind", ":80"]);
    assert!(done.code == Some(2) && !done.err.contains("gunicorn"), "{}", done.err);
}

#[test]
fn an_application_in_a_command_s_place_is_served() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.py"), "").unwrap();
    fs::create_dir(folder.path().join("pack")).unwrap();
    fs::write(folder.path().join("pack/__init__.py"), "").unwrap();
    let of = |args: &[&str]| {
        let mut command = tidegate(args);
        command.current_dir(&folder);
        command
    };
    let server = Server::spawn(of(&["hello", "--uwsgi", "127.0.0.1:0"]));
    assert_eq!(server.request(&["/"]).text(), "Hello, World\n");
    server.stop();
    for app in ["mysite.wsgi", "x:app", "./x.py", "mine", "pack"] {
        let done = end(of(&[app]), b"");
        let want = format!("tidegate: unknown application \"{app}\"");
        assert!(done.code == Some(1) && done.err.starts_with(&want), "{}", done.err);
    }
    for (typo, command) in [("serv", "serve"), ("requests", "request"), ("chek", "check")] {
        let done = end(of(&[typo]), b"");
        let want = [
            format!("tip: a similar subcommand exists: '{command}'"),
            format!("tip: to serve an application of this name, use 'tidegate serve {typo}'"),
        ];
        assert!(done.code == Some(2) && want.iter().all(|tip| done.err.contains(tip)), "{}", done.err);
    }
    let done = end(of(&["t.toml"]), b"");
    assert_eq!(
        (done.code, done.err.as_str()),
        (
            Some(1),
            "tidegate: t.toml is a file of settings, and no application: tidegate serve --config t.toml\n"
        )
    );
    fs::write(folder.path().join("uwsgi.ini"), "[uwsgi]").unwrap();
    let done = end(of(&["uwsgi.ini"]), b"");
    assert!(
        done.err.contains("`tidegate check --config uwsgi.ini` says what its lines come to"),
        "{}",
        done.err
    );
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let text = path.to_str().unwrap();
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "std leaves the file behind");
    let server = Server::start(&["hello", "--uwsgi", text]);
    refused(&["hello", "--uwsgi", text], 1, "another server is listening on it");
    assert_eq!(server.request(&["/"]).text(), "Hello, World\n");
    server.stop();
    assert!(!path.exists(), "the socket's file is left behind");
}

/// A shell hands a socket over as systemd does.
fn handed_over(socket: OwnedFd, environment: &str, address: &str) -> Command {
    let script = format!("exec 3<&0 </dev/null; {environment} exec \"$0\" serve hello --uwsgi {address}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).arg(env!("CARGO_BIN_EXE_tidegate")).stdin(Stdio::from(socket));
    shell
}

#[test]
fn a_socket_is_inherited_by_name_and_by_number() {
    for address in ["fd:web", "fd:3"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap().to_string();
        let environment = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web";
        let server = Server::spawn(handed_over(listener.into(), environment, address));
        assert_eq!(server.address, local);
        assert_eq!(server.request(&["/"]).text(), "Hello, World\n");
        server.stop();
    }
}

#[test]
fn a_socket_that_was_not_handed_over() {
    refused(&["hello", "--uwsgi", "fd:3"], 1, "fd:3: no socket was handed over: LISTEN_FDS is not set");
    let script = "exec 3<\"$1\" </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve hello --uwsgi fd:3";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_tidegate"), "/dev/null"]);
    let done = end(shell, b"");
    assert_eq!(done.code, Some(1));
    assert!(done.err.starts_with("tidegate: fd:3: it is no TCP or unix stream socket"), "{}", done.err);
}

#[test]
fn help_tells_all_and_a_typo_is_recognised() {
    for args in [&["--help"][..], &["serve", "--help"], &["request", "--help"], &["decode", "--help"]] {
        let done = run(args);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        assert!(done.text().contains("Examples:") && done.text().contains("Usage:"), "{}", done.text());
    }
    let done = run(&["serve", "--help"]);
    for text in
        ["[default: 1g]", "[default: 127.0.0.1:3031]", "[default: 660]", "Listening:", "Bounds:", "Output:"]
    {
        assert!(done.text().contains(text), "{text}");
    }
    let done = run(&["decod"]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("'decode'"), "{}", done.err);
}
