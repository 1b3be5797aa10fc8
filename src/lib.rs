//! The application server behind nginx's `uwsgi_pass`, as a library: it serves an application in Rust over uwsgi, HTTP/1.1,
//! FastCGI and SCGI. One event loop a worker, a synchronous application, as in PEP 3333: a function of an [`Environ`] and a
//! [`StartResponse`] that returns a [`Body`].
//!
//! [`Program`] is the whole command around one: options, settings in a file, workers under a master, a reload that loses no
//! request, statistics.
//!
#![cfg_attr(feature = "command", doc = "```no_run")]
#![cfg_attr(not(feature = "command"), doc = "```ignore")]
//! use tidegate::{AppError, Body, Environ, Program, StartResponse};
//!
//! fn application(environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
//!     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
//!     Ok(Body::from(format!("You asked for {}\n", environ.path().escape_ascii())))
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     Program::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).run(|| Ok(application))
//! }
//! ```
//!
//! `cargo run -- serve --workers 2 --http 127.0.0.1:8080` serves it.
//!
//! # A server in a process of your own
//!
//! A [`Worker`] serves on the thread that runs it, until a [`Stopper`] says so:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use std::thread;
//!
//! use tidegate::{Body, Environ, Inherited, Limits, ListenOptions, Listener, ProtocolName, StartResponse, Stop, Worker};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What goes wrong is logged, and without a logger it would be lost.
//! env_logger::init();
//! let application = |_: Environ, start_response: StartResponse| {
//!     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
//!     Ok(Body::from("Hello, World\n"))
//! };
//! let (anywhere, options) = ("127.0.0.1:0".parse()?, ListenOptions::default());
//! let listeners = Listener::bind(ProtocolName::Http, &anywhere, &options, &mut Inherited::none())?;
//! let address = listeners[0].address();
//! let mut worker = Worker::new(listeners, application, Limits::default())?;
//!
//! let stopper = worker.stopper();
//! let client = thread::spawn(move || {
//!     let mut answer = String::new();
//!     let asked = TcpStream::connect(address).and_then(|mut socket| {
//!         socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
//!         socket.read_to_string(&mut answer)
//!     });
//!     stopper.stop(Stop::Gracefully);
//!     asked.map(|_| answer)
//! });
//! worker.run()?;
//! let answer = client.join().expect("the client does not panic")?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nHello, World\n"));
//! # Ok(())
//! # }
//! ```
//!
//! [`Worker::run_on_threads`] has several threads for applications that wait for others, as a database does.
//!
//! A server that is a program of its own has SIGTERM and SIGINT stop it with [`Stopper::on_signals`]. What drives its
//! sockets itself finds the state machine in [`connection`] and the grammars in [`protocol`].
//!
//! # Errors
//!
//! An [`AppError`], which any error becomes by `?`, and a panic are a 500 if nothing was sent yet, else a response that is
//! seen to be broken off. Why is said by way of the crate `log`: [`Program`] writes it to stderr, or to its `--log-file`, but
//! **with a `Worker` of your own it is lost unless you set a logger**, as `env_logger::init()` does, before it runs. An
//! [`Observer`](observer::Observer) is told of each request.
//!
//! # Features
//!
//! - `command`, a default one: [`Program`], the binary `tidegate`, systemd's sockets, and [`cli`] for packages of other
//!   languages. `default-features = false` leaves it out, and half of the dependencies with it.
//!
//! # Where it runs
//!
//! On Linux, and nowhere else: it is built on epoll, accept4 and sendfile. The oldest Rust that builds it is 1.88.

mod application;
mod ascii;
#[cfg(feature = "command")]
pub mod cli;
pub mod connection;
#[cfg(feature = "command")]
mod expression;
mod limits;
#[cfg(feature = "command")]
mod master;
// Of these three the command uses the rest; what is not used at all, the default build finds.
#[cfg_attr(not(feature = "command"), allow(dead_code, unused_imports))]
mod net;
#[cfg_attr(not(feature = "command"), allow(dead_code, unreachable_pub))]
mod process;
#[cfg_attr(not(feature = "command"), allow(dead_code, unused_imports))]
pub mod protocol;
mod static_files;
mod telemetry;
mod worker;

pub use bytes::Bytes;

pub use application::environ::Environ;
pub use application::input::Input;
pub use application::response_head::{HeadError, ResponseHead};
pub use application::variables::Variables;
pub use application::{AppError, Application, Body, StartError, StartResponse};
#[cfg(feature = "command")]
pub use cli::program::Program;
pub use limits::Limits;
pub use net::listener::{
    Address, AddressError, Inherited, ListenError, ListenOptions, Listener, OptionError, Owner, parse_network,
};
pub use net::stream::Peer;
pub use protocol::ProtocolName;
pub use static_files::StaticFiles;
pub use telemetry::observer;
pub use worker::Worker;
pub use worker::stop::{Stop, Stopper};
