//! The log's form, and what nginx is to be told.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::process::{Killed, Server, run, tidegate};

#[test]
fn a_line_says_which_worker_says_it() {
    let server = Server::start(&["hello", "--workers", "2"]);
    server.log(&format!(" INFO serves hello on uwsgi://{}, with 2 workers", server.address));
    server.request(&["/", "--var", "REQUEST_METHOD="]);
    let line = server.log("refused with 400");
    let pid = line.split("(pid ").nth(1).unwrap().split(')').next().unwrap();
    let worker = if line.contains(" WARN worker 1 (pid ") { 1 } else { 2 };
    assert!(line.contains(&format!(" WARN worker {worker} (pid {pid}): 127.0.0.1:")), "{line}");
    // The master's have none; workers that have nothing to finish say nothing.
    let (_, err) = server.stop();
    let stops: Vec<&String> = err.iter().filter(|line| line.contains("stopping: ")).collect();
    assert!(stops.len() == 1 && stops[0].ends_with(" INFO stopping: 2 workers finish what runs"), "{err:#?}");
}

#[test]
fn in_json_each_record_is_an_object() {
    let server = Server::start(&["hello", "--log-format", "json"]);
    let start = server.log("serves hello on uwsgi://");
    server.request(&["/", "--var", "REQUEST_METHOD="]);
    let refusal = server.log("refused with 400");
    let (_, rest) = server.stop();
    let err = [vec![start, refusal], rest].concat();
    let records: Vec<Value> = err.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.len() >= 3, "{err:#?}");
    let said_by = |at: usize| (records[at]["level"].as_str().unwrap(), records[at]["worker"].as_u64());
    assert_eq!((said_by(0), said_by(1)), (("INFO", None), ("WARN", Some(1))));
    for (record, line) in records.iter().zip(&err) {
        assert!(
            record["time"].as_str().unwrap().ends_with('Z') && record["pid"].as_u64().unwrap() > 0,
            "{line}"
        );
        for name in ["level", "target", "message"] {
            assert!(record[name].is_string(), "{name} of {line}");
        }
        assert!(!line.contains(char::is_control), "{line:?}");
        // What is told of workers is the master's.
        let is_masters = record["target"].as_str().unwrap().starts_with("tidegate::master");
        assert!(!is_masters || record["worker"].is_null(), "{line}");
    }
}

#[test]
fn nginxs_configuration_is_printed_on_a_terminal() {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let mut command = tidegate(["serve", "hello", "--uwsgi", "127.0.0.1:0", "-q"]);
    let mut child = Killed(command.stdout(Stdio::from(terminal)).stderr(Stdio::null()).spawn().unwrap());
    drop(command);
    let (mut seen, mut piece) = (String::new(), [0; 4096]);
    let mut reader = File::from(master);
    while !seen.contains("To try it without nginx") {
        let read = reader.read(&mut piece).unwrap();
        assert!(read > 0, "{seen}");
        seen.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    let _ = child.0.kill();
    for line in ["    server {\r\n", "        location / {\r\n", "            uwsgi_pass 127.0.0.1:"] {
        assert!(seen.contains(line), "{line:?} is not in {seen}");
    }
}

#[test]
fn nginxs_configuration_is_told_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("t.toml");
    let uwsgi = "server {\n    listen 80;\n    server_name localhost;\n\n    location / {\n        \
                 include uwsgi_params;\n        uwsgi_pass unix:/run/app.sock;\n    }\n}\n";
    std::fs::write(&config, "app = 'no.such'\nworkers = 4\nuwsgi = ['/run/app.sock']\n").unwrap();
    let config = Path::new(&config).to_str().unwrap();
    for args in [&["nginx", "--uwsgi", "/run/app.sock"][..], &["nginx", "--config", config]] {
        let done = run(args);
        assert!(done.text().ends_with(uwsgi), "{done:?}");
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    }
    let done =
        run(&["nginx", "no.such", "--http", "0.0.0.0:8000", "--fastcgi", "fd:3", "--scgi", "127.0.0.1:4000"]);
    for text in [
        "        proxy_pass http://127.0.0.1:8000;\n",
        "\n# To scgi://127.0.0.1:4000, in the location:\n#     include scgi_params;\n#     scgi_pass 127.0.0.1:4000;\n",
        "\n# Not for nginx: fastcgi://fd:3: the address stands in the .socket unit (ListenStream=)\n",
    ] {
        assert!(done.text().contains(text), "{text:?} is not in {}", done.text());
    }
    let done = run(&["nginx", "--http", "127.0.0.1:0"]);
    assert_eq!((done.code, done.text()), (Some(1), ""));
    assert!(done.err.contains("http://127.0.0.1:0: the port is any free one"), "{}", done.err);
}
