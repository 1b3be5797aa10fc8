//! `tidegate top`, in a terminal and without.

use std::process::{Command, Output};

use crate::programs::script;
use crate::reader::Told;
use crate::support::client::get;

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate");

pub(crate) fn top(args: &[&str]) -> Output {
    Command::new(TIDEGATE).arg("top").args(args).output().unwrap()
}

#[test]
fn without_a_terminal_it_is_one_table() {
    for address in ["127.0.0.1:0", "FOLDER/stats"] {
        let told = Told::at(address, &["--workers", "2"]);
        told.master.get("/");
        told.eventually("it is counted", |json| {
            crate::reader::number(json, "tidegate.totals.requests") == 1.0
        });
        for args in [&[&*told.remote.name][..], &["--once", &told.remote.name]] {
            let output = top(args);
            assert!(output.status.success(), "{output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines[0].contains("workers 2 of 2") && lines[1].starts_with("requests 1 "), "{text}");
            assert!(lines[2].starts_with("uwsgi unix:") && lines[2].contains("backlog 0 of "), "{text}");
            let columns: Vec<&str> = lines[4].split_whitespace().collect();
            assert_eq!(columns[..5], ["WORKER", "PID", "STATUS", "REQ/S", "BUSY"], "{text}");
            for (line, pid) in lines[5..].iter().zip(told.master.workers()) {
                assert!(line.contains(&format!(" {pid} idle ")), "{text}");
            }
            assert_eq!(lines.len(), 7, "{text}");
        }
    }
}

#[test]
fn a_target_from_a_client_steers_no_terminal() {
    let told = Told::start(&["--workers", "1"]);
    // The path decides that it never returns; the bytes behind it are the client's.
    let _client = told.master.remote.send(get("/loop?\u{1b}[2J\u{202e}"));
    told.eventually("it is stuck", |json| crate::reader::number(json, "workers.0.cores.0.in_request") == 1.0);
    let output = top(&[&told.remote.name]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("GET /loop"), "{text}");
    assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{text:?}");
}

#[test]
fn in_a_terminal_it_lives_until_a_key_or_a_signal() {
    let told = Told::start(&["--workers", "2"]);
    let pid = told.master.workers()[1].to_string();
    for (key, status) in [("q", "exit status 0"), ("^C", "exit status 0"), ("TERM", "exit status 0")] {
        let args = [
            "24x120",
            key,
            "workers 2 of 2",
            "WORKER",
            "idle",
            &pid,
            "--",
            TIDEGATE,
            "top",
            &told.remote.name,
        ];
        assert_eq!(script("terminal.py", &args), format!("{status}, the terminal is as before\n"), "{key}");
    }
}

#[test]
fn another_size_is_another_picture() {
    let told = Told::start(&["--workers", "2"]);
    // Cut at the first width, whole at the second.
    let args =
        ["24x20", "24x120", "Tidegate", "RESIZE", "RESPAWNS", "--", TIDEGATE, "top", &told.remote.name];
    assert_eq!(script("terminal.py", &args), "exit status 0, the terminal is as before\n");
}

#[test]
fn where_nobody_tells_it_is_one_line() {
    let told = Told::start(&[]);
    for (address, why) in [
        (told.master.folder.path().join("none").to_str().unwrap(), "cannot connect"),
        (&*told.master.remote.name, "not what Tidegate tells"),
        ("fd:3", "is for a server to listen on"),
    ] {
        let output = top(&[address]);
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), line.lines().count()), (Some(1), 1), "{line}");
        assert!(line.starts_with("tidegate: ") && line.contains(why), "{line}");
    }
}
