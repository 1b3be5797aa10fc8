//! What systemd is told (Type=notify), on a socket of the test's own, and as which user the process serves.

use std::fs;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::master::Master;
use crate::support::PATIENCE;

struct Systemd {
    socket: UnixDatagram,
    /// The one process that is believed, as with NotifyAccess=main.
    main: i32,
}

impl Systemd {
    fn at(path: &Path) -> Systemd {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        set_socket_passcred(&socket, true).unwrap();
        Systemd { socket, main: 0 }
    }

    /// The next message that begins with this. No other process than the main one has sent one meanwhile.
    #[track_caller]
    fn hears(&mut self, what: &str) -> String {
        loop {
            let (message, sender) = self.receive().unwrap_or_else(|error| panic!("no {what}: {error}"));
            if self.main == 0 {
                self.main = sender;
            }
            assert_eq!(sender, self.main, "it is not the main process that says {message}");
            let main = message.lines().find_map(|line| line.strip_prefix("MAINPID="));
            if let Some(main) = main {
                self.main = main.parse().unwrap();
            }
            if message.starts_with(what) {
                return message;
            }
        }
    }

    /// A message, and the process that has sent it.
    fn receive(&self) -> io::Result<(String, i32)> {
        let (mut bytes, mut room) =
            ([0; 4096], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))]);
        let mut ancillary = RecvAncillaryBuffer::new(&mut room);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let len = recvmsg(&self.socket, &mut parts, &mut ancillary, RecvFlags::empty())?.bytes;
        let sender = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmCredentials(credentials) => Some(credentials.pid.as_raw_nonzero().get()),
            _ => None,
        });
        Ok((String::from_utf8_lossy(&bytes[..len]).into_owned(), sender.unwrap()))
    }
}

#[test]
fn systemd_hears_of_all_that_happens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let mut systemd = Systemd::at(&path);
    let mut master = Master::spawn(&["--workers", "2"], |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    });
    systemd.hears("READY=1");
    systemd.hears("STATUS=2 workers serve, 0 start, 0 finish what runs");
    systemd.hears("WATCHDOG=1");
    systemd.hears("WATCHDOG=1");
    master.signal(Signal::SIGHUP);
    assert!(systemd.hears("RELOADING=1").contains("\nMONOTONIC_USEC="));
    systemd.hears("READY=1");
    let before = master.pid();
    master.signal(Signal::SIGUSR2);
    systemd.hears("RELOADING=1");
    // While it loads, it is silent; then it is held to the same time again.
    let allowed = systemd.hears("WATCHDOG_USEC=");
    assert_ne!(allowed.trim(), "WATCHDOG_USEC=200000");
    assert_eq!(systemd.hears("WATCHDOG_USEC=").trim(), "WATCHDOG_USEC=200000");
    systemd.hears("READY=1");
    assert_eq!((master.pid(), systemd.main), (before, before));
    systemd.hears("WATCHDOG=1");
    systemd.hears("WATCHDOG=1");
    master.signal(Signal::SIGTERM);
    systemd.hears("STOPPING=1");
    master.wait();
}

#[test]
fn a_service_keeps_its_process_whatever_systemd_follows() {
    let master = Master::spawn(&["--workers", "2"], |command| {
        // As systemd starts a service without Type=notify.
        let mut shell = Command::new("sh");
        shell.args(["-c", "SYSTEMD_EXEC_PID=$$ exec \"$0\" \"$@\""]).arg(command.get_program());
        shell.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
        shell.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET").process_group(0);
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        *command = shell;
    });
    master.replace(Signal::SIGUSR2);
    master.get("/").assert_body("one");
}

#[test]
fn root_binds_and_another_serves() {
    if !nix::unistd::geteuid().is_root() {
        println!("not root: not tested");
        return;
    }
    let master = Master::spawn(&["--workers", "1", "--user", "nobody", "--umask", "027"], |command| {
        let folder = command.get_current_dir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder, open).unwrap();
    });
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    for pid in [vec![master.pid()], master.workers()].concat() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(field("Uid:"), vec![nobody.uid.to_string(); 4]);
        assert_eq!(field("Gid:"), vec![nobody.gid.to_string(); 4]);
        assert!(!field("Groups:").contains(&"0".to_owned()));
        assert_eq!(field("CapEff:"), ["0000000000000000"]);
        assert_eq!(field("Umask:"), ["0027"]);
    }
    let metadata = fs::metadata(master.folder.path().join("x.sock")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&metadata), nobody.uid.as_raw());
    assert_eq!(master.get("/").text(), "one");
    // What is already another user need not, and cannot, become it again.
    master.signal(Signal::SIGHUP);
    master.says("the new code serves");
    master.replace(Signal::SIGUSR2);
    assert_eq!(master.get("/").text(), "one");
}
