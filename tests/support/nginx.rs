//! A real nginx before the worker.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use super::client::{Remote, Response};
use super::eventually;

/// A running nginx; dropping this kills it.
pub(crate) struct Nginx {
    pub(crate) remote: Remote,
    process: Child,
    /// Of its configuration, its log and whatever it writes.
    pub(crate) folder: TempDir,
    /// Keeps the port for it: bound and not listening, so that nginx can have it (SO_REUSEADDR) and the kernel
    /// gives it to no program that asks for any port.
    _port: Socket,
}

impl Nginx {
    /// Starts nginx with these locations in its one server. In their text UPSTREAM stands for what follows
    /// `uwsgi_pass`, PARAMS for this repository's uwsgi_params, FOLDER for a folder that is removed at the end.
    #[track_caller]
    pub(crate) fn start(upstream: &Remote, locations: &str) -> Nginx {
        Nginx::serving(&ONE_SERVER.replace("LOCATIONS", locations).replace("UPSTREAM", &upstream.name))
    }

    /// Starts nginx with this in its http block. PARAMS and FOLDER stand for the same, NGINX_PORT for a port that is this
    /// nginx's on every address of the machine; some server must listen at 127.0.0.1:NGINX_PORT. An `include` finds the lists
    /// of parameters that come with nginx.
    #[track_caller]
    pub(crate) fn serving(http: &str) -> Nginx {
        let folder = tempfile::tempdir().unwrap();
        let port = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        port.set_reuse_address(true).unwrap();
        port.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into()).unwrap();
        let number = port.local_addr().unwrap().as_socket().unwrap().port();
        let configuration = CONFIGURATION
            .replace("HTTP", &format!("large_client_header_buffers 8 64k;\n{http}"))
            .replace("NGINX_PORT", &number.to_string())
            .replace("PARAMS", concat!(env!("CARGO_MANIFEST_DIR"), "/uwsgi_params"))
            .replace("FOLDER", folder.path().to_str().unwrap());
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let program = program();
        let stock = stock(&program);
        for name in ["uwsgi_params", "fastcgi_params", "scgi_params"] {
            symlink(stock.join(name), folder.path().join(name)).unwrap();
        }
        let process = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let remote = Remote::at(&SocketAddr::from((Ipv4Addr::LOCALHOST, number)).to_string());
        let mut nginx = Nginx { remote, process, folder, _port: port };
        eventually("nginx listens", || {
            if let Some(status) = nginx.process.try_wait().unwrap() {
                panic!("nginx ends at once, {status}");
            }
            nginx.remote.try_connect().is_ok()
        });
        nginx
    }

    /// Sends a request, of which this is all but the version and the fields of every request.
    #[track_caller]
    pub(crate) fn send(&self, method_and_uri: &str, fields: &[(&str, &str)], body: &[u8]) -> Socket {
        self.remote.send([head(method_and_uri, fields).as_bytes(), body].concat())
    }

    /// Sends a request and reads the response to its end.
    #[track_caller]
    pub(crate) fn ask(&self, method_and_uri: &str, fields: &[(&str, &str)], body: &[u8]) -> Response {
        let length = body.len().to_string();
        let mut fields = fields.to_vec();
        if !body.is_empty() {
            fields.push(("Content-Length", &length));
        }
        Response::read(&self.send(method_and_uri, &fields, body))
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("error.log"));
        log.unwrap_or_else(|error| error.to_string())
    }

    #[track_caller]
    pub(crate) fn get(&self, uri: &str) -> Response {
        self.ask(&format!("GET {uri}"), &[], b"")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It has no master process and no children.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            println!("nginx's error log:\n{}", self.log());
        }
    }
}

/// The head of a request for `GET /path`.
pub(crate) fn head(method_and_uri: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method_and_uri} HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n{fields}\r\n")
}

/// nginx itself, which a user's PATH often does not reach.
fn program() -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    std::env::split_paths(&path)
        .map(|folder| folder.join("nginx"))
        .find(|program| match fs::metadata(program) {
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            found => found.is_ok_and(|found| found.is_file()),
        })
        .expect("nginx is not installed: apt-get install nginx-light, or run make test as root")
}

/// The folder in which this nginx looks for its own lists of parameters.
fn stock(program: &Path) -> PathBuf {
    let told = Command::new(program).arg("-V").output().unwrap().stderr;
    let told = String::from_utf8_lossy(&told).into_owned();
    let configuration = told.split_whitespace().find_map(|word| word.strip_prefix("--conf-path="));
    let configuration = configuration.unwrap_or_else(|| panic!("no --conf-path in {told}"));
    Path::new(configuration).parent().unwrap().to_owned()
}

const ONE_SERVER: &str = "
    include PARAMS;
    server {
        listen 127.0.0.1:NGINX_PORT;
        server_name www.example.com;
        LOCATIONS
    }
";

/// With HTTP for what stands in its http block.
const CONFIGURATION: &str = include_str!("nginx.conf");
