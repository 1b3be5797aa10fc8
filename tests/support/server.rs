//! A worker on a thread of the test.

use std::collections::HashSet;
use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;
use tidegate::observer::{Event, Observer};
use tidegate::{
    Address, AppError, Application, Body, Environ, Inherited, Limits, ListenOptions, Listener, ProtocolName,
    StartResponse, StaticFiles, Stop, Stopper, Worker,
};

use super::client::Remote;
use super::lines::Lines;
use super::{PATIENCE, eventually};

/// A running worker; dropping this stops it.
pub(crate) struct Server {
    pub(crate) remotes: Vec<Remote>,
    pub(crate) lines: Lines,
    pub(crate) stopper: Stopper,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<io::Result<()>>>,
    /// Of its unix socket.
    pub(crate) folder: TempDir,
}

impl Server {
    /// Serves `application` on a TCP port of 127.0.0.1 and on a unix socket, in this order.
    #[track_caller]
    pub(crate) fn start<A>(application: A) -> Server
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        Server::with(Limits::default(), application)
    }

    /// The same, with other bounds.
    #[track_caller]
    pub(crate) fn with<A>(limits: Limits, application: A) -> Server
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        Server::at(&["127.0.0.1:0", "FOLDER/socket"], &ListenOptions::default(), limits, application)
    }

    /// Serves uwsgi at these addresses; FOLDER stands for one that is removed at the end.
    #[track_caller]
    pub(crate) fn at<A>(addresses: &[&str], options: &ListenOptions, limits: Limits, application: A) -> Server
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        let remotes: Vec<_> = addresses.iter().map(|address| (ProtocolName::Uwsgi, *address)).collect();
        Server::speaking(&remotes, options, limits, application)
    }

    /// Serves HTTP on a TCP port of 127.0.0.1.
    #[track_caller]
    pub(crate) fn http<A>(limits: Limits, application: A) -> Server
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        let remotes = [(ProtocolName::Http, "127.0.0.1:0")];
        Server::speaking(&remotes, &ListenOptions::default(), limits, application)
    }

    /// Serves each of these protocols at its address; the listeners are in this order.
    #[track_caller]
    pub(crate) fn speaking<A>(
        remotes: &[(ProtocolName, &str)],
        options: &ListenOptions,
        limits: Limits,
        application: A,
    ) -> Server
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        Server::on(threads(), remotes, options, limits, application)
    }

    /// The same on so many threads, or on that of the loop: for what is said of the one of the two alone.
    #[track_caller]
    pub(crate) fn on<A>(
        threads: Option<usize>,
        remotes: &[(ProtocolName, &str)],
        options: &ListenOptions,
        limits: Limits,
        application: A,
    ) -> Server
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        Server::beside(None, threads, remotes, options, limits, application)
    }

    /// The same with these files before the application.
    #[track_caller]
    pub(crate) fn beside<A>(
        files: Option<StaticFiles>,
        threads: Option<usize>,
        remotes: &[(ProtocolName, &str)],
        options: &ListenOptions,
        limits: Limits,
        application: A,
    ) -> Server
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        raise_descriptor_limit();
        let folder = tempfile::tempdir().unwrap();
        let mut listeners = Vec::new();
        for (protocol, address) in remotes {
            let address = address.replace("FOLDER", folder.path().to_str().unwrap());
            listeners.append(&mut listen_for(*protocol, &address, options));
        }
        let remotes = listeners.iter().map(|listener| Remote::at(&listener.address())).collect();
        let (lines, counts) = (Lines::default(), Arc::new(Counts::default()));
        let (send_stopper, stopper) = mpsc::channel();
        let (keep, told) = (lines.clone(), Arc::clone(&counts));
        let thread = thread::spawn(move || {
            keep.keep();
            let application = shared(application);
            let mut worker = Worker::new(listeners, application(), limits)?;
            worker.observe(Box::new(Counter { counts: told, open: HashSet::new() }));
            if let Some(files) = files {
                worker.serve_files(files);
            }
            let stopper = worker.stopper();
            match threads {
                None => {
                    send_stopper.send(stopper).expect("the test waits for it");
                    worker.run()
                }
                // It serves when it begins its threads.
                Some(count) => run_on_threads(worker, count, application, &keep, move || {
                    let _ = send_stopper.send(stopper.clone());
                }),
            }
        });
        let stopper = stopper.recv_timeout(PATIENCE).expect("the worker starts");
        Server { remotes, lines, stopper, counts, thread: Some(thread), folder }
    }

    pub(crate) fn tcp(&self) -> &Remote {
        self.remotes.iter().find(|remote| remote.is_tcp()).expect("it listens on TCP")
    }

    pub(crate) fn unix(&self) -> &Remote {
        self.remotes.iter().find(|remote| !remote.is_tcp()).expect("it listens on a unix socket")
    }

    /// How many bytes have arrived in all.
    pub(crate) fn received(&self) -> usize {
        self.counts.received.load(Ordering::SeqCst)
    }

    /// On how many connections bytes have arrived.
    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many requests have reached the application.
    pub(crate) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// Waits until it has logged a line with `text` in it.
    #[track_caller]
    pub(crate) fn eventually_logs(&self, text: &str) {
        eventually(&format!("a log line with {text:?}"), || self.lines.contain(text));
    }

    pub(crate) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Waits until it has stopped, and checks that it did so without an error.
    #[track_caller]
    pub(crate) fn join(&mut self) {
        eventually("the worker's end", || !self.is_running());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the worker panicked").expect("the worker failed");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            // A second panic would hide the first; a worker that hangs stays behind.
            let lines = self.lines.all().iter().fold(String::new(), |mut all, line| {
                let _ = writeln!(all, "  {line}");
                all
            });
            println!("the worker's log:\n{lines}");
            let deadline = Instant::now() + PATIENCE;
            self.stopper.stop(Stop::Now);
            while self.is_running() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(2));
            }
        } else {
            self.stopper.stop(Stop::Now);
            self.join();
        }
    }
}

/// How many threads applications have of their own in this run of the tests: `make test` runs some suites once more with 4.
/// `None` where they run on the loop's thread.
pub(crate) fn threads() -> Option<usize> {
    let count = std::env::var("APP_THREADS").ok()?;
    Some(count.parse().expect("APP_THREADS is a number"))
}

/// Makes applications that are one and the same, which is called by one thread at a time; their bodies are not.
fn shared<A>(application: A) -> impl Fn() -> Shared<A> + Clone
where
    A: FnMut(Environ, StartResponse) -> Result<Body, AppError>,
{
    let application = Arc::new(Mutex::new(application));
    move || Shared(Arc::clone(&application))
}

struct Shared<A>(Arc<Mutex<A>>);

impl<A: FnMut(Environ, StartResponse) -> Result<Body, AppError>> Application for Shared<A> {
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        // One that panics is called again, as it is without threads.
        let mut application = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        application(environ, start_response)
    }
}

fn run_on_threads<A: Application + Send + 'static>(
    worker: Worker<A>,
    count: usize,
    make: impl Fn() -> A + Send + Sync + 'static,
    lines: &Lines,
    begins: impl Fn() + Send + Sync + 'static,
) -> io::Result<()> {
    let lines = lines.clone();
    let spawn = move |name, run: Box<dyn FnOnce() + Send>| {
        begins();
        let lines = lines.clone();
        thread::Builder::new().name(name).spawn(move || {
            lines.keep();
            run();
        })
    };
    worker.run_on_threads(count, move || Ok(make()), spawn)
}

/// The listeners at `address`, for uwsgi.
#[track_caller]
pub(crate) fn listen(address: &str, options: &ListenOptions) -> Vec<Listener> {
    listen_for(ProtocolName::Uwsgi, address, options)
}

#[track_caller]
fn listen_for(protocol: ProtocolName, address: &str, options: &ListenOptions) -> Vec<Listener> {
    let address: Address = address.parse().unwrap();
    Listener::bind(protocol, &address, options, &mut Inherited::none()).unwrap()
}

/// Clients and workers of all tests share this process, and with it the usual soft limit of 1,024 descriptors.
fn raise_descriptor_limit() {
    static RAISED: Once = Once::new();
    RAISED.call_once(|| {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert!(hard >= 4_096, "these tests need 4,096 file descriptors, and ulimit -Hn allows {hard}");
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    });
}

#[derive(Default)]
struct Counts {
    received: AtomicUsize,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

struct Counter {
    counts: Arc<Counts>,
    open: HashSet<u64>,
}

impl Observer for Counter {
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        match event {
            Event::Received { bytes, .. } => {
                if self.open.insert(connection) {
                    self.counts.connections.fetch_add(1, Ordering::SeqCst);
                }
                self.counts.received.fetch_add(bytes, Ordering::SeqCst);
            }
            Event::Request { .. } => drop(self.counts.requests.fetch_add(1, Ordering::SeqCst)),
            Event::Closed => {
                self.open.remove(&connection);
            }
            _ => {}
        }
    }
}
