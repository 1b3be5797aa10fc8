//! What systemd is told (Type=notify), on a socket of the test's own, and who the process is once it serves.

use std::fs;
use std::os::unix::net::UnixDatagram;

use nix::sys::signal::Signal;

use crate::master::Master;
use crate::support::{PATIENCE, eventually};

struct Systemd(UnixDatagram);

impl Systemd {
    /// The next message that begins with this.
    #[track_caller]
    fn hears(&self, what: &str) -> String {
        let mut bytes = [0; 4096];
        loop {
            let len = self.0.recv(&mut bytes).unwrap_or_else(|error| panic!("no {what}: {error}"));
            let message = String::from_utf8_lossy(&bytes[..len]).into_owned();
            if message.starts_with(what) {
                return message;
            }
        }
    }
}

#[test]
fn systemd_hears_of_all_that_happens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let systemd = Systemd(UnixDatagram::bind(&path).unwrap());
    systemd.0.set_read_timeout(Some(PATIENCE)).unwrap();
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
    let message = systemd.hears("MAINPID=");
    eventually("the new master's number", || master.pid() != before);
    assert!(message.contains(&format!("MAINPID={}\n", master.pid())), "{message}");
    systemd.hears("WATCHDOG=1");
    master.wait();
    master.signal(Signal::SIGTERM);
    systemd.hears("STOPPING=1");
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
}
