//! The binary as a process that ends with its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything is waited for. Only a failure takes that long, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The binary, with these arguments.
pub(crate) fn tidegate<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// What a command came to that ends by itself.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Done {
    /// Its stdout, which is text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }
}

/// Runs the binary to its end.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Done {
    run_with(args, b"")
}

/// Runs the binary to its end, with `input` on its stdin.
#[track_caller]
pub(crate) fn run_with(args: &[&str], input: &[u8]) -> Done {
    end(tidegate(args), input)
}

/// Runs a command to its end. One that does not end is killed, and fails the test.
#[track_caller]
pub(crate) fn end(command: Command, input: &[u8]) -> Done {
    end_after(command, input, |_| {})
}

/// The same, with what is to be done to the process meanwhile.
#[track_caller]
pub(crate) fn end_after(mut command: Command, input: &[u8], meanwhile: impl FnOnce(i32)) -> Done {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap());
    // Whether all of it is read is the command's affair.
    let _ = child.0.stdin.take().unwrap().write_all(input);
    let (out, err) = (all(child.0.stdout.take().unwrap()), all(child.0.stderr.take().unwrap()));
    meanwhile(i32::try_from(child.0.id()).unwrap());
    let out = out.recv_timeout(PATIENCE).expect("the command does not end");
    let err = String::from_utf8(err.recv_timeout(PATIENCE).expect("the command does not end")).unwrap();
    Done { code: child.0.wait().unwrap().code(), out, err }
}

/// All bytes of `reader`, once it has ended.
fn all(mut reader: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        let _ = sender.send(bytes);
    });
    receiver
}

/// A server that runs until it is told to end.
pub(crate) struct Server {
    child: Killed,
    /// Where it listens: the first address that it printed.
    pub(crate) address: String,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Server {
    /// `tidegate serve` with these arguments; on a free port if they do not say where.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Server {
        let somewhere = ["--uwsgi", "127.0.0.1:0"];
        let address: &[&str] = if args.contains(&"--uwsgi") { &[] } else { &somewhere };
        Server::spawn(tidegate([&["serve"], args, address].concat()))
    }

    /// A server that `command` starts.
    #[track_caller]
    pub(crate) fn spawn(mut command: Command) -> Server {
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = Killed(spawned.unwrap());
        let (out, err) = (lines(child.0.stdout.take().unwrap()), lines(child.0.stderr.take().unwrap()));
        let mut server = Server { child, address: String::new(), out, err };
        let line = server.line("Listening on uwsgi://");
        server.address = line.strip_prefix("Listening on uwsgi://").unwrap().to_owned();
        server
    }

    /// The next line on stdout that holds `text`.
    #[track_caller]
    pub(crate) fn line(&self, text: &str) -> String {
        next(&self.out, text)
    }

    /// The next line on stderr that holds `text`.
    #[track_caller]
    pub(crate) fn log(&self, text: &str) -> String {
        next(&self.err, text)
    }

    /// The rest of stdout and stderr, once the server has ended.
    pub(crate) fn rest(&self) -> (Vec<String>, Vec<String>) {
        (self.out.iter().collect(), self.err.iter().collect())
    }

    /// `tidegate request` to this server.
    #[track_caller]
    pub(crate) fn request(&self, args: &[&str]) -> Done {
        run(&[&["request", self.address.as_str()], args].concat())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.0.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Asks it to end, and sees that it does so well.
    #[track_caller]
    pub(crate) fn stop(mut self) -> (Vec<String>, Vec<String>) {
        self.signal(Signal::SIGTERM);
        assert_eq!(self.wait().code(), Some(0));
        self.rest()
    }
}

/// A child that is killed when it is dropped.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines(reader: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).lines() {
            if sender.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    receiver
}

#[track_caller]
fn next(lines: &Receiver<String>, text: &str) -> String {
    let mut seen = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(text) => return line,
            Ok(line) => seen.push(line),
            Err(error) => panic!("no line with {text:?} ({error}); there were: {seen:#?}"),
        }
    }
}
