//! deploy/logrotate, judged by logrotate itself with a server that writes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::shipped;
use crate::support::client::{Remote, get};
use crate::support::eventually;

#[test]
fn both_logs_go_on_in_new_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (socket, log, access) = (at("uwsgi.sock"), at("server.log"), at("access.log"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["serve", "hello", "--workers", "2", "--uwsgi"]).arg(&socket);
    command.arg("--log-file").arg(&log).arg("--access-log-file").arg(&access);
    let server = Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let remote = Remote::at(&format!("unix:{}", socket.display()));
    eventually("the server listens", || remote.try_connect().is_ok());
    remote.ask(get("/before")).assert_body("Hello, World\n");
    eventually("the line of /before", || read(&access).contains("/before"));
    eventually("the line of the start", || read(&log).contains("serves hello"));

    // systemd's part is a script of this test: it notes what it is asked, and does it to the server above.
    let asked = at("asked");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>{asked}\ncase $1 in\n\
         list-units) echo 'tidegate@shop.service loaded active running Tidegate' ;;\n\
         kill) kill -USR1 {pid} ;;\nesac\n",
        asked = asked.display(),
        pid = server.0.id()
    );
    fs::write(at("systemctl"), script).unwrap();
    fs::set_permissions(at("systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    let shipped = shipped("logrotate");
    let paths = "/var/log/tidegate/*.log /var/log/tidegate-*/*.log {";
    assert!(shipped.contains(paths), "{shipped}");
    let config = at("logrotate");
    fs::write(&config, shipped.replace(paths, &format!("{}/*.log {{", folder.path().display()))).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();

    rotate(folder.path());
    let asked = read(&asked);
    let wanted = "list-units --state=active --plain --no-legend tidegate.service tidegate@*.service\n\
                  kill -s USR1 --kill-whom=main tidegate@shop.service\n";
    assert_eq!(asked, wanted, "once, for both files");
    assert!(
        read(&at("access.log.1")).contains("/before") && read(&at("server.log.1")).contains("serves hello")
    );

    // Until a worker has heard of it, its lines go to the file before: none is lost, and soon they come to the new one.
    let mut sent = 1;
    eventually("a line in the new access log", || {
        remote.ask(get("/after")).assert_body("Hello, World\n");
        sent += 1;
        read(&access).contains("/after")
    });
    let lines = || read(&access).lines().count() + read(&at("access.log.1")).lines().count();
    eventually("a line of each request in one of both files", || lines() == sent);
    kill(Pid::from_raw(server.0.id().cast_signed()), Signal::SIGTERM).unwrap();
    eventually("a line of the stop in the new log", || read(&log).contains("stopping: "));

    // What is compressed is the file before the last, to which nobody writes any more.
    fs::write(&access, "a line\n").unwrap();
    rotate(folder.path());
    assert!(at("access.log.2.gz").exists() && at("access.log.1").exists());
}

/// Has logrotate rotate all of the folder's files now, with the folder's systemctl.
#[track_caller]
fn rotate(folder: &Path) {
    let path = format!("{}:{}:/usr/sbin:/sbin", folder.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("logrotate");
    command.args(["--force", "--verbose", "--state"]).arg(folder.join("state")).arg(folder.join("logrotate"));
    let output =
        command.env("PATH", path).output().expect("logrotate is not installed: tests/setup.sh does it");
    let said = String::from_utf8_lossy(&output.stderr);
    // It takes a line that it does not understand for a warning, and goes on.
    assert!(output.status.success() && !said.contains("error:") && !said.contains("warning:"), "{said}");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A server that is stopped, workers and all, when it is dropped.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}
