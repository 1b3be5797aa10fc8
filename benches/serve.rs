//! One request over a unix socket, from connect to end of file: what a front end waits for.
//!
//! Beside it the same conversation with a thread that answers blindly, as the floor of this machine and moment.

#[path = "../tests/wire/mod.rs"]
mod wire;

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use criterion::{Criterion, criterion_group, criterion_main};
use tidegate::{AppError, Body, Environ, Inherited, Limits, ListenOptions, Listener};
use tidegate::{ProtocolName, StartResponse, Stop, Stopper, Worker};
use wire::uwsgi::Packet;

const BODY: &str = "Hello, World\n";

fn hello(_: Environ, start_response: StartResponse) -> Result<Body, AppError> {
    start_response.start("200 OK", [("Content-Type", "text/plain")])?;
    Ok(Body::from(BODY))
}

/// A worker on a thread of its own, stopped when dropped.
struct Server {
    path: PathBuf,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let path = folder.join("tidegate.sock");
        let (options, address) = (ListenOptions::default(), path.as_path().into());
        let listeners = Listener::bind(ProtocolName::Uwsgi, &address, &options, &mut Inherited::none())?;
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let mut worker = Worker::new(listeners, hello, Limits::default()).expect("a poller can be made");
            sender.send(worker.stopper()).expect("the bench waits for it");
            worker.run().expect("the poller works");
        });
        Ok(Server { path, stopper: receiver.recv()?, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopper.stop(Stop::Now);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the worker ends in peace");
        }
    }
}

/// Answers every connection with the same bytes, as soon as anything has been read from it.
fn answer_blindly(path: &Path, answer: Vec<u8>) {
    let listener = UnixListener::bind(path).expect("the folder is ours");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut scratch = [0; 4096];
            let served = stream
                .and_then(|mut stream| stream.read(&mut scratch).and_then(|_| stream.write_all(&answer)));
            served.expect("the bench's client is there");
        }
    });
}

fn ask(path: &Path, packet: &[u8], answer: &mut Vec<u8>) {
    answer.clear();
    let mut stream = UnixStream::connect(path).expect("it listens");
    stream.write_all(packet).expect("it reads");
    stream.read_to_end(answer).expect("it answers");
    assert!(answer.ends_with(BODY.as_bytes()), "{}", answer.escape_ascii());
}

fn serve(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let server = Server::start(folder.path()).expect("a unix socket can be bound");
    let packet = Packet::new()
        .var("REQUEST_METHOD", "GET")
        .var("PATH_INFO", "/")
        .var("SERVER_NAME", "localhost")
        .var("SERVER_PORT", "80")
        .header_and_vars()
        .expect("it is far below 64 KiB");
    let mut answer = Vec::new();
    ask(&server.path, &packet, &mut answer);
    let floor = folder.path().join("floor.sock");
    answer_blindly(&floor, answer.clone());

    let mut group = criterion.benchmark_group("serve");
    group.bench_function("a blind answer", |bencher| {
        bencher.iter(|| ask(black_box(&floor), &packet, &mut answer));
    });
    group.bench_function("hello", |bencher| {
        bencher.iter(|| ask(black_box(&server.path), &packet, &mut answer));
    });
    group.finish();
}

criterion_group!(benches, serve);
criterion_main!(benches);
