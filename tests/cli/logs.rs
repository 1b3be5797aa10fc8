//! The log's form, and what nginx is to be told.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::process::{Killed, PATIENCE, Server, run, tidegate};

#[test]
fn a_line_says_which_worker_says_it() {
    let server = Server::start(&["hello", "--workers", "2"]);
    server.log(&format!(" INFO serves hello on uwsgi://{}, with 2 workers", server.address));
    server.request(&["/", "--var", "CONTENT_LENGTH=x"]);
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
    server.request(&["/", "--var", "CONTENT_LENGTH=x"]);
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

/// A command whose stdout is a terminal.
struct OnTerminal {
    child: Killed,
    read: Receiver<Vec<u8>>,
    seen: String,
}

impl OnTerminal {
    fn start(args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options()
            .read(true)
            .write(true)
            .custom_flags(nix::fcntl::OFlag::O_NOCTTY.bits())
            .open(name)
            .unwrap();
        let mut command = tidegate(args);
        let child = command.stdout(Stdio::from(terminal)).stderr(Stdio::null()).spawn().unwrap();
        let (sender, read) = channel();
        let mut reader = File::from(master);
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // It ends with the last process that has the terminal open.
            while let Ok(read @ 1..) = reader.read(&mut piece) {
                let _ = sender.send(piece[..read].to_vec());
            }
        });
        OnTerminal { child: Killed(child), read, seen: String::new() }
    }

    /// Waits until it shows this; returns all that it has shown.
    #[track_caller]
    fn shows(&mut self, text: &str) -> &str {
        while !self.seen.contains(text) {
            let piece = self.read.recv_timeout(PATIENCE);
            let piece = piece.unwrap_or_else(|_| panic!("no {text:?} in {}", self.seen));
            self.seen.push_str(std::str::from_utf8(&piece).unwrap());
        }
        &self.seen
    }

    /// Asks its first listener for a path.
    #[track_caller]
    fn request(&mut self, path: &str) -> String {
        let (_, address) = self.shows("To try it without nginx").split_once("Listening on uwsgi://").unwrap();
        let address = address.split_once('\r').unwrap().0.to_owned();
        run(&["request", &address, path]).text().to_owned()
    }
}

#[test]
fn nginxs_configuration_is_printed_on_a_terminal() {
    let mut server = OnTerminal::start(&["serve", "hello", "--uwsgi", "127.0.0.1:0", "-q"]);
    let seen = server.shows("To try it without nginx");
    for line in ["    server {\r\n", "        location / {\r\n", "            uwsgi_pass 127.0.0.1:"] {
        assert!(seen.contains(line), "{line:?} is not in {seen}");
    }
}

#[test]
fn on_a_terminal_a_click_in_the_demo_is_a_line() {
    for workers in ["0", "4"] {
        let mut server =
            OnTerminal::start(&["serve", "demo", "--uwsgi", "127.0.0.1:0", "--workers", workers]);
        assert_eq!(server.request("/hello"), "Hello, World\n");
        server.shows(" GET /hello 200 78 ");
        assert!(server.request("/flow?hello").contains("finished        200, 78 bytes in 1 write"));
        server.shows(" GET /flow?hello 200 ");
    }
    // Elsewhere, and for another application, that is for --access-log to say.
    let mut server = OnTerminal::start(&["serve", "hello", "--uwsgi", "127.0.0.1:0", "--workers", "0"]);
    server.request("/quiet");
    drop(server.child);
    let seen: Vec<u8> = server.read.iter().flatten().collect();
    assert!(!String::from_utf8_lossy(&seen).contains("/quiet"), "{}", seen.escape_ascii());
    let piped = Server::start(&["demo"]);
    piped.request(&["/quiet"]);
    piped.request(&["/flow?hello"]);
    let (out, err) = piped.stop();
    // The worker that served what was watched comes and goes without a word.
    assert_eq!(err.iter().filter(|line| line.contains("stopping: ")).count(), 1, "{err:#?}");
    assert!(!out.concat().contains("/quiet"), "{out:?}");
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
