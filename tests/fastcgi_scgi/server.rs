//! A worker with both listeners on TCP and on a unix socket, and the application of these tests.

use std::cell::Cell;
use std::ops::Deref;

use tidegate::{Limits, ListenOptions, ProtocolName, Stop};

use crate::application::application;
use crate::support;
use crate::support::application::Alive;
use crate::support::client::Remote;
use crate::support::eventually;

/// Both protocols on a TCP port of 127.0.0.1 and on a unix socket, in this order.
const REMOTES: [(ProtocolName, &str); 4] = [
    (ProtocolName::Fastcgi, "127.0.0.1:0"),
    (ProtocolName::Fastcgi, "FOLDER/fastcgi"),
    (ProtocolName::Scgi, "127.0.0.1:0"),
    (ProtocolName::Scgi, "FOLDER/scgi"),
];

/// A running worker; dropping this stops it.
pub(crate) struct Server {
    server: support::server::Server,
    bodies: Alive,
    /// Of how many bodies the close was waited for.
    awaited: Cell<usize>,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Server {
        let bodies = Alive::default();
        let application = application(bodies.clone());
        let server =
            support::server::Server::speaking(&REMOTES, &ListenOptions::default(), limits, application);
        Server { server, bodies, awaited: Cell::new(0) }
    }

    /// The listeners of a protocol: on TCP, and on a unix socket.
    pub(crate) fn remotes(&self, protocol: ProtocolName) -> [&Remote; 2] {
        let first = REMOTES.iter().position(|(of, _)| *of == protocol).expect("it listens for it");
        [&self.server.remotes[first], &self.server.remotes[first + 1]]
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
        self.awaited.set(self.awaited.get() + 1);
        eventually("a body is closed", || self.bodies.begun() - self.bodies.now() >= self.awaited.get());
    }

    /// Has it accept no more, and finish what runs; waits until it begins to.
    #[track_caller]
    pub(crate) fn order_stop(&self) {
        self.server.stopper.stop(Stop::Gracefully);
        eventually("it accepts no more", || self.fastcgi().try_connect().is_err());
    }

    /// Orders a graceful stop, and waits for its end.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.server.stopper.stop(Stop::Gracefully);
        self.server.join();
    }
}

impl Deref for Server {
    type Target = support::server::Server;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}
