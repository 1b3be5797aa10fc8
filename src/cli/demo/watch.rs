//! One request as it happens: a packet as nginx would send it, a worker that serves it, and what `--trace` tells of that.
//!
//! The worker is one of its own for this one request, as the one that serves the visitor is in the middle of the
//! visitor's; the client is a thread. It is the same code, and every byte and every time is one that was.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::Builtin;
use crate::application::AppError;
use crate::cli::request::{Request, Socket};
use crate::limits::Limits;
use crate::net::listener::{Address, Inherited, ListenOptions, Listener};
use crate::protocol::ProtocolName;
use crate::telemetry::trace::Trace;
use crate::worker::Worker;
use crate::worker::stop::Stop;

/// A request of the demo's that can be watched. Each is short: whoever watches it waits for it, and so does the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watchable {
    /// How it is asked for.
    pub(super) name: &'static str,
    /// What the request asks for.
    pub(super) target: &'static str,
    body: Option<&'static str>,
    /// What there is to see.
    pub(super) what: &'static str,
}

/// All of them.
pub(super) const WATCHABLE: [Watchable; 5] = [
    Watchable { name: "hello", target: "/hello", body: None, what: "the smallest response" },
    Watchable { name: "environ", target: "/environ?a=1&b=2", body: None, what: "a query" },
    Watchable { name: "echo", target: "/echo", body: Some("text=caf\u{e9}"), what: "a POST and its body" },
    Watchable { name: "stream", target: "/stream?chunks=3&size=64", body: None, what: "three chunks" },
    Watchable { name: "nothing", target: "/nothing", body: None, what: "a 404" },
];

/// What happened.
pub(super) struct Watched {
    /// What was sent.
    pub(super) packet: Vec<u8>,
    /// What the worker told, as `--trace` prints it.
    pub(super) trace: String,
    /// What came back, up to the connection's end.
    pub(super) reply: Vec<u8>,
}

impl Watchable {
    /// The method of the request.
    pub(super) fn method(&self) -> &'static str {
        if self.body.is_some() { "POST" } else { "GET" }
    }

    /// What does the same to a server at `address`, in a shell.
    pub(super) fn command(&self, address: &str) -> String {
        let data = self.body.map(|body| format!(" -d '{body}'")).unwrap_or_default();
        format!("tidegate request {address} '{}'{data}", self.target)
    }

    /// Sends it, and has it served.
    pub(super) fn watch(&self) -> Result<Watched, AppError> {
        let told = Told::default();
        let address = Address::Tcp { host: "127.0.0.1".to_owned(), port: 0 };
        let options = ListenOptions::default();
        let listeners = Listener::bind(ProtocolName::Uwsgi, &address, &options, &mut Inherited::none())
            .map_err(failed)?;
        let address = listeners.first().map(Listener::address).unwrap_or_default();
        let address: Address = address.parse().map_err(failed)?;
        let mut worker = Worker::new(listeners, Builtin::Demo, Limits::default())?;
        worker.observe(Box::new(Trace::new(Box::new(told.clone()))));
        let stopper = worker.stopper();
        let (packet, reply) = thread::scope(|scope| {
            let client = move || {
                let exchanged = self.exchange(&address);
                // All is served by now, or never will be; and a stranger who has found the port holds nobody up.
                stopper.stop(Stop::Now);
                exchanged
            };
            let client = thread::Builder::new().name("demo-client".to_owned()).spawn_scoped(scope, client)?;
            let served = worker.run();
            let exchanged =
                client.join().map_err(|_| AppError::new("the client of a watched request panicked"))?;
            served.map_err(AppError::from).and(exchanged)
        })?;
        Ok(Watched { packet, trace: told.text(), reply })
    }

    /// The packet that was sent, and all that came back.
    fn exchange(&self, address: &Address) -> Result<(Vec<u8>, Vec<u8>), AppError> {
        let mut request = Request::new(self.target.as_bytes()).map_err(failed)?;
        if let Some(body) = self.body {
            request.set_body(body.as_bytes().to_vec());
        }
        let mut socket = Socket::connect(address, TIME_MAX)?;
        let packet = request.uwsgi(socket.local()).map_err(failed)?;
        socket.write_all(&packet)?;
        let mut reply = Vec::new();
        socket.read_to_end(&mut reply)?;
        Ok((packet, reply))
    }
}

fn failed(error: impl ToString) -> AppError {
    AppError::new(format!("no request can be watched here: {}", error.to_string()))
}

/// Where the trace is written.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Told {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// It takes a millisecond or two; on a machine that is not able to, no worker waits for ever.
const TIME_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_happened() {
        for (watchable, status) in WATCHABLE.iter().zip([200, 200, 200, 200, 404]) {
            let Watched { packet, trace, reply } = watchable.watch().unwrap();
            let datasize = u16::from_le_bytes([packet[1], packet[2]]);
            assert!(
                trace.contains(&format!("received        {} bytes from 127.0.0.1:", packet.len())),
                "{trace}"
            );
            assert!(trace.contains(&format!("datasize {datasize}, ")), "{trace}");
            assert!(reply.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{}", reply.escape_ascii());
            assert!(
                trace.contains(&format!("finished        {status}, {} bytes in ", reply.len())),
                "{trace}"
            );
            assert!(trace.contains(&format!("REQUEST_METHOD   {}", watchable.method())), "{trace}");
        }
    }
}
