//! The command as a process with children, all of which end with the test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::thread;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;
use tidegate::ProtocolName;

use crate::support::client::{Remote, Response, get};
use crate::support::eventually;
use crate::support::server::threads;

/// A running master.
pub(crate) struct Master {
    child: Child,
    pub(crate) remote: Remote,
    pub(crate) folder: TempDir,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Master {
    /// `faulty serve VERSION` with these arguments, on a unix socket; FOLDER stands for one that goes with the test.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Master {
        Master::spawn(args, |_| {})
    }

    /// The same, where `prepare` may add to the command.
    #[track_caller]
    pub(crate) fn spawn(args: &[&str], prepare: impl FnOnce(&mut Command)) -> Master {
        let of_this_run = threads().filter(|_| !args.contains(&"--threads"));
        match of_this_run.map(|count| count.to_string()) {
            Some(count) => Master::on_loop(&[args, &["--threads", &count]].concat(), prepare),
            None => Master::on_loop(args, prepare),
        }
    }

    /// The same with these arguments alone: so the application runs on the loop's thread in each run of the tests.
    #[track_caller]
    pub(crate) fn on_loop(args: &[&str], prepare: impl FnOnce(&mut Command)) -> Master {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap().to_owned();
        fs::write(folder.path().join("version"), "one").unwrap();
        let socket = folder.path().join("x.sock");
        let mut command = Command::new(program());
        command.arg("serve").arg(folder.path().join("version"));
        command.args(
            ["--pidfile", "FOLDER/pid", "-v"].iter().chain(args).map(|arg| arg.replace("FOLDER", &place)),
        );
        command.arg("--uwsgi").arg(&socket).current_dir(folder.path());
        command.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
        // All that is forked or started from here on can be ended by one number.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let lines = Arc::default();
        gather(child.stdout.take().unwrap(), &lines);
        gather(child.stderr.take().unwrap(), &lines);
        let remote = Remote::at(&format!("unix:{}", socket.display()));
        let master = Master { child, remote, folder, lines };
        master.says("To try it without nginx");
        master
    }

    /// Where it listens for `protocol` over TCP, on a port of the kernel's choice.
    #[track_caller]
    pub(crate) fn tcp(&self, protocol: ProtocolName) -> Remote {
        let line = self.says(&format!("Listening on {protocol}://127.0.0.1:"));
        Remote::at(line.split("://").nth(1).unwrap().trim_end_matches('/'))
    }

    /// The master's number, which stays.
    pub(crate) fn pid(&self) -> i32 {
        let text = fs::read_to_string(self.folder.path().join("pid"));
        text.unwrap_or_default().trim().parse().unwrap_or_default()
    }

    /// The numbers of its children.
    pub(crate) fn workers(&self) -> Vec<i32> {
        children(self.pid())
    }

    /// Those of its children that sleep in a call of the application, or while they load it.
    pub(crate) fn asleep(&self) -> Vec<i32> {
        let note = |pid: &i32| self.folder.path().join(format!("version-asleep-{pid}"));
        self.workers().into_iter().filter(|pid| note(pid).exists()).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.pid();
        // That would be all processes of the test's own group.
        assert_ne!(pid, 0, "there is no master");
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Has a new master take its place by this signal, and waits until the workers of that one serve.
    #[track_caller]
    pub(crate) fn replace(&self, signal: Signal) {
        let (pid, before) = (self.pid(), self.count(SERVES));
        let became = self.count(BECOMES);
        self.signal(signal);
        eventually("a new master", || self.count(BECOMES) > became);
        eventually("its workers", || self.count(SERVES) > before);
        assert_eq!(self.pid(), pid);
    }

    /// What the next workers load.
    pub(crate) fn write_version(&self, text: &str) {
        // A worker that reads it meanwhile finds the one or the other.
        let new = self.folder.path().join("version.new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.folder.path().join("version")).unwrap();
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Response {
        self.remote.ask(get(path))
    }

    /// Waits until a line has `text` in it, and returns the last such line.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> String {
        eventually(&format!("a line with {text:?}"), || self.count(text) > 0);
        self.lines().into_iter().rfind(|line| line.contains(text)).unwrap()
    }

    /// How many lines have `text` in them.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(text)).count()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits until the process that was started has ended by itself.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the master's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Waits until it has so many children, and returns them.
    #[track_caller]
    pub(crate) fn eventually_has(&self, count: usize) -> Vec<i32> {
        eventually(&format!("{count} workers"), || self.workers().len() == count);
        self.workers()
    }

    /// Whether any process is left of all that were started.
    pub(crate) fn is_anyone_left(&self) -> bool {
        killpg(self.group(), None).is_ok()
    }

    fn group(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let _ = killpg(self.group(), Signal::SIGKILL);
        let _ = self.child.wait();
        if thread::panicking() {
            println!("what the master and its workers said:");
            self.lines().iter().for_each(|line| println!("  {line}"));
        }
    }
}

/// What a master says as it becomes a new one, and when that one's workers serve.
pub(crate) const BECOMES: &str = "this process becomes the new master";
pub(crate) const SERVES: &str = "the new code serves";

/// The children of a process, whichever of its threads has forked them.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let texts = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    texts
        .flat_map(|text| text.split_whitespace().map(|number| number.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

/// The state of a process and whose child it is, if it is there.
pub(crate) fn stat(pid: i32) -> Option<(String, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may have spaces and parentheses of its own.
    let mut fields = text.rsplit(") ").next()?.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// The example that goes wrong when asked to. `cargo test` builds it beside the tests; `cargo test --test workers` does not.
pub(crate) fn program() -> PathBuf {
    static BUILT: Once = Once::new();
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    BUILT.call_once(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--workspace", "--example", "faulty", "--target-dir"]);
        cargo.arg(folder.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(cargo.status().unwrap().success(), "the example cannot be built");
    });
    folder.join("examples/faulty")
}

/// Has the command run by this one, which is given it as its last arguments.
pub(crate) fn wrap(command: &mut Command, wrapper: &[&str]) {
    let mut wrapped = Command::new(wrapper[0]);
    wrapped.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args());
    wrapped.current_dir(command.get_current_dir().unwrap()).process_group(0);
    wrapped.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    *command = wrapped;
}

fn gather(reader: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        for line in BufReader::new(reader).lines() {
            lines.lock().unwrap().push(line.unwrap());
        }
    });
}
