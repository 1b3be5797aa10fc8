//! The numbers 0 to 2, which an application may close: no connection and no file of ours ever gets one.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::process::{Child, Stdio};

use nix::unistd::close;
use tidegate::{Environ, Limits, ListenOptions, StartResponse, Worker};

use crate::support::application::{Answer, PLAIN, echo};
use crate::support::child;
use crate::support::client::{Remote, Response, get, post};
use crate::support::server::listen;

#[test]
fn no_connection_is_stdin_stdout_or_stderr() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    for address in ["127.0.0.1:0", path.to_str().unwrap()] {
        for closed in ["0", "1", "2", "1 2", "0 2", "0 1 2"] {
            // The clients are in another process than the server, whose numbers they would take.
            let (process, remote) = start(address);
            // One is between two pieces of its request while another closes them.
            let whole = post("/", &[b'x'; 1_000]);
            let (first, rest) = whole.split_at(500);
            let begun = remote.send(first);
            remote.ask(get(&format!("/close?{closed}"))).assert_body("closed");
            for size in [0, 1_000, 2 << 20] {
                let body = vec![b'x'; size];
                remote.ask(post("/", &body)).assert_body(&body);
            }
            (&begun).write_all(rest).unwrap();
            Response::read(&begun).assert_body([b'x'; 1_000]);
            for number in closed.split(' ') {
                // The first connections have taken the numbers, and left them to it.
                remote.ask(get(&format!("/look?{number}"))).assert_body("/dev/null");
            }
            remote.ask(get("/file")).assert_body("is above");
            drop(process);
            let _ = fs::remove_file(&path);
        }
    }
}

/// The server as a process of its own, which ends when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn start(address: &str) -> (Process, Remote) {
    let none: [&str; 0] = [];
    let mut command = child::command(&none, "standard::serving_without_standard_descriptors", address);
    let mut process =
        Process(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut output = BufReader::new(process.0.stdout.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "it ended without listening");
        if let Some((_, address)) = line.trim_end().split_once("listening at ") {
            break address.to_owned();
        }
    };
    (process, Remote::at(&address))
}

#[test]
#[ignore = "closes descriptors of its process; started by another test"]
fn serving_without_standard_descriptors() {
    let Some(address) = child::message() else { return };
    let listeners = listen(&address, &ListenOptions::default());
    println!("listening at {}", listeners[0].address());
    Worker::new(listeners, chatty, Limits::default()).unwrap().run().unwrap();
}

/// Prints something with each request. `/close?1 2` closes what it prints to.
fn chatty(environ: Environ, start_response: StartResponse) -> Answer {
    let query = String::from_utf8_lossy(environ.query()).into_owned();
    let answer = match environ.path() {
        b"/close" => {
            query.split(' ').for_each(|number| close(number.parse::<i32>().unwrap()).unwrap());
            "closed".to_owned()
        }
        b"/look" => fs::read_link(format!("/proc/self/fd/{query}"))?.to_string_lossy().into_owned(),
        b"/file" if File::open("/dev/zero")?.as_raw_fd() > 2 => "is above".to_owned(),
        _ => {
            // Whether they are open or not, this goes into no response.
            let _ = io::stdout().write_all(b"to stdout\n");
            let _ = io::stderr().write_all(b"to stderr\n");
            return echo(environ, start_response);
        }
    };
    start_response.start("200 OK", PLAIN)?;
    Ok(answer.into())
}
