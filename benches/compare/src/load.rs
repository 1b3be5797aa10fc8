//! The closed loop: a fixed number of connections, each replaced by a new one as soon as its reply
//! is complete, one request per connection, as nginx's uwsgi_pass does it.
//!
//! The load must cost less than the server, or it measures itself. Per request it spends five
//! system calls (socket, connect, send, recv, close) and shares one poll between all connections:
//! the poll asks for the peer's hang-up alone, so the reply, by then complete, is one recv. A reply
//! must therefore fit the socket's buffer, as every small one does. The poll never sleeps: on a
//! core of its own the loop may spin, and a server that has nobody to wake is measured alone.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

use crate::address::Address;
use crate::reply::Checker;
use crate::stream::Stream;

/// A server that gives no reply for this long has stalled, and the run is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than a socket's buffer holds by default, so that one recv takes a whole reply.
const REPLY_BUFFER: usize = 256 << 10;

/// What is asked, of whom, and what the answer must be.
pub struct Target<'a> {
    /// The server.
    pub address: &'a Address,
    /// One whole request.
    pub packet: &'a [u8],
    /// The reply's, exactly.
    pub body: &'a [u8],
}

/// When to stop: whichever comes first.
#[derive(Clone, Copy)]
pub struct Bound {
    /// No connection is made after it.
    pub time: Duration,
    /// No more connections than these.
    pub requests: u64,
}

/// What a run tells.
pub struct Report {
    /// All of them answered, and answered right.
    pub requests: u64,
    /// From the first connect to the last reply.
    pub elapsed: Duration,
    /// Nanoseconds from the connect to the end of the reply, one entry per request.
    pub latency: Histogram<u64>,
    /// Head and body of one.
    pub reply_bytes: usize,
}

impl Report {
    /// The throughput.
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that `quantile` of all requests stayed within.
    pub fn within(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_quantile(quantile))
    }
}

/// Keeps `connections` requests in flight until `bound`; meanwhile drains `streams`, one read each
/// per turn, so that they keep the server busy and the small requests are still timed well.
pub fn run(
    target: &Target<'_>,
    connections: usize,
    bound: Bound,
    streams: &mut [Stream],
) -> io::Result<Report> {
    let mut flight = Flight::new(target, connections);
    let start = Instant::now();
    let mut progress = (0, start);
    loop {
        let now = Instant::now();
        let more = now - start < bound.time;
        if more {
            flight.launch(bound.requests)?;
        }
        if flight.is_empty() && (!more || flight.launched == bound.requests) {
            return Ok(flight.report(now - start));
        }
        flight.land()?;
        for stream in &mut *streams {
            stream.pull(&mut flight.buffer)?;
        }
        if progress.0 != flight.latency.len() {
            progress = (flight.latency.len(), now);
        } else if now - progress.1 > PATIENCE {
            let text = format!("no reply for {} s", PATIENCE.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
    }
}

/// One connection in flight.
struct Request {
    socket: OwnedFd,
    started: Instant,
    /// Only a TCP connection may still be shaking hands, and not yet take the packet.
    sent: bool,
}

/// All connections, and what the replies add up to.
struct Flight<'a> {
    target: &'a Target<'a>,
    requests: Vec<Option<Request>>,
    /// Every connection made so far, answered or not.
    launched: u64,
    latency: Histogram<u64>,
    checker: Checker,
    buffer: Vec<u8>,
}

impl<'a> Flight<'a> {
    fn new(target: &'a Target<'a>, connections: usize) -> Flight<'a> {
        Flight {
            target,
            requests: (0..connections).map(|_| None).collect(),
            launched: 0,
            latency: Histogram::new_with_bounds(1, 60_000_000_000, 3)
                .expect("the bounds of the histogram are in order"),
            checker: Checker::new(target.body),
            buffer: vec![0; REPLY_BUFFER],
        }
    }

    fn is_empty(&self) -> bool {
        self.requests.iter().all(Option::is_none)
    }

    fn report(self, elapsed: Duration) -> Report {
        Report {
            requests: self.latency.len(),
            elapsed,
            reply_bytes: self.checker.reply_bytes(),
            latency: self.latency,
        }
    }

    /// Fills every free place. A full backlog leaves the rest for the next turn.
    fn launch(&mut self, limit: u64) -> io::Result<()> {
        for place in self.requests.iter_mut().filter(|place| place.is_none()) {
            if self.launched == limit {
                break;
            }
            let started = Instant::now();
            let socket = match self.target.address.connect() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                other => other?,
            };
            if !self.target.address.is_unix() {
                // Without TIME_WAIT: a second's requests would use up the ports otherwise.
                sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
            }
            let sent = try_send(&socket, self.target.packet)?;
            *place = Some(Request { socket, started, sent });
            self.launched += 1;
        }
        Ok(())
    }

    /// Looks at every connection once, and takes the replies that are complete.
    fn land(&mut self) -> io::Result<()> {
        let mut places = Vec::with_capacity(self.requests.len());
        let mut waiting = Vec::with_capacity(self.requests.len());
        for (place, request) in self.requests.iter().enumerate() {
            if let Some(request) = request {
                let wish = if request.sent { PollFlags::RDHUP } else { PollFlags::OUT };
                places.push(place);
                waiting.push(PollFd::new(&request.socket, wish));
            }
        }
        poll(&mut waiting, Some(&Timespec::default()))?;
        let ready: Vec<usize> = (places.into_iter().zip(&waiting))
            .filter(|(_, waiting)| !waiting.revents().is_empty())
            .map(|(place, _)| place)
            .collect();
        for place in ready {
            self.advance(place)?;
        }
        Ok(())
    }

    /// Sends what was not sent yet, or takes the reply and frees the place.
    fn advance(&mut self, place: usize) -> io::Result<()> {
        let Some(request) = &mut self.requests[place] else {
            return Ok(());
        };
        if !request.sent {
            request.sent = try_send(&request.socket, self.target.packet)?;
            return Ok(());
        }
        let (length, _) = recv(&request.socket, &mut self.buffer[..], RecvFlags::empty())?;
        self.checker.check(&self.buffer[..length]).map_err(io::Error::other)?;
        let nanoseconds = request.started.elapsed().as_nanos() as u64;
        self.latency.saturating_record(nanoseconds);
        self.requests[place] = None;
        Ok(())
    }
}

/// Whether the packet went out: whole, since a fresh socket's buffer is larger.
pub(crate) fn try_send(socket: &OwnedFd, packet: &[u8]) -> io::Result<bool> {
    match send(socket, packet, SendFlags::NOSIGNAL) {
        Ok(length) if length == packet.len() => Ok(true),
        Ok(length) => Err(io::Error::other(format!("only {length} of {} bytes sent", packet.len()))),
        Err(Errno::AGAIN | Errno::NOTCONN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
