//! Connections that say nothing: what does a server keep for each?

use std::io;
use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::address::Address;

/// For all connections together.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens connections and sends nothing. The server sees them go when they are dropped.
pub fn hold(address: &Address, connections: usize) -> io::Result<Vec<OwnedFd>> {
    let deadline = Instant::now() + PATIENCE;
    let mut held = Vec::with_capacity(connections);
    while held.len() < connections {
        match address.connect() {
            Ok(socket) => held.push(socket),
            // The backlog is full: the server needs a moment to accept.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(held)
}

/// As many descriptors as this process may have. Returns that number.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let limit = Rlimit { current: maximum, maximum };
    setrlimit(Resource::Nofile, limit)?;
    Ok(maximum.unwrap_or(u64::MAX))
}
