//! A server that answers when it is to, and as it is to. It speaks HTTP and keeps its connections.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A whole reply after a time.
    After(Duration),
    /// A whole reply of this status.
    Status(u16),
    /// The connection is reset.
    Reset,
    /// Three of ten bytes.
    Short,
    /// A whole reply without a Content-Length: it ends with its connection.
    ToTheEnd,
    /// No HTTP.
    Garbled,
    /// Three of ten bytes, and no more for as long as the test may last.
    Hangs,
    /// No reply for as long as the test may last.
    Never,
}

/// What is done with the request of a number, so long after the server began.
type Rule = fn(u64, Duration) -> Answer;

/// Asks that the calling thread, and what it starts, goes before what else the machine does: other tests are not to be measured.
pub(crate) fn hurry() {
    // Root alone may; others have to try until the machine is quiet.
    let _ = setpriority_process(None, -15);
}

/// A server that ends when it is dropped.
pub(crate) struct Known {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

struct Shared {
    rule: Rule,
    began: Instant,
    asked: AtomicU64,
    is_over: AtomicBool,
    /// How long each answer took in truth: a sleep may be longer than it should.
    took: Mutex<Vec<Duration>>,
}

impl Known {
    pub(crate) fn start(rule: Rule) -> Known {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            rule,
            began: Instant::now(),
            asked: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            took: Mutex::default(),
        });
        let known = Known { address, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for socket in listener.incoming() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (socket, shared) = (socket.unwrap(), Arc::clone(&shared));
                thread::spawn(move || shared.serve(socket));
            }
        });
        known
    }

    /// How many requests have come.
    pub(crate) fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// The time that `quantile` of all answers since the first took at most, in seconds.
    pub(crate) fn within(&self, quantile: f64) -> f64 {
        let mut took = self.shared.took.lock().unwrap().clone();
        took.remove(0);
        took.sort();
        let at = ((took.len() as f64 * quantile).ceil() as usize).clamp(1, took.len());
        took[at - 1].as_secs_f64()
    }

    /// Forgets what it has answered so far.
    pub(crate) fn forget(&self) {
        self.shared.took.lock().unwrap().clear();
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // It waits for one.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Shared {
    fn serve(&self, mut socket: TcpStream) {
        hurry();
        socket.set_nodelay(true).unwrap();
        let mut request = Vec::new();
        let mut piece = [0; 4096];
        loop {
            // All that is asked here is short, and comes at once.
            let Ok(count @ 1..) = socket.peek(&mut piece) else { return };
            let come = Instant::now();
            request.clear();
            request.extend_from_slice(&piece[..count]);
            assert!(request.ends_with(b"\r\n\r\n"), "{}", request.escape_ascii());
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            let (status, after) = match (self.rule)(number, self.began.elapsed()) {
                Answer::After(time) => (200, time),
                Answer::Status(status) => (status, Duration::ZERO),
                // What it has sent is unread: its connection is reset, and not only closed.
                Answer::Reset => return,
                Answer::Short => {
                    let _ = socket.read(&mut piece);
                    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
                    return;
                }
                Answer::ToTheEnd => {
                    let _ = socket.read(&mut piece);
                    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\nanswer");
                    return;
                }
                Answer::Garbled => {
                    let _ = socket.read(&mut piece);
                    let _ = socket.write_all(b"+OK Dovecot ready.\r\n");
                    return;
                }
                stuck @ (Answer::Hangs | Answer::Never) => {
                    let _ = socket.read(&mut piece);
                    if stuck == Answer::Hangs {
                        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
                    }
                    // Until the client has gone.
                    let _ = socket.read(&mut piece);
                    return;
                }
            };
            let _ = socket.read(&mut piece[..count]);
            if !after.is_zero() {
                thread::sleep(after);
            }
            let reply = format!("HTTP/1.1 {status} So\r\nContent-Length: 6\r\n\r\nanswer");
            // Before the client can have it: it may ask what was true at once.
            self.took.lock().unwrap().push(come.elapsed());
            if socket.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    }
}
