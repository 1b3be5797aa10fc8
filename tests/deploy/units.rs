//! systemd's units, judged by systemd's own tools.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::shipped;
use crate::support::client::{Remote, get};
use crate::support::eventually;

const BINARY: &str = env!("CARGO_BIN_EXE_tidegate");

/// The units as they would be installed, but with the binary where it is.
fn installed(of: &str, program: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["tidegate.service", "tidegate.socket"] {
        let unit = shipped(&format!("{of}{name}"));
        fs::write(folder.path().join(name), unit.replace(program, BINARY)).unwrap();
    }
    assert!(fs::read_to_string(folder.path().join("tidegate.service")).unwrap().contains(BINARY));
    folder
}

/// `systemd-analyze` in a folder of units; what it says.
#[track_caller]
fn analyze(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("systemd-analyze");
    // A user's manager wants these two.
    command.args(args).current_dir(folder).env("XDG_RUNTIME_DIR", folder).env("HOME", folder);
    let output = command.output().expect("systemd-analyze is not installed: apt-get install systemd");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    said.into_owned()
}

#[test]
fn the_machines_units_are_right() {
    let folder = installed("", "/usr/bin/tidegate");
    let said = analyze(folder.path(), &["verify", "--man=no", "./tidegate.service", "./tidegate.socket"]);
    // What it does not understand it only ignores, and says so.
    assert_eq!(said, "");
}

#[test]
fn the_users_units_are_right() {
    let folder = installed("user/", "%h/.local/bin/tidegate");
    let units = ["./tidegate.service", "./tidegate.socket"];
    let said = analyze(folder.path(), &[&["--user", "verify", "--man=no"], &units[..]].concat());
    assert_eq!(said, "");
}

/// The units of deploy/ in a folder, as /etc/systemd/system would have them, with the binary where it is.
fn as_installed(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut unit = shipped(name);
        for program in
            ["/usr/bin/tidegate", "/srv/myproject/.venv/bin/tidegate", "/srv/%i/.venv/bin/tidegate"]
        {
            unit = unit.replace(program, BINARY);
        }
        fs::write(path, unit).unwrap();
    }
    folder
}

#[test]
fn a_sites_units_are_right() {
    let folder = as_installed(&["tidegate@.service", "tidegate@.socket"]);
    let units = ["./tidegate@shop.service", "./tidegate@shop.socket"];
    assert_eq!(analyze(folder.path(), &[&["verify", "--man=no"], &units[..]].concat()), "");
    analyze(folder.path(), &["security", "--offline=yes", "--threshold=20", "./tidegate@shop.service"]);
}

#[test]
fn a_site_has_what_the_machines_service_has_under_its_own_name() {
    let lines = |name: &str| -> Vec<String> {
        let unit = shipped(name);
        unit.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    // Nothing of one site's may be another's: in all that has a name, %i is in it.
    for line in lines("tidegate@.service").iter().chain(&lines("tidegate@.socket")) {
        let is_shared = line == "ListenStream=/run/tidegate/%i.sock" || line.starts_with("Documentation=");
        let has_name = line.contains("tidegate") && !is_shared;
        assert!(!has_name || line.contains("%i"), "{line}");
    }
    let settings = |lines: Vec<String>| -> Vec<String> {
        let named = ["Description=", "Requires=tidegate", "After=tidegate", "Exec", "User=", "Also="];
        let kept =
            |line: &String| !named.iter().any(|name| line.starts_with(name)) && !line.contains("Directory=");
        lines.into_iter().filter(kept).collect()
    };
    let of_one = settings(lines("tidegate.service"));
    assert!(of_one.len() > 40, "{of_one:?}");
    assert_eq!(settings(lines("tidegate@.service")), of_one);
}

#[test]
fn a_virtual_environments_binary_takes_the_places_of_the_other() {
    for (unit, config, instance) in [
        ("tidegate", "/etc/tidegate/tidegate.toml", "./tidegate.service"),
        ("tidegate@", "/etc/tidegate/%i.toml", "./tidegate@shop.service"),
    ] {
        let (service, socket) = (format!("{unit}.service"), format!("{unit}.socket"));
        let drop_in = format!("{unit}.service.d/venv.conf");
        let folder = as_installed(&[&service, &socket, &drop_in]);
        // A second ExecStart= beside the unit's own would be told of here.
        assert_eq!(analyze(folder.path(), &["verify", "--man=no", instance]), "");
        // But for the program's path, the drop-in's lines are those of the unit.
        let commands = |text: String| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with("Exec") && !line.ends_with('='));
            lines
                .map(|line| line.replace("/srv/myproject/.venv", "/usr").replace("/srv/%i/.venv", "/usr"))
                .collect()
        };
        let of_unit = commands(shipped(&service));
        assert!(of_unit.len() == 3 && of_unit[0].contains(config), "{of_unit:?}");
        assert_eq!(commands(shipped(&drop_in)), of_unit);
        assert!(shipped(&drop_in).contains(".venv/bin/tidegate serve"));
    }
}

#[test]
fn the_service_is_well_locked_in() {
    let folder = installed("", "/usr/bin/tidegate");
    // In tenths; a service without any hardening has 96.
    analyze(folder.path(), &["security", "--offline=yes", "--threshold=20", "./tidegate.service"]);
}

/// The words of a unit's line `ExecStart=`.
fn exec_start(unit: &str) -> Vec<String> {
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_services_command_takes_the_sockets_socket() {
    for (of, path) in [("", "/etc/tidegate/tidegate.toml"), ("user/", "%E/tidegate/tidegate.toml")] {
        let folder = tempfile::tempdir().unwrap();
        let (socket, config) = (folder.path().join("uwsgi.sock"), folder.path().join("tidegate.toml"));
        // Every setting of the example is commented out, but the application must be named.
        fs::write(&config, shipped("tidegate.toml").replace("#app = \"APP\"", "app = \"hello\"")).unwrap();
        let unit = shipped(&format!("{of}tidegate.socket"));
        let name = unit.lines().find_map(|line| line.strip_prefix("FileDescriptorName=")).unwrap();
        let words = exec_start(&shipped(&format!("{of}tidegate.service")));
        let words = words[1..].iter().map(|word| word.replace(path, config.to_str().unwrap()));
        let mut command = Command::new("systemd-socket-activate");
        command.arg("-l").arg(&socket).arg(format!("--fdname={name}")).arg(BINARY).args(words);
        let child = command.stdout(Stdio::null()).spawn();
        let _child =
            Killed(child.expect("systemd-socket-activate is not installed: apt-get install systemd"));

        let remote = Remote::at(&format!("unix:{}", socket.display()));
        eventually("systemd-socket-activate listens", || remote.try_connect().is_ok());
        remote.ask(get("/")).assert_body("Hello, World\n");
    }
}

/// A child that is killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
