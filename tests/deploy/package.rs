//! Debian's package, judged by Debian's tools: what is in it, and that it comes and goes. It is made of the command that the
//! tests have; `make systemd` has that of a release under a systemd.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::rotation::Server;
use crate::support::client::{Remote, get};
use crate::support::eventually;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate");

/// The package.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| built(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian")))
}

/// A package that is made in this folder. Only one can be made at a time.
#[track_caller]
fn built(folder: &Path) -> PathBuf {
    let mut command = Command::new(Path::new(ROOT).join("deploy/debian/build.sh"));
    let printed = ran(command.arg("dev").arg(folder).env("CARGO", env!("CARGO")));
    PathBuf::from(printed.trim())
}

/// Runs a command to its good end; returns its stdout.
#[track_caller]
fn ran(command: &mut Command) -> String {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn output(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{command:?}: {error}; tests/setup.sh installs what is needed"))
}

/// The files of the package with their modes, as `-rwxr-xr-x`.
fn content() -> BTreeMap<String, String> {
    let listed = ran(Command::new("dpkg-deb").arg("--contents").arg(package()));
    let mut content = BTreeMap::new();
    for line in listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[1], "0/0", "root's: {line}");
        assert!(!words[0][4..].contains('w'), "nobody else may write to it: {line}");
        if !words[5].ends_with('/') {
            content.insert(words[5].trim_start_matches('.').to_owned(), words[0].to_owned());
        }
    }
    content
}

#[test]
fn each_file_is_where_debian_looks_for_it() {
    let mut content = content();
    assert_eq!(content.remove("/usr/bin/tidegate").as_deref(), Some("-rwxr-xr-x"));
    let mut expected: Vec<String> = [
        "/etc/logrotate.d/tidegate",
        "/etc/tidegate/tidegate.toml",
        "/usr/lib/systemd/system/tidegate.service",
        "/usr/lib/systemd/system/tidegate.socket",
        "/usr/lib/systemd/system/tidegate@.service",
        "/usr/lib/systemd/system/tidegate@.socket",
        "/usr/lib/sysusers.d/tidegate.conf",
        "/usr/share/bash-completion/completions/tidegate",
        "/usr/share/fish/vendor_completions.d/tidegate.fish",
        "/usr/share/zsh/vendor-completions/_tidegate",
        "/usr/share/doc/tidegate/README.md",
        "/usr/share/doc/tidegate/changelog.Debian.gz",
        "/usr/share/doc/tidegate/changelog.gz",
        "/usr/share/doc/tidegate/copyright",
        "/usr/share/doc/tidegate/copyright.crates.gz",
        "/usr/share/doc/tidegate/fastcgi_params",
        "/usr/share/doc/tidegate/uwsgi_params",
    ]
    .map(str::to_owned)
    .to_vec();
    let pages = tempfile::tempdir().unwrap();
    ran(Command::new(TIDEGATE).args(["man", "--dir"]).arg(pages.path()));
    expected.extend(names(pages.path()).iter().map(|name| format!("/usr/share/man/man1/{name}.gz")));
    for folder in [
        "docs",
        "deploy",
        "deploy/hosts",
        "deploy/kubernetes/base",
        "deploy/kubernetes/monitoring",
        "deploy/kubernetes/overlays/http",
        "deploy/kubernetes/overlays/nginx",
        "deploy/user",
        "deploy/tidegate.service.d",
        "deploy/tidegate@.service.d",
    ] {
        let names = names(&Path::new(ROOT).join(folder));
        let files = names.iter().filter(|name| folder != "docs" || name.ends_with(".md"));
        expected.extend(files.map(|name| format!("/usr/share/doc/tidegate/{folder}/{name}")));
    }
    expected.sort();
    assert!(content.values().all(|mode| mode == "-rw-r--r--"), "{content:?}");
    assert_eq!(content.into_keys().collect::<Vec<_>>(), expected);

    let ours = ran(Command::new("dpkg-deb").arg("--info").arg(package()).arg("conffiles"));
    assert_eq!(ours, "/etc/tidegate/tidegate.toml\n/etc/logrotate.d/tidegate\n");
    let field = |name: &str| ran(Command::new("dpkg-deb").arg("--field").arg(package()).arg(name));
    assert_eq!(field("Version").trim(), concat!(env!("CARGO_PKG_VERSION"), "-1"));
    assert!(field("Depends").starts_with("libc6 (>= "), "{}", field("Depends"));
}

/// The files of a folder, without those of its folders.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn the_same_command_makes_the_same_package() {
    let first = fs::read(package()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert!(fs::read(built(folder.path())).unwrap() == first, "its bytes differ from those of a minute ago");
}

#[test]
fn lintian_finds_no_error() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--allow-root", "--fail-on", "error"]).arg(package()).env("LC_ALL", "C.UTF-8");
    let said = ran(&mut lintian);
    // What it says at all of a package of nobody's archive: that no bug is closed by its upload.
    assert!(said.lines().all(|line| line.contains("initial-upload-closes-no-bugs")), "{said}");
}

#[test]
fn the_licence_of_each_crate_is_there() {
    let root = tempfile::tempdir().unwrap();
    ran(Command::new("dpkg-deb").arg("--extract").arg(package()).arg(root.path()));
    let crates = root.path().join("usr/share/doc/tidegate/copyright.crates.gz");
    let text = ran(Command::new("zcat").arg(crates));
    let (list, texts) = text.split_once("\n\n").unwrap();
    assert!(list.lines().count() > 30, "{list}");
    for line in list.lines() {
        let (name, _) = line.split_once(": ").unwrap();
        assert!(texts.contains(name), "the text of {name} is not there");
    }
    assert!(list.contains("\nmio ") && texts.contains("Carl Lerche"), "{list}");
}

/// A folder that dpkg takes for the machine's root, with nothing installed.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
        Machine(root)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    /// dpkg on this machine; what it says. Its scripts run out here, with DPKG_ROOT, and their dependencies are out here.
    #[track_caller]
    fn dpkg(&self, action: &str, of: &Path) -> String {
        let is_root = nix::unistd::geteuid().is_root();
        let mut command = Command::new(if is_root { "dpkg" } else { "fakeroot" });
        if !is_root {
            command.args(["dpkg", "--force-not-root"]);
        }
        command.args(["--force-depends", "--force-script-chrootless", "--log=/dev/null"]);
        command.arg(format!("--root={}", self.0.path().display())).arg(action).arg(of);
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        let output = output(command.env("PATH", path).env("LC_ALL", "C.UTF-8"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    /// All files and links, without dpkg's own.
    fn files(&self) -> Vec<String> {
        let mut folders = vec![self.0.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let name = format!("/{}", path.strip_prefix(self.0.path()).unwrap().display());
                match entry.file_type().unwrap().is_dir() {
                    true if name == "/var/lib/dpkg" => {}
                    true => folders.push(path),
                    false => files.push(name),
                }
            }
        }
        files.sort();
        files
    }
}

#[test]
fn it_is_installed_serves_and_goes_again() {
    let machine = Machine::new();
    machine.dpkg("--install", package());
    let files = machine.files();
    for file in content().keys() {
        assert!(files.contains(file), "{file} is not in {files:?}");
    }
    let users = fs::read_to_string(machine.path("/etc/passwd")).unwrap();
    let user = users.lines().find(|line| line.starts_with("tidegate:")).unwrap_or_else(|| panic!("{users}"));
    assert!(user.ends_with(":Tidegate application server:/var/lib/tidegate:/usr/sbin/nologin"), "{user}");

    // As shipped it names no application.
    let config = machine.path("/etc/tidegate/tidegate.toml");
    let run = |command: &str| {
        let mut run = Command::new(machine.path("/usr/bin/tidegate"));
        run.arg(command).arg("--config").arg(&config);
        run
    };
    let refused = output(&mut run("check"));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("which application?"), "{refused:?}");
    let settings = fs::read_to_string(&config).unwrap().replace("#app = \"APP\"", "app = \"hello\"");
    fs::write(&config, &settings).unwrap();
    ran(&mut run("check"));
    let socket = machine.path("/uwsgi.sock");
    let mut serve = run("serve");
    let child =
        serve.arg("--uwsgi").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let server = Server(child);
    let remote = Remote::at(&format!("unix:{}", socket.display()));
    eventually("it listens", || remote.try_connect().is_ok());
    remote.ask(get("/")).assert_body("Hello, World\n");
    drop(server);

    // The settings are the operator's: another version leaves them, and so does a removal.
    machine.dpkg("--install", package());
    assert_eq!(fs::read_to_string(&config).unwrap(), settings);
    machine.dpkg("--remove", Path::new("tidegate"));
    let left = machine.files();
    let of_package: Vec<&String> = left.iter().filter(|file| content().contains_key(*file)).collect();
    assert_eq!(of_package, ["/etc/logrotate.d/tidegate", "/etc/tidegate/tidegate.toml"]);

    machine.dpkg("--purge", Path::new("tidegate"));
    let left = machine.files();
    let of_users = ["/etc/.pwd.lock", "/etc/group", "/etc/gshadow", "/etc/passwd", "/etc/shadow"];
    let others: Vec<&String> =
        left.iter().filter(|file| !of_users.contains(&file.trim_end_matches('-'))).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(fs::read_to_string(machine.path("/etc/passwd")).unwrap().contains("tidegate:"));
    for folder in ["/etc/tidegate", "/usr/share/doc/tidegate"] {
        assert!(!machine.path(folder).exists(), "{folder}");
    }
}

#[test]
fn a_purge_takes_logs_and_caches_and_no_data() {
    let machine = Machine::new();
    machine.dpkg("--install", package());
    let written = |path: &str| {
        let path = machine.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "written").unwrap();
    };
    // As DynamicUser= has them: the folder is below private, and a link leads there.
    for kind in ["lib", "log", "cache"] {
        written(&format!("/var/{kind}/private/tidegate/written"));
        symlink("private/tidegate", machine.path(&format!("/var/{kind}/tidegate"))).unwrap();
    }
    written("/var/log/tidegate-exporter/another's");
    written("/etc/tidegate/shop.toml");
    let wants = machine.path("/etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).unwrap();
    for (name, unit) in
        [("tidegate.service", "tidegate.service"), ("tidegate@shop.service", "tidegate@.service")]
    {
        // Nothing is at this path, outside as inside.
        symlink(format!("/nowhere/{unit}"), wants.join(name)).unwrap();
    }

    machine.dpkg("--remove", Path::new("tidegate"));
    assert!(machine.files().contains(&"/var/log/private/tidegate/written".to_owned()));
    let said = machine.dpkg("--purge", Path::new("tidegate"));
    assert!(
        said.contains("/var/lib/private/tidegate has files of the application in it, and stays"),
        "{said}"
    );
    let left = machine.files();
    let left: Vec<&str> = left.iter().map(String::as_str).filter(|file| file.contains("tidegate")).collect();
    let want = [
        "/etc/tidegate/shop.toml",
        "/var/lib/private/tidegate/written",
        "/var/lib/tidegate",
        "/var/log/tidegate-exporter/another's",
    ];
    assert_eq!(left, want);
    assert!(!wants.exists());
}
