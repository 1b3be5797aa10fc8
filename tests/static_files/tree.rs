//! The folder that is served, and a server for it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use socket2::Socket;
use tempfile::TempDir;
use tidegate::{AppError, Body, Environ, Limits, ListenOptions, ProtocolName, StartResponse, StaticFiles};

use crate::support::client::Response;
use crate::support::nginx::head;
use crate::support::server::{Server, threads};

/// When all of the files were changed.
pub(crate) const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const MODIFIED_SECONDS: u64 = 784_111_777;

/// A folder `tree` with files in it, in a folder with a file that must not be seen.
pub(crate) struct Tree {
    pub(crate) all: TempDir,
}

/// What is in the file beside the folder, and in the hidden ones.
pub(crate) const SECRET: &str = "the secret";

impl Tree {
    pub(crate) fn new() -> Tree {
        let tree = Tree { all: tempfile::tempdir().unwrap() };
        for (name, content) in [
            ("a.txt", "0123456789"),
            ("app.css", "body { color: black }\n"),
            ("app.css.gz", "gzip of app.css"),
            ("app.css.br", "br of app.css"),
            ("only.txt", "only gzip"),
            ("only.txt.gz", "gzip of only.txt"),
            ("page.html", "<p>caf\u{e9}</p>"),
            ("no-extension", "what is it?"),
            ("picture.png", "\u{89}PNG"),
            ("empty.txt", ""),
            ("with space.txt", "space"),
            ("caf\u{e9}.txt", "accent"),
            ("100%.txt", "percent"),
            ("docs/index.html", "<p>index</p>"),
            ("docs/deep/er/a.txt", "deep"),
            ("bare/a.txt", "no index here"),
            (".env", SECRET),
            (".git/config", SECRET),
            ("docs/.htaccess", SECRET),
        ] {
            let path = tree.folder().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write(&path, content);
        }
        write(&tree.all.path().join("secret.txt"), SECRET);
        tree
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.all.path().join("tree")
    }

    /// Serves it at /static, before an application whose every answer is a 404.
    pub(crate) fn serve(&self) -> Server {
        self.serve_by(StaticFiles::new())
    }

    pub(crate) fn serve_by(&self, files: StaticFiles) -> Server {
        let files = files.folder("/static", self.folder()).unwrap();
        start(files, not_found)
    }
}

/// The server of the files, before an application.
pub(crate) fn start<A>(files: StaticFiles, application: A) -> Server
where
    A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
{
    let remotes = [(ProtocolName::Http, "127.0.0.1:0"), (ProtocolName::Uwsgi, "FOLDER/uwsgi")];
    let (options, limits) = (ListenOptions::default(), Limits::default());
    Server::beside(Some(files), threads(), &remotes, &options, limits, application)
}

pub(crate) fn not_found(_: Environ, start_response: StartResponse) -> Result<Body, AppError> {
    start_response.start("404 Not Found", [("Content-Type", "text/plain")])?;
    Ok("not found".into())
}

fn write(path: &Path, content: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(MODIFIED_SECONDS)).unwrap();
}

/// Sends a request, of which this is all but the version and the fields of every request.
#[track_caller]
pub(crate) fn send(server: &Server, method_and_uri: &str, fields: &[(&str, &str)]) -> Socket {
    server.tcp().send(head(method_and_uri, fields))
}

/// The same, and reads the response to its end.
#[track_caller]
pub(crate) fn ask(server: &Server, method_and_uri: &str, fields: &[(&str, &str)]) -> Response {
    Response::read(&send(server, method_and_uri, fields))
}
