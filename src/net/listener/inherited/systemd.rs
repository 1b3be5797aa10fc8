//! What systemd's variables tell of: sd_listen_fds(3).

use std::env;

use listenfd::ListenFd;

use super::{Inherited, Slot, State};

impl Inherited {
    /// Takes what LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES tell of.
    ///
    /// Once in a process, and before its second thread starts: `listenfd` takes LISTEN_FDS and LISTEN_PID out
    /// of the environment, so that children do not believe them. Every stream socket becomes close-on-exec,
    /// also one for which no listener asks; that one is closed with the rest of this.
    pub fn from_environment() -> Self {
        let read = |name: &str| env::var(name).unwrap_or_default();
        if read("LISTEN_FDS").is_empty() {
            return Inherited::none();
        }
        // Without this check `listenfd` would also believe variables that name no process.
        let (meant, own) = (read("LISTEN_PID"), std::process::id());
        if meant.parse() != Ok(own) {
            let none =
                format!("LISTEN_FDS is there, but for process {meant:?} (LISTEN_PID), and this one is {own}");
            return Inherited { none, ..Inherited::none() };
        }
        let names = read("LISTEN_FDNAMES");
        let mut names = names.split(':');
        let mut found = ListenFd::from_env();
        let slots = (0..found.len())
            .map(|at| Slot {
                name: names.next().unwrap_or_default().to_owned(),
                socket: State::find(&mut found, at),
            })
            .collect();
        Inherited { slots, ..Inherited::none() }
    }
}

impl State {
    /// The descriptor at `at`. `listenfd` asks whether it streams; its "TCP" is IPv6 too.
    fn find(found: &mut ListenFd, at: usize) -> Self {
        if let Ok(Some(listener)) = found.take_unix_listener(at) {
            State::of(listener.into())
        } else if let Ok(Some(listener)) = found.take_tcp_listener(at) {
            State::of(listener.into())
        } else {
            State::Unfit("it is no TCP or unix stream socket; set ListenStream= in the unit")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::process::{Command, Stdio};

    use super::super::tests::{refusal, take};
    use super::*;

    /// The test program starts itself again as systemd would, by way of a shell that moves the sockets to 3 and
    /// 4 and knows the process's number.
    fn start_with(variables: &str) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let tcp: OwnedFd = std::net::TcpListener::bind("127.0.0.1:0").unwrap().into();
        let unix: OwnedFd = std::os::unix::net::UnixListener::bind(folder.path().join("x")).unwrap().into();
        let script = format!(
            "exec 3<&0 4>&1 5</dev/null >&2; {variables} exec \"$0\" --ignored --exact {}::handed_over_by_a_shell",
            module_path!().split_once("::").unwrap().1
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(std::env::current_exe().unwrap());
        let output = shell.stdin(Stdio::from(tcp)).stdout(Stdio::from(unix)).output().unwrap();
        print!("{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stderr).contains("running 1 test"));
        output.status.success()
    }

    #[test]
    fn the_environment_tells_of_them() {
        assert!(start_with("LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=web:web:null"));
        assert!(!start_with("LISTEN_PID=1 LISTEN_FDS=3 LISTEN_FDNAMES=web:web:null"));
        assert!(!start_with("LISTEN_FDS=3 LISTEN_FDNAMES=web:web:null"));
        assert!(!start_with("LISTEN_PID=$$"));
        assert!(refusal(&mut Inherited::none(), "fd:3").contains("LISTEN_FDS is not set"));
    }

    #[test]
    #[ignore = "started by the_environment_tells_of_them, with sockets"]
    fn handed_over_by_a_shell() {
        let mut all = Inherited::from_environment();
        assert!(refusal(&mut all, "fd:null").contains("no TCP or unix stream socket"));
        let listeners = take(&mut all, "fd:web", &[]).unwrap();
        assert!(listeners[0].address().starts_with("127.0.0.1:"));
        assert!(listeners[1].address().starts_with("unix:/"));
        assert_eq!(Inherited::from_environment().slots.len(), 0);
    }
}
