//! What is written to the process's stdout and stderr, whoever writes it there, goes to who reads datagrams. What such a reader
//! does not take is counted, and said as soon as one does.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use log::Level;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::log_losses::Losses;
use super::log_remote::Remote;
use super::record::{LogFormat, Record};
use crate::master::{Handover, Left};
use crate::telemetry::local_time::utc_now;

/// The pipe that is stdout and stderr, and the threads that send what comes of it and of those of masters before.
pub(super) struct Pump {
    /// It ends when all has been sent.
    done: Mutex<Receiver<()>>,
    /// What it reads: workers write there to their ends, also those of a master before.
    readers: Vec<PipeReader>,
    remote: Mutex<Remote>,
    format: LogFormat,
}

impl Pump {
    /// A pipe whose lines a thread of this process sends. The thread shares nothing with any other, so that a fork finds no
    /// lock of it; what it has to say itself it sends too, in this format.
    pub(super) fn start(remote: Remote, format: LogFormat) -> io::Result<(PipeWriter, Pump)> {
        let (reader, writer) = io::pipe()?;
        let (held, done) = channel::<()>();
        let readers = vec![reader.try_clone()?];
        begin(reader, Sender::new(remote.again(), format), held)?;
        Ok((writer, Pump { done: Mutex::new(done), readers, remote: Mutex::new(remote), format }))
    }

    /// Sends what the workers of the master before write too.
    pub(super) fn take_over(&mut self, handover: &Handover) -> io::Result<()> {
        let remote = self.remote.get_mut().unwrap_or_else(PoisonError::into_inner);
        for number in handover.lines(PIPE) {
            let Some(reader) = handover.descriptor(number).map(PipeReader::from) else { continue };
            self.readers.push(reader.try_clone()?);
            begin(reader, Sender::new(remote.again(), self.format), channel().0)?;
        }
        Ok(())
    }

    /// Leaves to a new master, which this process becomes, the pipes that somebody still writes to.
    pub(super) fn leave(&self, left: &mut Left) {
        for reader in &self.readers {
            let mut polled = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut polled, PollTimeout::ZERO);
            if polled[0].revents() != Some(PollFlags::POLLHUP) {
                let number = left.keep(reader);
                left.line(PIPE, number);
            }
        }
    }

    /// Waits until all is sent that was written, once nobody has the pipe open for writing any more; but not for long.
    pub(super) fn finish(&self) -> bool {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.recv_timeout(LAST_WORDS_TIME) == Err(RecvTimeoutError::Disconnected)
    }
}

/// Begins a thread, which drops `held` when all has been sent.
fn begin(reader: PipeReader, mut sender: Sender, held: mpsc::Sender<()>) -> io::Result<()> {
    let begun = thread::Builder::new().name("log".to_owned()).spawn(move || {
        let _held = held;
        pump(reader, &mut sender);
    });
    begun.map(drop)
}

fn pump(mut reader: PipeReader, sender: &mut Sender) {
    let (mut buffer, mut filled) = (vec![0; BUFFER_BYTES], 0);
    loop {
        if !waits(&reader, sender.until()) {
            sender.tell(Instant::now());
            continue;
        }
        let read = match reader.read(&mut buffer[filled..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(read @ 1..) => read,
            _ => break,
        };
        filled += read;
        let end = match buffer[..filled].iter().rposition(|byte| *byte == b'\n') {
            Some(at) => at + 1,
            // A line that is longer goes in pieces.
            None if filled == buffer.len() => filled,
            None => continue,
        };
        sender.send(&buffer[..end]);
        buffer.copy_within(end..filled, 0);
        filled -= end;
    }
    sender.send(&buffer[..filled]);
    sender.end();
}

/// Waits until there is something to read, or until then: returns whether there is.
fn waits(reader: &PipeReader, until: Option<Instant>) -> bool {
    let Some(until) = until else { return true };
    let millis = until.saturating_duration_since(Instant::now()).as_millis() + 1;
    let mut polled = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
    !matches!(poll(&mut polled, timeout), Ok(0) | Err(Errno::EINTR))
}

/// Sends lines, and says how many were lost.
struct Sender {
    remote: Remote,
    format: LogFormat,
    losses: Losses,
    /// When they may be said, or it is tried again.
    next: Option<Instant>,
    /// What was said just now, and when: it may turn out that nobody was there to take it.
    said: Option<(Losses, Instant)>,
}

impl Sender {
    fn new(remote: Remote, format: LogFormat) -> Self {
        Sender { remote, format, losses: Losses::default(), next: None, said: None }
    }

    /// Sends each line of a text.
    fn send(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.learn(Instant::now());
            match self.remote.write(line) {
                Ok(()) => self.tell(Instant::now()),
                Err(error) => self.losses.add(&error),
            }
        }
    }

    /// When to look again, though no line comes.
    fn until(&self) -> Option<Instant> {
        match &self.said {
            Some((_, since)) => Some(*since + TRY_PAUSE),
            None if self.losses.is_empty() => None,
            None => Some(self.next.unwrap_or_else(Instant::now)),
        }
    }

    /// Says what was lost, if anything was, and it was not said just now.
    fn tell(&mut self, now: Instant) {
        let was_refused = self.learn(now);
        if self.losses.is_empty() || self.next.is_some_and(|next| now < next) {
            return;
        }
        let goes = !was_refused && self.say(now);
        self.next = Some(now + if goes { SAY_PAUSE } else { TRY_PAUSE });
    }

    /// Looks whether what was sent last, over UDP, has found nobody: that becomes known later. Returns whether it has.
    fn learn(&mut self, now: Instant) -> bool {
        let refusal = self.remote.refusal();
        match (&refusal, self.said.take()) {
            (Some(_), Some((said, _))) => {
                self.losses.add_all(said);
                self.next = Some(now + TRY_PAUSE);
            }
            (Some(error), None) => self.losses.add(error),
            (None, said) => self.said = said.filter(|(_, since)| now < *since + TRY_PAUSE),
        }
        refusal.is_some()
    }

    /// Says it now; returns whether that went.
    fn say(&mut self, now: Instant) -> bool {
        let time = utc_now(if self.format == LogFormat::Json { 3 } else { 0 });
        let said = format!("the log: lines of stdout and stderr are lost: {}", self.losses);
        let said = Record::new(&time, Level::Warn, module_path!(), &said).written(self.format);
        let goes = self.remote.write(said.as_bytes()).is_ok();
        if goes {
            self.said = Some((std::mem::take(&mut self.losses), now));
        }
        goes
    }

    /// The last chance to say it.
    fn end(&mut self) {
        self.next = None;
        self.tell(Instant::now());
    }
}

/// What the lines begin with that leave a pipe to a new master.
const PIPE: &str = "log-pipe";
/// What the pump reads at once, bytes: all that a pipe holds.
const BUFFER_BYTES: usize = 64 << 10;
/// How long the end of the process waits for the last words to be sent.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);
/// Losses are said this rarely.
const SAY_PAUSE: Duration = Duration::from_secs(60);
/// How soon it is tried again to say them: who takes them may be back.
const TRY_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;

    use super::super::log_remote::PIECE_BYTES_MAX;
    use super::*;
    use crate::net::datagram::DatagramAddress;
    use crate::process::eventually;

    fn bound(path: &Path) -> UnixDatagram {
        let _ = fs::remove_file(path);
        let reader = UnixDatagram::bind(path).unwrap();
        reader.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        reader
    }

    fn next(reader: &UnixDatagram) -> String {
        let mut seen = vec![0; 16 << 10];
        let count = reader.recv(&mut seen).unwrap();
        String::from_utf8_lossy(&seen[..count]).into_owned()
    }

    fn unix(path: &Path) -> Remote {
        Remote::new(&DatagramAddress::Unix(path.to_owned()), None).unwrap()
    }

    #[test]
    fn a_pump_sends_lines_and_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let reader = bound(&path);
        let (mut writer, pump) = Pump::start(unix(&path), LogFormat::Text).unwrap();
        let long = "x".repeat(PIECE_BYTES_MAX + 1);
        writer.write_all(b"one\n\ntwo\nth").unwrap();
        writer.write_all(format!("ree\n{long}\nlast words").as_bytes()).unwrap();
        drop(writer);
        for want in ["one", "two", "three", &long[1..], "x", "last words"] {
            assert_eq!(next(&reader), want);
        }
        assert!(pump.finish());
    }

    #[test]
    fn what_a_reader_has_missed_is_said_once_a_minute_and_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut sender = Sender::new(unix(&path), LogFormat::Text);
        assert_eq!(sender.until(), None);
        sender.send(b"one\ntwo\n");
        let reader = bound(&path);
        sender.send(b"three\n");
        assert_eq!(next(&reader), "three");
        let said = next(&reader);
        let want = " WARN the log: lines of stdout and stderr are lost: 2 as nobody takes them (No such file";
        assert!(said.contains(want), "{said}");
        drop(reader);
        sender.send(b"four\n");
        let reader = bound(&path);
        sender.send(b"five\n");
        assert_eq!(next(&reader), "five");
        sender.tell(sender.until().unwrap());
        let due = sender.until().unwrap();
        sender.tell(due - SAY_PAUSE / 2);
        sender.send(b"six\n");
        assert_eq!(next(&reader), "six", "it was said just now");
        sender.format = LogFormat::Json;
        assert!(due > Instant::now() + SAY_PAUSE / 2);
        sender.tell(due);
        let said: serde_json::Value = serde_json::from_str(&next(&reader)).unwrap();
        assert!(said["message"].as_str().unwrap().contains("are lost: 1 as nobody"), "{said}");
        assert_eq!(said["time"].as_str().unwrap().len(), "2026-11-22T16:00:00.123Z".len(), "{said}");
        sender.tell(due + TRY_PAUSE);
        assert_eq!(sender.until(), None);
        // What is lost until it may be said again is said at the end.
        drop(reader);
        sender.send(b"seven\n");
        let reader = bound(&path);
        sender.end();
        assert!(next(&reader).contains("are lost: 1 as nobody"));
    }

    #[test]
    fn a_reader_that_is_slow_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let reader = bound(&path);
        let mut sender = Sender::new(unix(&path), LogFormat::Text);
        while sender.losses.is_empty() {
            sender.send(&[b'x'; 1000]);
        }
        sender.send(b"lost\n");
        assert!(!sender.say(Instant::now()), "there is no room for this either");
        assert!(next(&reader).starts_with('x') && sender.say(Instant::now()));
        let said = std::iter::repeat_with(|| next(&reader)).find(|line| !line.starts_with('x')).unwrap();
        assert!(
            said.contains("are lost: 2 as the reader is too slow (Resource temporarily unavail"),
            "{said}"
        );
    }

    #[test]
    fn over_udp_the_last_one_counts_too() {
        let reader = UdpSocket::bind("127.0.0.1:0").unwrap();
        let place = reader.local_addr().unwrap();
        let address = DatagramAddress::Udp { host: "127.0.0.1".to_owned(), port: place.port() };
        let mut sender = Sender::new(Remote::new(&address, None).unwrap(), LogFormat::Text);
        sender.send(b"heard\n");
        drop(reader);
        sender.next = Some(Instant::now() + SAY_PAUSE);
        // The system takes each, and says a moment later that nobody was there.
        for lost in ["1 as", "2 as"] {
            sender.send(b"lost\n");
            eventually(|| {
                sender.learn(Instant::now());
                sender.losses.to_string().starts_with(lost)
            });
        }
        // That it is said to nobody does not count.
        assert!(sender.say(Instant::now()));
        eventually(|| sender.learn(Instant::now()));
        assert!(sender.losses.to_string().starts_with("2 as"));
        sender.send(b"lost\n");
        let mut reader = None;
        eventually(|| {
            reader = UdpSocket::bind(place).ok();
            reader.is_some()
        });
        let reader = reader.unwrap();
        reader.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        eventually(|| {
            sender.learn(Instant::now());
            sender.losses.to_string().starts_with("3 as")
        });
        sender.end();
        let mut seen = [0; 2000];
        let count = reader.recv(&mut seen).unwrap();
        let said = String::from_utf8_lossy(&seen[..count]);
        assert!(said.contains("are lost: 3 as nobody takes them (Connection refused"), "{said}");
    }
}
