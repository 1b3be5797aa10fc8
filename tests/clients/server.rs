//! The demo application, served by the real binary over HTTP; and the clients that ask it.

use std::process::Command;

use crate::process::{self, Server};

/// A server of the demo application.
pub(crate) struct Demo {
    server: Server,
    /// `http://127.0.0.1:PORT`.
    base: String,
}

impl Demo {
    /// Starts one on free ports.
    #[track_caller]
    pub(crate) fn start() -> Demo {
        let server = Server::start(&["demo", "--uwsgi", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        let line = server.line("Listening on http://");
        let base = line.strip_prefix("Listening on ").unwrap().strip_suffix('/').unwrap().to_owned();
        Demo { server, base }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Ends it, and sees that it ends well. Returns what it had to warn of: nothing, with clients that behave.
    #[track_caller]
    pub(crate) fn stop(self) -> Vec<String> {
        let (_, mut log) = self.server.stop();
        log.retain(|line| !line.contains(" INFO "));
        log
    }
}

/// What a command printed, which ends by itself, and well.
#[track_caller]
pub(crate) fn output(command: Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = process::end(command, b"");
    let out = String::from_utf8(done.out).unwrap();
    assert!(done.code == Some(0), "{name} ends with {:?}:\n{out}\n{}", done.code, done.err);
    out
}
