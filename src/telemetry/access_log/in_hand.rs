//! The requests that workers have in hand, in memory that all processes share: of a worker that dies the master writes
//! their lines.
//!
//! Zero bytes are an empty one; the processes' parent maps it. Only the worker itself writes into its entries, and the
//! master reads them when it has ended. Most requests are a worker's first entry, so little of it takes memory.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};

use super::{Captured, Request};
use crate::net::stream::Peer;
use crate::telemetry::scoreboard::SLOTS_COUNT;

/// The requests of all workers, by their places on the scoreboard.
#[repr(C)]
pub(crate) struct InHand {
    workers: [[Entry; ENTRIES_COUNT]; SLOTS_COUNT],
    /// Requests of all workers that are over, where the format tells it.
    count: AtomicU64,
}

/// Requests of a worker that are kept, a count: those beyond have no line if it dies. More than a worker has threads, but
/// for very many.
const ENTRIES_COUNT: usize = 64;
/// What is kept of a request's own words, bytes: a usual line's. What does not fit is not known in the end.
const TEXT_BYTES: usize = TEXT_WORDS * 8;
const TEXT_WORDS: usize = 96;

#[repr(C)]
pub(super) struct Entry {
    /// Whether it is a request's.
    is_taken: AtomicU64,
    /// Whether the application's code runs for it, on the thread of the loop.
    is_running: AtomicU64,
    /// When it began, and how much later the first byte of the response was sent, microseconds; the latter one more.
    began: AtomicU64,
    first_byte: AtomicU64,
    code: AtomicU64,
    bytes: AtomicU64,
    /// The number of its thread, from 1 on, and how long it has waited for that, microseconds.
    thread: AtomicU64,
    waited: AtomicU64,
    peer: [AtomicU64; 3],
    /// Each of its words has its length before it, two bytes.
    len: AtomicU64,
    text: [AtomicU64; TEXT_WORDS],
}

/// A worker's own entries.
pub(super) struct OwnEntries {
    entries: &'static [Entry; ENTRIES_COUNT],
    /// Those that are no request's.
    free: Vec<usize>,
    zero: Instant,
}

/// A request that a dead worker had in hand.
pub(super) struct Left {
    pub(super) request: Request,
    pub(super) peer: Peer,
    pub(super) code: u16,
    pub(super) bytes: u64,
    pub(super) was_running: bool,
}

impl InHand {
    /// What the worker in this place of the scoreboard writes into. Times are counted from `zero`.
    pub(super) fn own_entries(&'static self, slot: usize, zero: Instant) -> Option<OwnEntries> {
        let entries = self.workers.get(slot)?;
        Some(OwnEntries { entries, free: (0..ENTRIES_COUNT).rev().collect(), zero })
    }

    /// Counts one more request that is over; returns how many there were.
    pub(super) fn count(&self) -> u64 {
        self.count.fetch_add(1, Relaxed) + 1
    }

    /// Takes out what the worker that was there has left.
    pub(super) fn take(&self, slot: usize, words: usize, zero: Instant) -> Vec<Left> {
        let entries = self.workers.get(slot).into_iter().flatten();
        let left = entries.filter(|entry| entry.is_taken.swap(0, Acquire) != 0);
        left.map(|entry| entry.read(words, zero)).collect()
    }
}

impl OwnEntries {
    /// Takes a request in hand; returns its entry, if there was one left.
    pub(super) fn begin(&mut self, request: &Request, peer: &Peer, is_running: bool) -> Option<usize> {
        let at = self.free.pop()?;
        let entry = &self.entries[at];
        entry.is_running.store(is_running.into(), Relaxed);
        entry.began.store(micros(request.began.saturating_duration_since(self.zero)), Relaxed);
        [&entry.first_byte, &entry.code, &entry.bytes, &entry.thread, &entry.waited]
            .iter()
            .for_each(|number| number.store(0, Relaxed));
        entry.peer.iter().zip(peer.to_words()).for_each(|(place, word)| place.store(word, Relaxed));
        entry.write(&request.captured);
        entry.is_taken.store(1, Release);
        Some(at)
    }

    pub(super) fn runs(&self, at: usize, is_running: bool) {
        self.entries[at].is_running.store(is_running.into(), Relaxed);
    }

    pub(super) fn has_thread(&self, at: usize, number: usize, waited: Duration) {
        self.entries[at].thread.store(number as u64 + 1, Relaxed);
        self.entries[at].waited.store(micros(waited), Relaxed);
    }

    pub(super) fn starts(&self, at: usize, code: u16) {
        self.entries[at].code.store(code.into(), Relaxed);
    }

    pub(super) fn wrote(&self, at: usize, bytes: usize, first_byte: Duration) {
        let entry = &self.entries[at];
        entry.bytes.store(entry.bytes.load(Relaxed) + bytes as u64, Relaxed);
        entry.first_byte.store(micros(first_byte) + 1, Relaxed);
    }

    /// The request is over.
    pub(super) fn end(&mut self, at: usize) {
        self.entries[at].is_taken.store(0, Release);
        self.free.push(at);
    }
}

impl Entry {
    fn write(&self, captured: &Captured) {
        let (mut bytes, mut len) = ([0; TEXT_BYTES], 0);
        for part in captured.parts() {
            if len + 2 > TEXT_BYTES {
                break;
            }
            // A part of it could be half of an escape, or a string without its end.
            let part = if len + 2 + part.len() > TEXT_BYTES { b"" } else { part };
            bytes[len..len + 2].copy_from_slice(&u16::try_from(part.len()).unwrap_or_default().to_ne_bytes());
            bytes[len + 2..len + 2 + part.len()].copy_from_slice(part);
            len += 2 + part.len();
        }
        self.len.store(len as u64, Relaxed);
        let (words, _) = bytes[..len.next_multiple_of(8)].as_chunks();
        for (place, word) in self.text.iter().zip(words) {
            place.store(u64::from_ne_bytes(*word), Relaxed);
        }
    }

    fn read(&self, words: usize, zero: Instant) -> Left {
        let text: Vec<u8> = self.text.iter().flat_map(|word| word.load(Relaxed).to_ne_bytes()).collect();
        let len = usize::try_from(self.len.load(Relaxed)).unwrap_or_default().min(TEXT_BYTES);
        let (mut captured, mut rest) = (Captured::default(), &text[..len]);
        for _ in 0..words {
            let part = rest
                .split_first_chunk()
                .and_then(|(len, behind)| behind.split_at_checked(usize::from(u16::from_ne_bytes(*len))));
            let (part, behind) = part.unwrap_or_default();
            captured.take(part);
            rest = behind;
        }
        let time = |micros: u64| Duration::from_micros(micros);
        let thread = self.thread.load(Relaxed).checked_sub(1).and_then(|number| usize::try_from(number).ok());
        let request = Request {
            began: zero + time(self.began.load(Relaxed)),
            first_byte: self.first_byte.load(Relaxed).checked_sub(1).map(time),
            thread: thread.map(|number| (number, time(self.waited.load(Relaxed)))),
            captured,
            facts: None,
            is_left_out: false,
            entry: None,
        };
        Left {
            request,
            peer: Peer::from_words(std::array::from_fn(|at| self.peer[at].load(Relaxed))),
            code: u16::try_from(self.code.load(Relaxed)).unwrap_or_default(),
            bytes: self.bytes.load(Relaxed),
            was_running: self.is_running.load(Relaxed) != 0,
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{AccessLog, Format};
    use super::*;
    use crate::application::environ::Environ;
    use crate::application::input::Input;
    use crate::application::variables::Variables;
    use crate::telemetry::observer::{Event, Observer};
    use crate::telemetry::output::tests::Writes;

    const SLOT: usize = 3;

    /// The lines of what a worker with these requests, each a connection's, left.
    fn lines(
        format: &str,
        uris: &[&[u8]],
        reply_bytes: Option<u64>,
        tell: impl Fn(&mut AccessLog),
    ) -> Vec<String> {
        let (in_hand, zero) = (crate::master::in_hand(None).unwrap().memory, Instant::now());
        let format = Format::parse(format).unwrap();
        let log = |out| AccessLog::new(out, format.clone(), Some(2));
        let mut workers = log(Box::new(std::io::sink())).in_hand(in_hand, SLOT, zero);
        let peer = Peer::Tcp("192.0.2.7:50712".parse().unwrap());
        for (connection, uri) in uris.iter().enumerate() {
            let mut variables = Variables::new();
            variables.set(b"REQUEST_METHOD", b"GET");
            variables.set(b"REQUEST_URI", uri);
            let environ = Environ::new(variables, Input::default());
            workers.observe(connection as u64, Event::Received { peer: &peer, bytes: 1 });
            let request = Event::Request { peer: &peer, packet: &String::new, environ: &environ, file: None };
            workers.observe(connection as u64, request);
        }
        tell(&mut workers);
        let lines = Writes::default();
        let mut masters = log(Box::new(lines.clone())).of_process(812);
        masters.ended(in_hand, SLOT + 1, zero, reply_bytes);
        assert!(lines.0.lock().unwrap().is_empty(), "those are another worker's");
        masters.ended(in_hand, SLOT, zero, reply_bytes);
        masters.ended(in_hand, SLOT, zero, reply_bytes);
        let lines = lines.0.lock().unwrap();
        lines.iter().map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn what_a_dead_worker_had_in_hand_has_its_line_once() {
        let format = "{remote_addr} {peer} {method} {uri} {status} {bytes} w{worker} p{pid} t{thread} {wait_us} {ending}";
        let told = lines(format, &[b"/one", b"/two"], None, |log| {
            log.observe(0, Event::Thread { number: 4, waited: Duration::from_micros(250) });
            log.observe(1, Event::Wrote { parts: &[b"x"], bytes: 95 });
        });
        let who = "192.0.2.7 192.0.2.7:50712 GET";
        assert_eq!(
            told,
            [
                format!("{who} /one 000 0 w2 p812 t5 250 broken-off"),
                format!("{who} /two 000 95 w2 p812 t- - broken-off")
            ]
        );
    }

    #[test]
    fn the_call_that_did_not_come_back_has_what_was_said_at_the_abort() {
        // The first has come back, and its client has not taken all of it.
        let came_back = |log: &mut AccessLog| log.observe(0, Event::Returned);
        let format = "{uri} {status} {bytes} {ending}";
        let uris: [&[u8]; 2] = [b"/one", b"/two"];
        assert_eq!(
            lines(format, &uris, Some(90), came_back),
            ["/one 000 0 broken-off", "/two 504 90 timeout"]
        );
        // Its response had begun, and nothing could be said.
        assert_eq!(lines(format, &uris, Some(0), came_back), ["/one 000 0 broken-off", "/two 000 0 timeout"]);
    }

    #[test]
    fn what_is_over_is_not_in_hand() {
        let over = |log: &mut AccessLog| log.observe(0, Event::Closed);
        assert_eq!(lines("{uri}", &[b"/one", b"/two"], None, over), ["/two"]);
    }

    #[test]
    fn a_word_that_has_no_room_is_not_known() {
        let long = [b"/".as_slice(), &[b'x'; TEXT_BYTES]].concat();
        let told = lines("{uri} {method}", &[&long], None, |_| {});
        assert_eq!(told, ["- GET"]);
        let told = lines("{uri} {method}", &[&long[..TEXT_BYTES - 4]], None, |_| {});
        assert_eq!(told, [format!("{} -", String::from_utf8_lossy(&long[..TEXT_BYTES - 4]))]);
    }

    #[test]
    fn more_than_there_is_room_for_are_left_out() {
        let uris = [b"/one".as_slice(); ENTRIES_COUNT + 3];
        assert_eq!(lines("{uri}", &uris, None, |_| {}).len(), ENTRIES_COUNT);
    }
}
