//! The loop of one thread: it makes requests as its schedule says, and takes the replies.
//!
//! It must cost less than the server, or it measures itself. A request takes two system calls on a connection that
//! stays, else five, and all connections share a poll. With [`Plan::spins`] that never sleeps: no server has then to
//! wake another process, which costs it time.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::endpoint::NoConnection;
use super::order::Picker;
use super::own::{Own, Watch};
use super::place::{Job, Place, State};
use super::plan::Plan;
use super::reply::{Incoming, Wrong};
use super::schedule::{Moments, Schedule, share};
use super::tally::{Kind, Tally, record};

/// A second of one thread, counted from the end of the warm-up.
pub(super) struct Slice {
    pub(super) second: u64,
    pub(super) tally: Tally,
}

/// What a thread comes to besides its slices.
pub(super) struct Ended {
    pub(super) own: Own,
    /// When the last request that counts was over.
    pub(super) last: Instant,
    /// Why it gave up.
    pub(super) gave_up: Option<String>,
}

/// All that a thread has in hand.
pub(super) struct Generator<'a> {
    pub(super) plan: &'a Plan,
    pub(super) moments: Moments,
    pub(super) schedule: Schedule,
    picker: Picker,
    pub(super) places: Vec<Place>,
    /// Places without a request; the last one is taken first.
    pub(super) free: Vec<usize>,
    /// Connections whose last reply is whole, until the server has closed them: closed first by us, TCP would reset them, and a
    /// unix socket costs us more.
    pub(super) leaving: Vec<OwnedFd>,
    /// Whether the last poll found no request to go on with.
    is_idle: bool,
    /// The last good reply to each request, if it came in one read: the same bytes again need no parsing.
    pub(super) good: Vec<Good>,
    /// The room that those replies have together, bytes.
    pub(super) good_bytes: usize,
    pub(super) buffer: Vec<u8>,
    second: u64,
    pub(super) tally: Tally,
    slices: Sender<Slice>,
    pub(super) last: Instant,
    /// No connection is made before: the server has refused one.
    pub(super) pause_until: Option<Instant>,
    /// Since when the server has refused each connection.
    pub(super) refused_since: Option<Instant>,
    looked_at: Instant,
}

#[derive(Clone, Default)]
pub(super) struct Good {
    pub(super) bytes: Vec<u8>,
    pub(super) code: u16,
}

impl<'a> Generator<'a> {
    /// The generator of thread `thread`.
    pub(super) fn new(plan: &'a Plan, moments: Moments, thread: usize, slices: Sender<Slice>) -> Self {
        let count = usize::try_from(share(plan.connections as u64, plan.threads, thread)).unwrap_or(1).max(1);
        let fresh = Incoming::new(plan.target.protocol, false);
        Generator {
            plan,
            moments,
            schedule: Schedule::new(plan, moments, thread),
            picker: Picker::new(plan, thread),
            places: (0..count).map(|_| Place::new(moments.start, fresh.clone())).collect(),
            free: (0..count).rev().collect(),
            leaving: Vec::with_capacity(count),
            is_idle: true,
            good: vec![Good::default(); plan.requests.len()],
            good_bytes: 0,
            buffer: vec![0; READ_BYTES],
            second: 0,
            tally: Tally::new(),
            slices,
            last: moments.counted_from,
            pause_until: None,
            refused_since: None,
            looked_at: moments.start,
        }
    }

    /// Runs until the schedule is done, or `stop` is set.
    pub(super) fn run(mut self, stop: &AtomicBool) -> Ended {
        thread::sleep(self.moments.start.saturating_duration_since(Instant::now()));
        let mut watch = Watch::new(self.moments.counted_from, self.plan.spins);
        let gave_up = loop {
            let now = Instant::now();
            watch.turn(now);
            self.roll(now);
            self.launch(now);
            if stop.load(Ordering::Relaxed) || self.is_over(now) {
                break None;
            }
            if let Some(since) = self.refused_since.filter(|since| now - *since >= REFUSED_MAX) {
                break Some(format!("connections have been refused for {} s", (now - since).as_secs()));
            }
            let ready = match self.wait(now) {
                Ok(ready) => ready,
                Err(error) => break Some(format!("poll: {error}")),
            };
            watch.polled(!self.is_idle);
            for (at, flags) in ready {
                self.advance(at, flags);
            }
            self.expire(now);
        };
        let now = Instant::now();
        if !stop.load(Ordering::Relaxed) {
            for _ in 0..self.schedule.behind(now) {
                self.tally.fail(Kind::Unsent, || "no connection was free until the end".to_owned());
            }
        }
        let (second, tally) = (self.second, std::mem::replace(&mut self.tally, Tally::new()));
        // Nobody listens only where the run has been given up.
        let _ = self.slices.send(Slice { second, tally });
        Ended { own: watch.end(now), last: self.last, gave_up }
    }

    /// Whether all is done, or has had its time.
    fn is_over(&self, now: Instant) -> bool {
        let is_drained = self.free.len() == self.places.len();
        is_drained && (self.schedule.next(now).is_none() || self.is_late(now))
    }

    /// Whether what is still due is not made any more.
    fn is_late(&self, now: Instant) -> bool {
        self.moments.end.is_some_and(|end| now > end + self.plan.timeout)
    }

    /// Hands over the second that is over.
    fn roll(&mut self, now: Instant) {
        let second =
            now.saturating_duration_since(self.moments.counted_from).as_secs().min(self.moments.last_second);
        if second > self.second {
            let tally = std::mem::replace(&mut self.tally, Tally::new());
            let _ = self.slices.send(Slice { second: self.second, tally });
            self.second = second;
        }
    }

    /// Makes each request that is due, as long as there is a place for it.
    fn launch(&mut self, mut now: Instant) {
        if self.pause_until.is_some_and(|until| now < until) || self.is_late(now) {
            return;
        }
        self.pause_until = None;
        while self.pause_until.is_none()
            && let Some(due) = self.schedule.next(now).filter(|due| *due <= now)
            && let Some(at) = self.free.pop()
        {
            let place = &mut self.places[at];
            let could = due.max(place.free_since);
            if !self.occupy(at, due, now) {
                return;
            }
            if self.schedule.is_open() && self.places[at].job.counts {
                record(&mut self.tally.lag, now.saturating_duration_since(could));
            }
            // What the request has taken is not the next one's.
            now = Instant::now();
        }
    }

    /// Puts the next request into a free place. Returns false if there is no connection to be had now.
    fn occupy(&mut self, at: usize, due: Instant, now: Instant) -> bool {
        let place = &mut self.places[at];
        let socket = match place.socket.take() {
            Some(socket) => Ok(socket),
            None => self.plan.target.connect(self.plan.stays),
        };
        if let Err(NoConnection::Later) = socket {
            // The server's doing, and not ours.
            place.free_since = now;
            self.free.push(at);
            return false;
        }
        let counts = self.schedule.take(due);
        let request = self.picker.next();
        place.may_be_stale =
            place.is_reused && now.saturating_duration_since(place.free_since) >= STALE_AFTER;
        place.job = Job { request, sent: 0, due, begun: now, counts };
        place.incoming = Incoming::new(self.plan.target.protocol, self.plan.requests[request].is_head);
        place.state = State::Unsent;
        match socket {
            Ok(socket) => {
                place.socket = Some(socket);
                self.send(at);
                true
            }
            Err(NoConnection::Failed(error)) => {
                self.broken(at, &error);
                self.pause_until.is_none()
            }
            Err(NoConnection::Later) => false,
        }
    }

    /// Waits until a socket is ready, or something is due.
    fn wait(&mut self, now: Instant) -> io::Result<Vec<(usize, PollFlags)>> {
        let timeout = Timespec::try_from(self.sleep(now)).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
        let mut waiting = Vec::with_capacity(self.places.len() + self.leaving.len());
        let mut places = Vec::with_capacity(self.places.len());
        for (at, place) in self.places.iter().enumerate() {
            let wish = match place.state {
                State::Free => continue,
                State::Unsent => PollFlags::OUT | PollFlags::IN,
                State::Asked => PollFlags::IN,
            };
            if let Some(socket) = &place.socket {
                waiting.push(PollFd::new(socket, wish));
                places.push(at);
            }
        }
        // To look at them costs as much as at the others: who never sleeps does it when there is nothing else to do.
        let looks_back = !self.plan.spins || self.is_idle || 2 * self.leaving.len() >= self.places.len();
        if looks_back {
            waiting.extend(self.leaving.iter().map(|socket| PollFd::new(socket, PollFlags::RDHUP)));
        }
        match poll(&mut waiting, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let flags: Vec<PollFlags> = waiting.iter().map(PollFd::revents).collect();
        let (asked, leaving) = flags.split_at(places.len());
        let mut leaving = leaving.iter();
        self.leaving.retain(|_| leaving.next().is_none_or(PollFlags::is_empty));
        self.is_idle = asked.iter().all(PollFlags::is_empty);
        Ok(places.into_iter().zip(asked.iter().copied()).filter(|(_, flags)| !flags.is_empty()).collect())
    }

    /// For how long there is nothing to do.
    fn sleep(&self, now: Instant) -> Duration {
        if self.plan.spins {
            return Duration::ZERO;
        }
        let next = self.schedule.next(now).filter(|due| self.schedule.is_open() || *due > now);
        let next = next.filter(|_| !self.free.is_empty() && self.pause_until.is_none());
        // A listener's queue that is full tells nobody when it has room.
        let is_held =
            next.is_none_or(|due| due <= now) && !self.free.is_empty() && self.pause_until.is_none();
        let queue = (is_held && self.schedule.next(now).is_some()).then_some(now + QUEUE_PAUSE);
        let second = self.moments.counted_from + Duration::from_secs(self.second + 1);
        let wakes = [next.filter(|due| *due > now), self.pause_until, queue, self.moments.end, Some(second)];
        let first = wakes.into_iter().flatten().filter(|wake| *wake > now).min();
        first.map_or(SLEEP_MAX, |first| first - now).min(SLEEP_MAX)
    }

    /// Ends what has taken too long.
    fn expire(&mut self, now: Instant) {
        if now - self.looked_at < LOOK_EVERY {
            return;
        }
        self.looked_at = now;
        for at in 0..self.places.len() {
            let place = &self.places[at];
            let is_late = now.saturating_duration_since(place.job.begun) >= self.plan.timeout;
            match place.state {
                State::Unsent | State::Asked if is_late => {
                    let why = format!("no whole reply within {} s", self.plan.timeout.as_secs_f64());
                    self.fail(at, &Wrong { kind: Kind::TimedOut, why });
                }
                _ => {}
            }
        }
    }
}

/// More than a socket's buffer holds by default, so that one read takes a whole reply.
const READ_BYTES: usize = 256 << 10;
/// A server that is started again is back by then.
const REFUSED_MAX: Duration = Duration::from_secs(3);
/// A connection that was idle for so long may have been closed by the server meanwhile, which is no failure of its own. No server
/// closes one as early; what ends sooner without a reply has broken off.
const STALE_AFTER: Duration = Duration::from_millis(100);
const QUEUE_PAUSE: Duration = Duration::from_micros(100);
/// How often there is a look at what takes too long, and at whether this is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const SLEEP_MAX: Duration = Duration::from_millis(50);
