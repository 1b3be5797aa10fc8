//! A client that leaves early ends the iteration, and closes the body.

use std::io::Write;

use bytes::Bytes;

use crate::support::application::{Alive, PLAIN, endless};
use crate::support::client::{get, read_until};
use crate::support::eventually;
use crate::support::server::Server;

/// A server of endless streams, of chunks that a client has no room for or of empty ones.
fn streams() -> (Server, Alive) {
    let alive = Alive::default();
    let bodies = alive.clone();
    let server = Server::start(move |environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        let empty = || std::iter::repeat_with(|| Ok(Bytes::new()));
        Ok(match environ.path() {
            b"/silent" => bodies.body(std::iter::once(Ok(Bytes::from("first"))).chain(empty())),
            _ => bodies.body(endless()),
        })
    });
    (server, alive)
}

#[test]
fn a_client_that_leaves_before_its_request_is_served() {
    let (server, alive) = streams();
    for remote in &server.remotes {
        for _ in 0..20 {
            drop(remote.send(get("/")));
        }
        let mut client = remote.send(&get("/")[..10]);
        client.write_all(&get("/")[10..]).unwrap();
        drop(client);
    }
    // Those behind them are served.
    for remote in &server.remotes {
        read_until(&remote.send(get("/")), "~");
    }
    eventually("all bodies are closed", || alive.now() == 0);
}

#[test]
fn a_client_that_leaves_while_the_application_has_nothing_to_say() {
    let (server, alive) = streams();
    for remote in &server.remotes {
        let client = remote.send(get("/silent"));
        read_until(&client, "first");
        drop(client);
        eventually("the body is closed", || alive.now() == 0);
    }
}
