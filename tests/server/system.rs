//! What needs a process of its own: no descriptors left, and which system calls a request costs.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tidegate::{Limits, ListenOptions, Stop, Worker};

use crate::support::application::hello;
use crate::support::child;
use crate::support::client::{Remote, Response, get};
use crate::support::server::{Server, listen};

const NO_WRAPPER: [&str; 0] = [];

#[test]
fn accepting_goes_on_after_the_descriptors_were_used_up() {
    let output =
        child::command(&NO_WRAPPER, "system::accepting_in_a_process_of_its_own", "").output().unwrap();
    child::assert_passed(&output);
}

#[test]
#[ignore = "uses up all descriptors of its process; started by another test"]
fn accepting_in_a_process_of_its_own() {
    if child::message().is_none() {
        return;
    }
    let limits = Limits { accept_pause: Duration::from_millis(1), ..Limits::default() };
    let server = Server::with(limits, hello);
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64.min(hard), hard).unwrap();
    let start = Instant::now();
    for remote in &server.remotes {
        let sockets = [remote.socket(), remote.socket(), remote.socket()];
        let mut fillers = Vec::new();
        while let Ok(filler) = File::open("/dev/null") {
            fillers.push(filler);
        }
        for mut socket in &sockets {
            socket.connect(&remote.address).unwrap();
            socket.write_all(&get("/")).unwrap();
        }
        server.eventually_logs(&format!("{}: cannot accept", remote.name));
        fillers.pop();
        Response::read(&sockets[0]).assert_body("Hello, World");
        drop(fillers);
        for socket in &sockets[1..] {
            Response::read(socket).assert_body("Hello, World");
        }
    }
    // It tried every millisecond, and said so once in ten seconds for each listener.
    let expected = 2 * (1 + usize::try_from(start.elapsed().as_secs() / 10).unwrap());
    assert!(server.lines.count("cannot accept") <= expected, "{:?}", server.lines.all());
}

#[test]
fn a_small_request_costs_four_or_five_system_calls_and_is_never_registered() {
    const REQUESTS: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    // On a unix socket the request is looked at, and taken when its response is out.
    let [tcp, unix] =
        [&["accept4", "read", "write", "close"][..], &["accept4", "read", "write", "read", "close"]];
    for (address, one) in [(folder.path().join("socket").to_str().unwrap(), unix), ("127.0.0.1:0", tcp)] {
        let wrapper = ["strace", "-ff", "-o", trace.to_str().unwrap()];
        let mut process = child::command(&wrapper, "system::serving_under_strace", address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("strace is not installed: apt-get install strace, or run make test as root");
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let remote = loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "it ended without listening");
            if let Some((_, address)) = line.trim_end().split_once("listening at ") {
                break Remote::at(address);
            }
        };
        // The requests are there before the worker first looks.
        let clients: Vec<_> = (0..REQUESTS).map(|_| remote.send(get("/"))).collect();
        let mut input = process.stdin.take().unwrap();
        input.write_all(b"go\n").unwrap();
        for client in &clients {
            Response::read(client).assert_body("Hello, World");
        }
        drop(input);
        assert!(process.wait().unwrap().success());

        let calls = calls_of_the_worker(folder.path());
        assert_eq!(calls.chunks(one.len()).find(|calls| *calls != one), None, "{address}");
        assert_eq!(calls.len(), REQUESTS * one.len(), "{address}");
    }
}

#[test]
#[ignore = "is started by another test, under strace"]
fn serving_under_strace() {
    let Some(address) = child::message() else { return };
    let listeners = listen(&address, &ListenOptions::default());
    println!("listening at {}", listeners[0].address());
    let next_line = || io::stdin().read_line(&mut String::new()).unwrap();
    assert_eq!(next_line(), "go\n".len());
    let mut worker = Worker::new(listeners, hello, Limits::default()).unwrap();
    let stopper = worker.stopper();
    let until_the_end_of_input = thread::spawn(move || {
        assert_eq!(next_line(), 0);
        stopper.stop(Stop::Gracefully);
    });
    worker.run().unwrap();
    until_the_end_of_input.join().unwrap();
}

/// The system calls of the thread that accepts, from the first accept to the first that finds no client. Those that
/// get memory are left out: they come with the first requests only.
fn calls_of_the_worker(folder: &Path) -> Vec<String> {
    let traces = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut traces = traces.filter(|path| path.extension().is_some()).map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        // The next address has traces of its own.
        fs::remove_file(path).unwrap();
        text
    });
    let all: Vec<String> = traces.by_ref().filter(|text| text.contains("accept4(")).collect();
    assert_eq!(all.len(), 1, "one thread accepts");
    let mut left_out = vec!["brk", "mmap", "munmap", "mremap", "mprotect", "madvise"];
    if cfg!(debug_assertions) {
        // With them the standard library asks whether a descriptor that it is to close is open.
        left_out.push("fcntl");
    }
    let lines = all[0].lines().skip_while(|line| !line.starts_with("accept4("));
    lines
        .take_while(|line| !(line.starts_with("accept4(") && line.contains("EAGAIN")))
        .map(|line| match line.split('(').next().unwrap_or_default() {
            "recvfrom" | "recvmsg" | "readv" => "read",
            "writev" | "sendmsg" | "sendto" => "write",
            other => other,
        })
        .filter(|name| !left_out.contains(name))
        .map(str::to_owned)
        .collect()
}
