//! The closed loop: a fixed number of requests in flight, each followed by another as soon as its reply is
//! complete: on the same connection where the protocol keeps it alive, else on a new one, as nginx's uwsgi_pass
//! does it.
//!
//! The load must cost less than the server, or it measures itself. Per request it spends five system calls
//! (socket, connect, send, recv, close), or two on a connection that stays, and shares one poll between all
//! connections. Where the reply ends with the connection, the poll asks for the peer's hang-up alone, so the
//! reply, by then complete, is one recv, if it fits the socket's buffer; a longer one is read as it comes.
//! For small replies the poll never sleeps: on a core of its own the loop may spin, and a server that has no other process
//! to wake is measured alone. For large ones it sleeps, as nginx does: a poll that spins over sockets that are being
//! written to keeps taking their cache lines from the server, the more so the more responses it has in hand.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

use crate::address::Address;
use crate::protocol::Protocol;
use crate::reply::Checker;
use crate::stream::Stream;

/// A server that gives no reply for this long has stalled, and the run is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than a socket's buffer holds by default, so that one recv takes a whole reply.
const REPLY_BUFFER: usize = 256 << 10;

/// A body up to this length fits a socket's buffer together with its head, however small the writes were.
const SMALL_BODY: usize = 16 << 10;

/// What is asked of a server, and what the answer must be.
pub struct Target<'a> {
    /// The server.
    pub address: &'a Address,
    /// What it speaks.
    pub protocol: Protocol,
    /// Whole requests in that protocol, at least one: they are made in turns.
    pub packets: &'a [Vec<u8>],
    /// Every reply's, exactly.
    pub body: &'a [u8],
}

/// When to stop: whichever comes first.
#[derive(Clone, Copy)]
pub struct Bound {
    /// No request is made after it.
    pub time: Duration,
    /// No more requests than these.
    pub requests: u64,
}

/// What a run tells.
pub struct Report {
    /// All of them answered, and answered right.
    pub requests: u64,
    /// From the first connect to the last reply.
    pub elapsed: Duration,
    /// Nanoseconds from the request (from the connect, if there is one for each) to the end of the reply, one
    /// entry per request.
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
        if flight.is_over() && (!more || flight.launched == bound.requests) {
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

impl Target<'_> {
    /// Whether a reply is there when its connection is closed, and not before.
    fn comes_at_once(&self) -> bool {
        !self.protocol.keeps_alive() && self.is_small()
    }

    fn is_small(&self) -> bool {
        self.body.len() <= SMALL_BODY
    }

    /// For how long a poll may sleep.
    fn sleep(&self) -> Timespec {
        let seconds = if self.is_small() { 0 } else { PATIENCE.as_secs() };
        Timespec { tv_sec: seconds.cast_signed(), tv_nsec: 0 }
    }
}

/// One place of the flight, as long as it has a connection.
struct Connection<'a> {
    socket: OwnedFd,
    /// The request that is in flight, or was last.
    packet: &'a [u8],
    /// When that began.
    started: Instant,
    state: State,
    /// What has come of a reply that needs more than one read.
    pending: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The socket does not take the packet yet: a TCP connection may still be shaking hands.
    Unsent,
    /// The request is out.
    Asked,
    /// Kept alive, and the last reply is complete.
    Idle,
}

/// All connections, and what the replies add up to.
struct Flight<'a> {
    target: &'a Target<'a>,
    connections: Vec<Option<Connection<'a>>>,
    /// Every request made so far, answered or not.
    launched: u64,
    latency: Histogram<u64>,
    checker: Checker,
    buffer: Vec<u8>,
    /// Rooms for replies that need more than one read, which no connection has at present.
    rooms: Vec<Vec<u8>>,
}

impl<'a> Flight<'a> {
    fn new(target: &'a Target<'a>, connections: usize) -> Flight<'a> {
        Flight {
            target,
            connections: (0..connections).map(|_| None).collect(),
            launched: 0,
            latency: latencies(),
            checker: Checker::new(target.protocol, target.body),
            buffer: vec![0; REPLY_BUFFER],
            rooms: Vec::new(),
        }
    }

    /// Whether no request is in flight.
    fn is_over(&self) -> bool {
        self.connections.iter().flatten().all(|connection| connection.state == State::Idle)
    }

    fn report(self, elapsed: Duration) -> Report {
        Report {
            requests: self.latency.len(),
            elapsed,
            reply_bytes: self.checker.reply_bytes(),
            latency: self.latency,
        }
    }

    /// Gives every free place a request. A full backlog leaves the rest for the next turn.
    fn launch(&mut self, limit: u64) -> io::Result<()> {
        for place in &mut self.connections {
            if self.launched == limit {
                break;
            }
            let packet = &self.target.packets[self.launched as usize % self.target.packets.len()];
            match place {
                None => match Connection::open(self.target, packet) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    other => *place = Some(other?),
                },
                Some(connection) if connection.state == State::Idle => {
                    connection.started = Instant::now();
                    connection.packet = packet;
                    connection.ask()?;
                }
                Some(_) => continue,
            }
            self.launched += 1;
        }
        Ok(())
    }

    /// Looks at every connection once, and takes the replies that are complete.
    fn land(&mut self) -> io::Result<()> {
        let mut places = Vec::with_capacity(self.connections.len());
        let mut waiting = Vec::with_capacity(self.connections.len());
        for (place, connection) in self.connections.iter().enumerate() {
            if let Some(connection) = connection {
                let wish = match connection.state {
                    State::Unsent => PollFlags::OUT,
                    State::Asked if self.target.comes_at_once() => PollFlags::RDHUP,
                    State::Asked => PollFlags::IN,
                    State::Idle => continue,
                };
                places.push(place);
                waiting.push(PollFd::new(&connection.socket, wish));
            }
        }
        poll(&mut waiting, Some(&self.target.sleep()))?;
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
        let Some(connection) = &mut self.connections[place] else {
            return Ok(());
        };
        if connection.state == State::Unsent {
            return connection.ask();
        }
        let (length, _) = recv(&connection.socket, &mut self.buffer[..], RecvFlags::empty())?;
        let keeps_alive = self.target.protocol.keeps_alive();
        if length == 0 && keeps_alive {
            return Err(io::Error::other("closed, though it should be kept alive"));
        }
        let reply = connection.reply(&self.buffer[..length]);
        let is_over = keeps_alive || length == 0 || self.target.comes_at_once();
        if !is_over || !self.checker.check(reply).map_err(io::Error::other)? {
            if connection.pending.is_empty() {
                connection.pending = self.rooms.pop().unwrap_or_default();
                connection.pending.extend_from_slice(&self.buffer[..length]);
            }
            return Ok(());
        }
        let nanoseconds = connection.started.elapsed().as_nanos() as u64;
        self.latency.saturating_record(nanoseconds);
        let mut room = std::mem::take(&mut connection.pending);
        if room.capacity() > 0 {
            room.clear();
            self.rooms.push(room);
        }
        if keeps_alive {
            connection.state = State::Idle;
        } else {
            self.connections[place] = None;
        }
        Ok(())
    }
}

impl<'a> Connection<'a> {
    /// Connects, and asks unless TCP is still shaking hands.
    fn open(target: &Target<'_>, packet: &'a [u8]) -> io::Result<Connection<'a>> {
        let started = Instant::now();
        let socket = target.address.connect()?;
        if !target.address.is_unix() {
            // Without TIME_WAIT: a second's requests would use up the ports otherwise.
            sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        }
        let mut connection =
            Connection { socket, packet, started, state: State::Unsent, pending: Vec::new() };
        connection.ask()?;
        Ok(connection)
    }

    fn ask(&mut self) -> io::Result<()> {
        let sent = try_send(&self.socket, self.packet)?;
        self.state = if sent { State::Asked } else { State::Unsent };
        Ok(())
    }

    /// All that has come of the reply, of which `bytes` came now.
    fn reply<'b>(&'b mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.pending.is_empty() {
            return bytes;
        }
        self.pending.extend_from_slice(bytes);
        &self.pending
    }
}

/// Nanoseconds, up to a minute.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds of the histogram are in order")
}

/// Whether the packet went out: whole, since the socket's buffer is empty, and larger.
pub(crate) fn try_send(socket: &OwnedFd, packet: &[u8]) -> io::Result<bool> {
    match send(socket, packet, SendFlags::NOSIGNAL) {
        Ok(length) if length == packet.len() => Ok(true),
        Ok(length) => Err(io::Error::other(format!("only {length} of {} bytes sent", packet.len()))),
        Err(Errno::AGAIN | Errno::NOTCONN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
