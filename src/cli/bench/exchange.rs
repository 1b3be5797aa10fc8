//! What is done in a place of the generator: its request is sent, its reply is taken, and what became of both is counted.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::endpoint::NoConnection;
use super::generator::Generator;
use super::place::State;
use super::reply::Wrong;
use super::tally::{Kind, record};

impl Generator<'_> {
    /// Goes on with what is in a place, as far as its socket lets it.
    pub(super) fn advance(&mut self, at: usize, flags: PollFlags) {
        let state = self.places[at].state;
        if state == State::Unsent && flags.intersects(PollFlags::OUT | PollFlags::ERR) {
            self.send(at);
        }
        if flags.intersects(PollFlags::IN | PollFlags::HUP) && self.places[at].state != State::Free {
            self.receive(at);
        }
    }

    pub(super) fn send(&mut self, at: usize) {
        let place = &mut self.places[at];
        let Some(socket) = &place.socket else { return };
        let bytes = &self.plan.requests[place.job.request].bytes;
        match send(socket, &bytes[place.job.sent..], SendFlags::NOSIGNAL) {
            Ok(count) => {
                place.job.sent += count;
                if place.job.sent == bytes.len() {
                    place.state = State::Asked;
                } else if place.job.sent == count {
                    self.plan.target.hold_nothing_back(socket);
                }
            }
            Err(Errno::AGAIN | Errno::NOTCONN | Errno::INTR) => {}
            // What the server has said before it closed may still be read.
            Err(Errno::PIPE) if place.job.sent > 0 => place.state = State::Asked,
            Err(Errno::PIPE | Errno::CONNRESET) if place.is_reused && place.job.sent == 0 => self.again(at),
            Err(error) => self.broken(at, &error.into()),
        }
    }

    pub(super) fn receive(&mut self, at: usize) {
        let place = &mut self.places[at];
        let Some(socket) = &place.socket else { return };
        let count = match recv(socket, &mut self.buffer[..], RecvFlags::empty()) {
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(error) => return self.broken(at, &error.into()),
        };
        if place.job.counts {
            self.tally.bytes += count as u64;
        }
        let bytes = &self.buffer[..count];
        let good = &mut self.good[place.job.request];
        if place.incoming.is_empty() && count > 0 && good.bytes == bytes {
            let code = good.code;
            return self.complete(at, code, true);
        }
        if count == 0 {
            if place.may_be_stale && place.incoming.is_empty() {
                return self.again(at);
            }
            match place.incoming.end() {
                Ok(()) => self.finish(at),
                Err(wrong) => self.fail(at, &wrong),
            }
            return;
        }
        let is_first = place.incoming.is_empty();
        match place.incoming.take(bytes, &self.plan.wanted) {
            Ok(false) => {}
            Ok(true) => {
                let is_good = place.incoming.judge(&self.plan.wanted).is_ok() && !place.incoming.closes();
                let others = self.good_bytes - good.bytes.capacity();
                let room = count.max(good.bytes.capacity());
                let has_room = count <= GOOD_BYTES_MAX && others + room <= GOOD_BYTES_IN_ALL_MAX;
                if is_first && is_good && has_room {
                    good.bytes.clear();
                    good.bytes.reserve_exact(count);
                    good.bytes.extend_from_slice(bytes);
                    good.code = place.incoming.code();
                    self.good_bytes = others + good.bytes.capacity();
                }
                self.finish(at);
            }
            Err(wrong) => self.fail(at, &wrong),
        }
    }

    /// The reply is whole, and may be the wrong one.
    fn finish(&mut self, at: usize) {
        let incoming = &self.places[at].incoming;
        let (code, closes) = (incoming.code(), incoming.closes());
        match incoming.judge(&self.plan.wanted) {
            Ok(()) => self.complete(at, code, !closes),
            Err(wrong) => {
                if self.places[at].job.counts {
                    *self.tally.statuses.entry(code).or_default() += 1;
                    self.tally.fail(wrong.kind, || wrong.why);
                }
                self.over(at, Instant::now(), !closes);
            }
        }
    }

    /// The right reply is whole.
    fn complete(&mut self, at: usize, code: u16, stays: bool) {
        let now = Instant::now();
        let job = self.places[at].job;
        if job.counts {
            record(&mut self.tally.latency, now - job.due);
            if self.schedule.is_open() {
                record(&mut self.tally.service, now - job.begun);
            }
            self.tally.in_time += u64::from(self.moments.end.is_none_or(|end| now <= end));
            *self.tally.statuses.entry(code).or_default() += 1;
        }
        self.over(at, now, stays);
    }

    /// A request is over, and its connection may serve another.
    fn over(&mut self, at: usize, now: Instant, stays: bool) {
        self.refused_since = None;
        if self.places[at].job.counts {
            self.last = now;
        }
        let is_sent = self.places[at].state == State::Asked;
        if stays && self.plan.stays && is_sent {
            return self.vacate(at, now, true);
        }
        // A server that never closes them is not waited for.
        if is_sent && self.leaving.len() < self.places.len() {
            self.leaving.extend(self.places[at].socket.take());
        }
        self.vacate(at, now, false);
    }

    /// The place is free for another request.
    pub(super) fn vacate(&mut self, at: usize, now: Instant, stays: bool) {
        let place = &mut self.places[at];
        place.state = State::Free;
        place.free_since = now;
        place.is_reused = stays;
        if !stays {
            place.socket = None;
        }
        // The next request is made when all that is ready has been read: one in between costs the server a wait of its own.
        self.free.push(at);
    }

    /// The connection could not be made, or has ended by a failure.
    pub(super) fn broken(&mut self, at: usize, error: &io::Error) {
        let place = &self.places[at];
        if place.may_be_stale && place.incoming.is_empty() {
            return self.again(at);
        }
        // One in the queue of a server that ends is reset, and was there.
        let is_reset = matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
        let is_new = place.job.sent == 0 && !is_reset;
        let kind = if is_new { Kind::Refused } else { Kind::Reset };
        if is_new {
            let now = Instant::now();
            self.refused_since.get_or_insert(now);
            // In a closed loop it would be refused as fast as the machine can.
            self.pause_until = Some(now + REFUSED_PAUSE).filter(|_| !self.schedule.is_open());
        }
        self.fail(at, &Wrong { kind, why: error.to_string() });
    }

    /// The server had closed the connection before the request came: another one is made for it.
    fn again(&mut self, at: usize) {
        self.tally.reconnects += 1;
        let place = &mut self.places[at];
        (place.is_reused, place.may_be_stale) = (false, false);
        place.job.sent = 0;
        place.state = State::Unsent;
        match self.plan.target.connect(self.plan.stays) {
            Ok(socket) => {
                place.socket = Some(socket);
                self.send(at);
            }
            Err(NoConnection::Failed(error)) => self.broken(at, &error),
            Err(NoConnection::Later) => {
                let why = "the server had closed an idle connection, and has no room for another".to_owned();
                self.fail(at, &Wrong { kind: Kind::QueueFull, why });
            }
        }
    }

    pub(super) fn fail(&mut self, at: usize, wrong: &Wrong) {
        let now = Instant::now();
        if self.places[at].job.counts {
            self.tally.fail(wrong.kind, || wrong.why.clone());
            self.last = now;
        }
        self.vacate(at, now, false);
    }
}

/// A reply that is longer is rarely in one read, bytes.
const GOOD_BYTES_MAX: usize = 64 << 10;
/// What a thread keeps of good replies, bytes: --requests may name 100,000, each with another reply.
const GOOD_BYTES_IN_ALL_MAX: usize = 64 << 20;
const REFUSED_PAUSE: Duration = Duration::from_millis(10);
