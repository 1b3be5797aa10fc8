//! The servers that are compared, and how each is started.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The large answer: 1 GiB, in chunks of 64 KiB.
pub(crate) const LARGE: u64 = 1 << 30;

/// uWSGI's applications. The hello is what its users know: one function, one list of bytes.
const PYTHON_HELLO: &str = "\
def application(environ, start_response):
    body = b'Hello, World\\n'
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
";
const PYTHON_LARGE: &str = "\
CHUNK = b'.' * 65536
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(16384 * 65536))])
    return (CHUNK for _ in range(16384))
";

/// What a server is started for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `/` is Hello, World.
    Hello,
    /// `/hello` is Hello, World, and beside it there are endless streams.
    HelloBesideStreams,
    /// `LARGE_TARGET` is a body of [`LARGE`] bytes.
    Large,
}

impl Role {
    /// The small request.
    pub(crate) fn hello_target(self) -> &'static str {
        if self == Role::HelloBesideStreams { "/hello" } else { "/" }
    }

    /// For the names of sockets.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Hello => "hello",
            Role::HelloBesideStreams => "streams",
            Role::Large => "large",
        }
    }

    /// The query is for tidegate; the others send nothing else anyway.
    pub(crate) const LARGE_TARGET: &str = "/?chunks=16384&size=65536";
}

/// In the order of the table's columns: the floor, the server under test, the others.
pub(crate) enum Contender {
    Floor(PathBuf),
    Tidegate(PathBuf),
    Uwsgi(Option<PathBuf>),
}

impl Contender {
    /// The floor lies beside this program, and uWSGI perhaps in the virtual environment `venv`.
    pub(crate) fn all(tidegate: &Path, venv: &Path) -> io::Result<Vec<Contender>> {
        Ok(vec![
            Contender::Floor(beside("floor")?),
            Contender::Tidegate(tidegate.to_owned()),
            Contender::Uwsgi(find_program("uwsgi", &venv.join("bin"))),
        ])
    }

    /// The column's title.
    pub(crate) fn title(&self) -> String {
        match self {
            Contender::Floor(_) => "floor".into(),
            Contender::Tidegate(_) => "tidegate".into(),
            Contender::Uwsgi(None) => "uWSGI".into(),
            Contender::Uwsgi(Some(path)) => {
                let output = Command::new(path).arg("--version").output();
                let version = output.map(|output| output.stdout).unwrap_or_default();
                let version = String::from_utf8_lossy(&version);
                // A distribution's suffix would only widen the column.
                format!("uWSGI {}", version.split(['-', '\n']).next().unwrap_or_default())
            }
        }
    }

    /// How to start it, listening on `socket`; files it needs go to `folder`. An `Err` is what the
    /// table says instead of a figure.
    pub(crate) fn command(&self, role: Role, socket: &Path, folder: &Path) -> Result<Command, String> {
        match self {
            Contender::Floor(path) => {
                let mut command = Command::new(path);
                command.arg(socket);
                match role {
                    Role::Hello => {}
                    Role::HelloBesideStreams => return Err("one kind of answer".into()),
                    Role::Large => {
                        command.args(["--stream", &LARGE.to_string()]);
                    }
                }
                Ok(command)
            }
            Contender::Tidegate(path) => {
                let application = match role {
                    Role::Hello => "hello",
                    Role::HelloBesideStreams => "demo",
                    Role::Large => "stream",
                };
                let mut command = Command::new(path);
                command.env(ONE_PROCESS.0, ONE_PROCESS.1);
                command.args(["serve", application, "--uwsgi"]).arg(socket);
                Ok(command)
            }
            Contender::Uwsgi(None) => Err("not installed".into()),
            Contender::Uwsgi(Some(path)) => {
                let (file, application) = match role {
                    Role::Hello => ("hello.py", PYTHON_HELLO),
                    Role::HelloBesideStreams => return Err(ONE_AT_A_TIME.into()),
                    Role::Large => ("large.py", PYTHON_LARGE),
                };
                let file = folder.join(file);
                fs::write(&file, application).map_err(|error| error.to_string())?;
                Ok(uwsgi(path, &file, socket))
            }
        }
    }

    /// Whether ten thousand idle connections can be open at once; if not, why not.
    pub(crate) fn holds_idle_connections(&self) -> Result<(), String> {
        match self {
            Contender::Uwsgi(Some(_)) => Err(ONE_AT_A_TIME.into()),
            _ => Ok(()),
        }
    }
}

/// Makes tidegate serve in the one process that is started, as the others do. As a variable, since an earlier tidegate
/// (`--before`) does not know the option, and never served otherwise.
pub(crate) const ONE_PROCESS: (&str, &str) = ("TIDEGATE_WORKERS", "0");

/// A process of uWSGI reads a request only when the one before is answered.
const ONE_AT_A_TIME: &str = "one connection at a time";

/// A program that was built with this one.
pub(crate) fn beside(name: &str) -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name(name))
}

/// On the PATH, else in `folder`.
pub(crate) fn find_program(name: &str, folder: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = env::split_paths(&path).collect();
    places.push(folder.into());
    places.into_iter().map(|place| place.join(name)).find(|file| file.is_file())
}

/// One process, no master, no log line per request: as lean as it goes.
fn uwsgi(path: &Path, application: &Path, socket: &Path) -> Command {
    let mut command = Command::new(path);
    // Distributions ship Python as a plug-in; a uWSGI with Python built in only warns that there is none.
    command.args(["--plugin", "python3", "--processes", "1", "--disable-logging", "--need-app"]);
    command.arg("--uwsgi-socket").arg(socket).arg("--wsgi-file").arg(application);
    command
}
