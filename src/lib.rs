//! Tidegate: the application server behind nginx's `uwsgi_pass`, and `proxy_pass`, `fastcgi_pass` and `scgi_pass`.
//!
//! One request's life:
//!
//! 1. a [`listener`] accepts a socket, and the [`worker`], the only loop, gives it to a [`connection`];
//! 2. the connection reads, and its [`protocol`] decodes the bytes;
//! 3. a complete request is an [`environ`] (its [`variables`], and the body as [`input`]);
//! 4. the [`exchange`] calls the [`application`], which starts the [`response`] and returns a body;
//! 5. the protocol frames head and chunk into the [`outbox`];
//! 6. the connection flushes it as the [`stream`] takes it, and asks for the next chunk when all is gone.
//!
//! An [`observer`] may be told of each step: the [`access_log`], the [`trace`]. Every bound is in [`limits`]. The
//! command is [`cli`], and [`demo`] holds what it serves. Its [`master`] keeps workers alive; each has a [`link`] to it
//! and a row on the [`scoreboard`], of which [`stats`] tells. Imports run one way, and `tests/layering.rs` holds them
//! to it:
//!
//! ```text
//! main → cli → master → worker → acceptor → listener
//!         │       │         ├→ link, scoreboard
//!         │       │         └→ connection → protocol → { uwsgi, http, fastcgi, scgi } → environ → variables, input
//!         │       │                 └→ exchange → response → application → environ, client
//!         │       └→ stats → scoreboard
//!         └→ demo, access_log, trace → observer
//! ```

pub mod access_log;
pub mod application;
pub mod cli;
pub mod client;
pub mod connection;
pub mod demo;
pub mod environ;
pub mod exchange;
pub mod fork_watch;
pub mod input;
pub mod limits;
pub mod link;
pub mod listener;
pub mod master;
pub mod observer;
pub mod outbox;
pub mod protocol;
pub mod response;
pub mod scoreboard;
pub mod stats;
pub mod stop;
pub mod stream;
pub mod trace;
pub mod variables;
pub mod worker;

mod acceptor;
mod date;
mod descriptors;
mod last_words;
mod losses;
mod nearest;
mod throttle;

pub use application::{AppError, Application, Body, StartError, StartResponse};
pub use environ::Environ;
pub use input::Input;
pub use limits::Limits;
pub use listener::{Address, Inherited, ListenOptions, Listener};
pub use protocol::Scheme;
pub use stop::{Stop, Stopper};
pub use worker::Worker;
