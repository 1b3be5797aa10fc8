//! A worker on a thread with an HTTP listener, and connections to it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate::{
    AppError, Body, Environ, Inherited, Limits, ListenOptions, Listener, ProtocolName, StartResponse, Stop,
    Stopper, Worker,
};

/// How long anything is waited for. Only a failure takes that long, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running worker; dropping this stops it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stopper: Stopper,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Serves `application` on a port of 127.0.0.1.
    pub(crate) fn start<A>(limits: Limits, application: A) -> Server
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        Server::with(&ListenOptions::default(), limits, application)
    }

    /// The same, on a listener of these options.
    pub(crate) fn with<A>(options: &ListenOptions, limits: Limits, application: A) -> Server
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        let (send, receive) = mpsc::channel();
        let options = options.clone();
        // A listener's trust is shared by its connections without a lock, so it is made where it is used.
        let thread = thread::spawn(move || {
            let address = "127.0.0.1:0".parse().unwrap();
            let listeners =
                Listener::bind(ProtocolName::Http, &address, &options, &mut Inherited::none()).unwrap();
            let local = listeners[0].local_tcp().unwrap();
            let mut worker = Worker::new(listeners, application, limits)?;
            send.send((local, worker.stopper())).expect("the test waits for it");
            worker.run()
        });
        let (address, stopper) = receive.recv_timeout(PATIENCE).expect("the worker starts");
        Server { address, stopper, thread: Some(thread) }
    }

    /// A socket that waits no longer than [`PATIENCE`] for anything.
    #[track_caller]
    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    }

    /// Connects and sends `bytes`.
    #[track_caller]
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut socket = self.connect();
        socket.write_all(bytes.as_ref()).unwrap();
        socket
    }

    /// `http://ADDRESS` and this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopper.stop(Stop::Now);
        let deadline = Instant::now() + PATIENCE;
        let Some(thread) = self.thread.take() else { return };
        while !thread.is_finished() && Instant::now() < deadline {
            thread::yield_now();
        }
        // A second panic would hide the first.
        if !thread::panicking() {
            assert!(thread.is_finished(), "the worker does not stop");
            thread.join().expect("the worker panicked").expect("the worker failed");
        }
    }
}

/// All that comes until the peer closes, and the error in its place if the peer broke off.
#[track_caller]
pub(crate) fn read_all(mut stream: impl Read) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => (bytes, None),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            panic!("nothing came for {} s, after {} bytes", PATIENCE.as_secs(), bytes.len())
        }
        Err(error) => (bytes, Some(error.kind())),
    }
}

/// The application of most tests here. The path says what to do: `/echo` sends the body back, `/stream` makes
/// chunks of no known length, `/fail` breaks off after one of them, `/large` sends 1 MiB, and any other path is
/// sent back itself.
pub(crate) fn application(mut environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
    start_response.start("200 OK", [("Content-Type", "text/plain")])?;
    Ok(match environ.path() {
        b"/echo" => {
            let mut body = Vec::new();
            environ.input().read_to_end(&mut body)?;
            assert_eq!(environ.content_length().unwrap_or_default(), body.len() as u64);
            body.into()
        }
        b"/stream" => Body::chunks(["one", "", "two"].map(|text| Ok(Bytes::from(text)))),
        b"/fail" => Body::chunks([Ok(Bytes::from("one")), Err(AppError::new("on purpose"))]),
        b"/large" => vec![b'~'; 1 << 20].into(),
        path => path.to_vec().into(),
    })
}
