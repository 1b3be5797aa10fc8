//! A worker on a thread of the test, with both listeners on TCP and on a unix socket.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockAddr;
use tempfile::TempDir;
use tidegate::observer::{Event, Observer};
use tidegate::{Address, Inherited, Limits, ListenOptions, Listener, ProtocolName, Stop, Stopper, Worker};

use crate::application::application;

/// How long anything is waited for. Only a failure takes that long, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running worker; dropping this stops it.
pub(crate) struct Server {
    remotes: Vec<Remote>,
    /// A message for each body that was closed.
    closed: Receiver<()>,
    connections: Arc<Mutex<HashSet<u64>>>,
    stopper: Stopper,
    thread: Option<JoinHandle<io::Result<()>>>,
    _folder: TempDir,
}

/// Where it can be reached.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub(crate) scheme: ProtocolName,
    /// As nginx's `_pass` directives have it.
    pub(crate) name: String,
    pub(crate) address: SockAddr,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let (tell_closed, closed) = mpsc::channel();
        let (tell_started, started) = mpsc::channel();
        let connections = Arc::<Mutex<HashSet<u64>>>::default();
        let observer = Connections(Arc::clone(&connections));
        let sockets = folder.path().to_owned();
        // A listener stays on the thread on which it was made.
        let thread = thread::spawn(move || {
            let listeners = listen(&sockets);
            let remotes = listeners.iter().map(|(scheme, listener)| Remote::at(*scheme, &listener.address()));
            let remotes: Vec<Remote> = remotes.collect();
            let listeners = listeners.into_iter().map(|(_, listener)| listener).collect();
            let mut worker = Worker::new(listeners, application(tell_closed), limits)?;
            worker.observe(Box::new(observer));
            tell_started.send((worker.stopper(), remotes)).expect("the test waits for it");
            worker.run()
        });
        let (stopper, remotes) = started.recv_timeout(PATIENCE).expect("the worker starts");
        Server { remotes, closed, connections, stopper, thread: Some(thread), _folder: folder }
    }

    /// The listeners of a protocol: on TCP, and on a unix socket.
    pub(crate) fn remotes(&self, scheme: ProtocolName) -> [&Remote; 2] {
        let remotes: Vec<&Remote> = self.remotes.iter().filter(|remote| remote.scheme == scheme).collect();
        remotes.try_into().expect("each protocol has two")
    }

    pub(crate) fn fastcgi(&self) -> &Remote {
        self.remotes(ProtocolName::Fastcgi)[0]
    }

    pub(crate) fn scgi(&self) -> &Remote {
        self.remotes(ProtocolName::Scgi)[0]
    }

    /// Waits until a body is closed that was not waited for yet.
    #[track_caller]
    pub(crate) fn assert_body_closes(&self) {
        self.closed.recv_timeout(PATIENCE).expect("a body is closed");
    }

    /// Over how many connections requests have come.
    pub(crate) fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    /// Has it accept no more, and finish what runs; waits until it begins to.
    #[track_caller]
    pub(crate) fn order_stop(&self) {
        self.stopper.stop(Stop::Gracefully);
        let deadline = Instant::now() + PATIENCE;
        while let Some(address) = self.fastcgi().address.as_socket()
            && TcpStream::connect(address).is_ok()
        {
            assert!(Instant::now() < deadline, "it accepts still");
        }
    }

    /// Orders a graceful stop, and waits for its end.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.stopper.stop(Stop::Gracefully);
        let thread = self.thread.take().unwrap();
        thread.join().expect("the worker panicked").expect("the worker failed");
    }
}

/// Both protocols on a TCP port of 127.0.0.1 and on a unix socket in `folder`, in this order.
fn listen(folder: &Path) -> Vec<(ProtocolName, Listener)> {
    let mut listeners = Vec::new();
    for scheme in [ProtocolName::Fastcgi, ProtocolName::Scgi] {
        for address in ["127.0.0.1:0".to_owned(), format!("{}/{scheme}", folder.display())] {
            let address: Address = address.parse().unwrap();
            let options = ListenOptions::default();
            let bound = Listener::bind(scheme, &address, &options, &mut Inherited::none()).unwrap();
            listeners.extend(bound.into_iter().map(|listener| (scheme, listener)));
        }
    }
    listeners
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopper.stop(Stop::Now);
        if let Some(thread) = self.thread.take()
            && !thread::panicking()
        {
            thread.join().expect("the worker panicked").expect("the worker failed");
        }
    }
}

impl Remote {
    /// A listener's address, as the listener tells it.
    pub(crate) fn at(scheme: ProtocolName, name: &str) -> Remote {
        let address = match name.parse().unwrap() {
            Address::Unix(path) => SockAddr::unix(path).unwrap(),
            _ => name.parse::<SocketAddr>().unwrap().into(),
        };
        Remote { scheme, name: name.to_owned(), address }
    }
}

/// The connections over which requests come.
struct Connections(Arc<Mutex<HashSet<u64>>>);

impl Observer for Connections {
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        if let Event::Request { .. } = event {
            self.0.lock().unwrap().insert(connection);
        }
    }
}
