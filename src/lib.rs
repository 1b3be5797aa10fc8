//! Tidegate: the application server behind nginx's `uwsgi_pass`, and `proxy_pass`, `fastcgi_pass` and `scgi_pass`.
//!
//! One request's life:
//!
//! 1. a [`listener`](net::listener) accepts a socket, and the [`worker`], the only loop, gives it to a [`connection`];
//! 2. the connection reads, and its [`protocol`] decodes the bytes;
//! 3. a complete request is an [`Environ`]: its variables, and the body as [`Input`];
//! 4. the [`exchange`](connection::exchange) calls the [`application`], which starts the response and returns a body;
//! 5. the protocol frames head and chunk into the [`outbox`](connection::outbox);
//! 6. the connection flushes it as the [`stream`](net::stream) takes it, and asks for the next chunk when all is gone.
//!
//! An [`observer`](telemetry::observer) may be told of each step. Every bound is in [`limits`]. A room imports what stands
//! below it, and `tests/layering.rs` holds it to that:
//!
//! ```text
//! cli            the command: its options, its subcommands, the demo
//! master         processes: it binds, forks and watches
//! worker         the event loop, the only clock
//! connection     one peer: what is being done for it, and what it is owed
//! telemetry      what is told: observers, the scoreboard, statistics
//! net            sockets: listeners and streams
//! protocol       bytes in, requests out; a response in, bytes out
//! application    the contract with the application: PEP 3333's
//! limits         every bound; beside it ascii and process, which know of nothing else
//! ```

#![cfg_attr(
    not(feature = "command"),
    allow(dead_code, reason = "the command uses the rest; what nobody uses at all, the default build finds")
)]

pub mod application;
pub mod ascii;
#[cfg(feature = "command")]
pub mod cli;
pub mod connection;
pub mod limits;
#[cfg(feature = "command")]
pub mod master;
pub mod net;
pub mod process;
pub mod protocol;
pub mod telemetry;
pub mod worker;

pub use bytes::Bytes;

pub use application::environ::Environ;
pub use application::input::Input;
pub use application::{AppError, Application, Body, StartError, StartResponse};
#[cfg(feature = "command")]
pub use cli::Program;
pub use limits::Limits;
pub use net::listener::{Address, Inherited, ListenOptions, Listener};
pub use protocol::ProtocolName;
pub use worker::Worker;
pub use worker::stop::{Stop, Stopper};
