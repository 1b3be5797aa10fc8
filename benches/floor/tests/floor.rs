//! The floor answers on both kinds of sockets, once or again and again.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// The program, ended when dropped.
struct Floor(Child);

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_connection_has_one_answer_and_ends() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("floor.sock");
    let (_floor, mut peer) = start(&[&path.display().to_string()], || UnixStream::connect(&path))?;
    peer.write_all(b"anything")?;
    let mut answer = String::new();
    peer.read_to_string(&mut answer)?;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nHello, World\n"),
        "{answer}"
    );
    Ok(())
}

#[test]
fn a_connection_that_is_kept_has_an_answer_for_each_request() -> Result<(), Box<dyn Error>> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (_floor, mut peer) = start(&[&address.to_string(), "--keep-alive"], || TcpStream::connect(address))?;
    let mut answers = Vec::new();
    for _ in 0..3 {
        peer.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
        let mut answer = vec![0; 78];
        peer.read_exact(&mut answer)?;
        assert!(answer.ends_with(b"Hello, World\n"), "{}", answer.escape_ascii());
        answers.push(answer);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    Ok(())
}

/// Starts it, and connects as soon as it listens.
fn start<S>(arguments: &[&str], connect: impl Fn() -> std::io::Result<S>) -> std::io::Result<(Floor, S)> {
    let floor = Floor(Command::new(env!("CARGO_BIN_EXE_floor")).args(arguments).spawn()?);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connect() {
            Ok(peer) => return Ok((floor, peer)),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => sleep(Duration::from_millis(5)),
        }
    }
}
