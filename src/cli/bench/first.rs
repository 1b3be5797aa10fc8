//! One request before all others: what is wrong with the server or the question is told at once, in a line.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use super::super::Result;
use super::super::request::{Protocol, Socket};
use super::plan::Plan;
use super::reply::{Incoming, Wrong};
use super::tally::Kind;

/// Makes the plan's first request. Any answer that is not the right one is an error.
pub(super) fn ask(plan: &Plan) -> Result<()> {
    let target = &plan.target;
    let failed = |what: &str, error: &io::Error| format!("{target}: {what}: {error}");
    let until = Instant::now() + plan.timeout;
    let socket = Socket::connect(target.address(), plan.timeout)
        .map_err(|error| format!("cannot connect to {}: {error}", target.address()))?;
    let mut socket = Bounded { socket, until };
    let request = &plan.requests[0];
    // A server that refuses a body may answer before it has read all of it.
    let sent = socket.write_all(&request.bytes);
    let mut incoming = Incoming::new(target.protocol, request.is_head);
    let mut buffer = vec![0; READ_BYTES];
    let done = loop {
        match socket.read(&mut buffer) {
            Ok(0) => break incoming.end(),
            Ok(count) => match incoming.take(&buffer[..count], &plan.wanted) {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(wrong) => break Err(wrong),
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(late(plan, &incoming).into());
            }
            Err(error) => match sent {
                Err(error) => return Err(failed("cannot send the request", &error).into()),
                Ok(()) => return Err((failed("no reply", &error) + &other(target.protocol)).into()),
            },
        }
    };
    match done.and_then(|()| incoming.judge(&plan.wanted)) {
        Ok(()) => Ok(()),
        Err(Wrong { kind: Kind::Status, why }) => Err(format!(
            "{target}: the reply to {} is \"{why}\": ask for another PATH, or say --status if that is what it should be{}",
            request.name,
            if incoming.code() == 400 { other(target.protocol) } else { String::new() },
        )
        .into()),
        Err(Wrong { kind: Kind::Text, why }) => Err(format!("{target}: {}: {why}", request.name).into()),
        Err(Wrong { why, .. }) => Err(format!(
            "{target}: no valid reply to {}: {why}{}",
            request.name,
            other(target.protocol)
        )
        .into()),
    }
}

/// There is no whole reply yet.
fn late(plan: &Plan, incoming: &Incoming) -> String {
    let Plan { target, timeout, requests, .. } = plan;
    let (name, timeout) = (&requests[0].name, timeout.as_secs_f64());
    if incoming.is_empty() {
        return format!("{target}: no reply to {name} within {timeout} s{}", other(target.protocol));
    }
    format!("{target}: no whole reply to {name} within {timeout} s (--timeout): {} came", incoming.so_far())
}

/// A socket that takes no longer for all that is done with it, and not for each part alone.
struct Bounded {
    socket: Socket,
    until: Instant,
}

impl Bounded {
    fn arm(&self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.socket.set_timeout(left)
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.arm()?;
        self.socket.read(buffer)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.arm()?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A hint: the port may be another protocol's.
fn other(protocol: Protocol) -> String {
    let others = Protocol::ALL.into_iter().filter(|other| *other != protocol).map(Protocol::name);
    format!(" (this asks over {}; does it speak {}?)", protocol.name(), others.collect::<Vec<_>>().join(", "))
}

const READ_BYTES: usize = 64 << 10;
