//! A real nginx before the worker, and what an HTTP client gets out of it.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::records::split_head;
use crate::server::PATIENCE;

/// A running nginx; dropping this kills it.
pub(crate) struct Nginx {
    address: SocketAddr,
    process: Child,
    folder: TempDir,
    /// Keeps the port for it: bound and not listening, so that nginx can have it (SO_REUSEADDR) and the kernel
    /// gives it to nobody who asks for any port.
    _port: Socket,
}

impl Nginx {
    /// Starts nginx with this in its http block, and these locations in its one server. STOCK stands for the folder of
    /// nginx's own fastcgi_params and scgi_params.
    #[track_caller]
    pub(crate) fn start(http: &str, locations: &str) -> Nginx {
        let folder = tempfile::tempdir().unwrap();
        let port = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        port.set_reuse_address(true).unwrap();
        port.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let address = port.local_addr().unwrap().as_socket().unwrap();
        let program = program();
        let configuration = CONFIGURATION
            .replace("HTTP", &[http, SERVER].concat())
            .replace("LOCATIONS", locations)
            .replace("ADDRESS", &address.to_string())
            .replace("STOCK", stock(&program).to_str().unwrap())
            .replace("FOLDER", folder.path().to_str().unwrap());
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let process = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut nginx = Nginx { address, process, folder, _port: port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = nginx.process.try_wait().unwrap() {
                panic!("nginx ends at once, {status}");
            }
            assert!(Instant::now() < deadline, "nginx does not listen");
            thread::yield_now();
        }
        nginx
    }

    /// Asks, and reads the response to its end.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, uri: &str, body: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head =
            format!("{method} {uri} HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n{length}\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut bytes = Vec::new();
        let broken = stream.read_to_end(&mut bytes).is_err();
        let (head, body) = split_head(&bytes);
        let mut response = Response { head, body: body.to_vec(), whole: !broken };
        if response.head.contains("Transfer-Encoding: chunked") {
            (response.body, response.whole) = unchunk(body);
        }
        response
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap()
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

/// An HTTP response that was read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) head: String,
    /// Without the framing of a chunked one.
    pub(crate) body: Vec<u8>,
    /// Whether its end came.
    pub(crate) whole: bool,
}

impl Response {
    /// That it is whole, and of this status and body.
    #[track_caller]
    pub(crate) fn assert(&self, status: &str, body: impl AsRef<[u8]>) {
        assert!(self.head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{}", self.head);
        assert!(self.whole, "{}", self.head);
        assert!(self.body == body.as_ref(), "{} bytes of body: {}", self.body.len(), self.head);
    }

    /// Whether this field stands in its head.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.head.lines().any(|line| line.eq_ignore_ascii_case(field))
    }
}

/// The bytes of a chunked body, and whether its end is there.
fn unchunk(mut framed: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = framed.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&framed[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, &framed[end..] == b"\r\n\r\n");
        }
        let data = &framed[end + 2..];
        body.extend_from_slice(&data[..size.min(data.len())]);
        framed = data.get(size + 2..).unwrap_or_default();
    }
    (body, false)
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

const CONFIGURATION: &str = include_str!("../support/nginx.conf");

const SERVER: &str = "
    server {
        listen ADDRESS;
        server_name www.example.com;
        LOCATIONS
    }
";
