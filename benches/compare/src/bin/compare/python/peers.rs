//! The servers of Python applications, and how each is started: one worker, one thread or as many as the application has, no log of
//! requests.

use std::path::Path;
use std::process::Command;

use tidegate_compare::address::Address;
use tidegate_compare::protocol::Protocol;

use super::applications::{Application, FOLDER};

/// A server.
pub(super) struct Peer {
    /// In the table.
    pub(super) title: &'static str,
    /// What pip calls it.
    pub(super) package: &'static str,
    /// Its command in the virtual environment.
    program: &'static str,
    pub(super) protocol: Protocol,
    /// The command's arguments between blanks, but for the application and the socket.
    arguments: &'static str,
    /// The same for so many threads, in front of their number.
    threads: &'static str,
    /// Sets where it listens, where it looks for modules, and what it serves, in its own words.
    place: fn(&mut Command, &Path, &str, &Address),
}

/// The server under test.
pub(super) const TIDEGATE: Peer = Peer {
    title: "tidegate",
    package: "tidegate",
    program: "tidegate",
    protocol: Protocol::Uwsgi,
    arguments: "serve --workers 0",
    threads: "--threads",
    place: |command, _, module, address| {
        command.args(["--chdir", FOLDER, "--uwsgi", &address.to_string(), &callable(module)]);
    },
};

/// The one that the aims compare it with.
pub(super) const BASE: Peer = Peer {
    title: "uWSGI",
    package: "uWSGI",
    program: "uwsgi",
    protocol: Protocol::Uwsgi,
    arguments: "--processes 1 --single-interpreter --need-app --disable-logging",
    threads: "--threads",
    place: |command, venv, module, address| {
        command.arg("--virtualenv").arg(venv);
        command.args(["--chdir", FOLDER, "--uwsgi-socket", &address.to_string()]);
        command.args(["--module", &callable(module)]);
    },
};

const GUNICORN: Peer = Peer {
    title: "gunicorn",
    package: "gunicorn",
    program: "gunicorn",
    protocol: Protocol::Uwsgi,
    arguments: "--protocol uwsgi --workers 1 --worker-class sync --no-control-socket",
    threads: "--worker-class gthread --threads",
    place: |command, _, module, address| {
        command.args(["--chdir", FOLDER, "--bind", &format!("unix:{address}"), &callable(module)]);
    },
};

/// In the order of the uploads' table.
pub(super) const OVER_UWSGI: [Peer; 3] = [TIDEGATE, BASE, GUNICORN];

/// In the table's order: over uwsgi, then over HTTP.
pub(super) const ALL: [Peer; 5] = [
    TIDEGATE,
    BASE,
    GUNICORN,
    Peer {
        title: "tidegate, HTTP",
        protocol: Protocol::Http,
        place: |command, _, module, address| {
            command.args(["--chdir", FOLDER, "--http", &address.to_string(), &callable(module)]);
        },
        ..TIDEGATE
    },
    Peer {
        title: "granian, HTTP",
        package: "granian",
        program: "granian",
        protocol: Protocol::Http,
        arguments: "--interface wsgi --http 1 --no-ws --workers 1 --runtime-threads 1 --blocking-threads 1",
        threads: "--blocking-threads",
        place: |command, _, module, address| {
            command.args(["--working-dir", FOLDER, "--uds", &address.to_string(), &callable(module)]);
        },
    },
];

fn callable(module: &str) -> String {
    format!("{module}:application")
}

impl Peer {
    pub(super) fn is_ours(&self) -> bool {
        self.package == TIDEGATE.package
    }

    /// How to start it, listening at `address`.
    pub(super) fn command(&self, venv: &Path, application: &Application, address: &Address) -> Command {
        let mut command = Command::new(venv.join("bin").join(self.program));
        command.args(self.arguments.split(' '));
        if let Some(threads) = application.threads {
            command.args(self.threads.split(' ')).arg(threads.to_string());
        }
        (self.place)(&mut command, venv, application.module, address);
        command
    }
}
