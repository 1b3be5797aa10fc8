//! A real nginx before the worker, its upstream over TCP and over a unix socket.
//!
//! What is checked is what the client of nginx sees, and what the application does.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;

mod endings;
mod requests;
mod responses;

use support::nginx::Nginx;
use support::server::Server;

/// The usual location.
const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";

/// Puts an nginx with these locations before each of the server's listeners in turn.
fn through_nginx(server: &Server, locations: &str, check: impl Fn(&Nginx)) {
    for remote in &server.remotes {
        // Seen if the check fails.
        println!("uwsgi_pass {}", remote.name);
        check(&Nginx::start(remote, locations));
    }
}
