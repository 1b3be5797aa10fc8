//! Lines that go to who reads datagrams. Nobody waits for a reader: what it does not take at once is lost, and counted by
//! who writes. What is written to stdout and stderr the [`Pump`] counts, and says itself.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use log::Level;

use super::record::{LogFormat, Record};
use super::syslog::Syslog;
use crate::net::datagram::{DatagramAddress, Datagrams};
use crate::telemetry::local_time::{LocalTime, utc_now};
use crate::telemetry::log_throttle::Throttle;

/// Sends lines.
pub(super) struct Remote {
    datagrams: Datagrams,
    syslog: Option<Syslog>,
    time: LocalTime,
    message: Vec<u8>,
}

impl Remote {
    pub(super) fn new(address: &DatagramAddress, syslog: Option<Syslog>) -> io::Result<Self> {
        Ok(Remote::with(Datagrams::to(address)?, syslog))
    }

    fn with(datagrams: Datagrams, syslog: Option<Syslog>) -> Self {
        Remote { datagrams, syslog, time: LocalTime::default(), message: Vec::new() }
    }

    /// The same, for another thread.
    pub(super) fn again(&self) -> Self {
        Remote::with(self.datagrams.again(), self.syslog.clone())
    }

    /// Sends each line of a text. All are tried; the error is the last.
    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let mut result = Ok(());
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            for piece in line.chunks(PIECE_BYTES_MAX) {
                self.message.clear();
                if let Some(syslog) = &self.syslog {
                    syslog.write_head(line, &mut self.time, &mut self.message);
                }
                self.message.extend_from_slice(piece);
                if let Err(error) = self.datagrams.send(&self.message) {
                    result = Err(error);
                }
            }
        }
        result
    }
}

/// Sends what is written to the process's stdout and stderr, whoever writes it there.
pub(super) struct Pump {
    /// It ends when all has been sent.
    done: Mutex<Receiver<()>>,
}

impl Pump {
    /// A pipe whose lines a thread of this process sends. The thread shares nothing with any other, so that a fork finds no
    /// lock of it; what it has to say itself it sends too, in this format.
    pub(super) fn start(remote: Remote, format: LogFormat) -> io::Result<(PipeWriter, Pump)> {
        let (reader, writer) = io::pipe()?;
        let (sender, done) = channel::<()>();
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            let _held = sender;
            pump(reader, &mut Sender { remote, format, lost: 0, why: String::new(), told: None });
        })?;
        Ok((writer, Pump { done: Mutex::new(done) }))
    }

    /// Waits until all is sent that was written, once nobody has the pipe open for writing any more; but not for long.
    pub(super) fn finish(&self) -> bool {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.recv_timeout(LAST_WORDS_TIME) == Err(RecvTimeoutError::Disconnected)
    }
}

fn pump(mut reader: PipeReader, sender: &mut Sender) {
    let (mut buffer, mut filled) = (vec![0; BUFFER_BYTES], 0);
    loop {
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
    sender.tell();
}

/// Sends lines, and says how many were lost as soon as one goes again.
struct Sender {
    remote: Remote,
    format: LogFormat,
    /// Lines, since it was last said.
    lost: u64,
    /// What the system said of the last of them.
    why: String,
    told: Option<Instant>,
}

impl Sender {
    fn send(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            // A reader that takes a line now and then is not told each time.
            if self.told.is_none_or(|told| told.elapsed() >= Throttle::PAUSE) {
                self.tell();
            }
            if let Err(error) = self.remote.write(line) {
                self.lost += 1;
                self.why = error.to_string();
            }
        }
    }

    /// Says what was lost, if anything was.
    fn tell(&mut self) {
        if self.lost == 0 {
            return;
        }
        let time = utc_now(if self.format == LogFormat::Json { 3 } else { 0 });
        let said =
            format!("stdout and stderr: they are written again; lines lost: {} ({})", self.lost, self.why);
        let said = Record::new(&time, Level::Warn, module_path!(), &said).written(self.format);
        if self.remote.write(said.as_bytes()).is_ok() {
            (self.lost, self.told) = (0, Some(Instant::now()));
        }
    }
}

/// A piece of a line in one datagram, bytes: rsyslog's and journald's usual bound.
const PIECE_BYTES_MAX: usize = 8 << 10;
/// What the pump reads at once, bytes: all that a pipe holds.
const BUFFER_BYTES: usize = 64 << 10;
/// How long the end of the process waits for the last words to be sent.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;

    use super::*;

    fn bound(path: &Path) -> UnixDatagram {
        let reader = UnixDatagram::bind(path).unwrap();
        reader.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        reader
    }

    fn next(reader: &UnixDatagram) -> String {
        let mut seen = vec![0; 16 << 10];
        let count = reader.recv(&mut seen).unwrap();
        String::from_utf8_lossy(&seen[..count]).into_owned()
    }

    #[test]
    fn a_pump_sends_lines_and_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let reader = bound(&path);
        let remote = Remote::new(&DatagramAddress::Unix(path), None).unwrap();
        let (mut writer, pump) = Pump::start(remote.again(), LogFormat::Text).unwrap();
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
    fn what_a_reader_has_missed_is_said_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let remote = Remote::new(&DatagramAddress::Unix(path.clone()), None).unwrap();
        let mut sender = Sender { remote, format: LogFormat::Text, lost: 0, why: String::new(), told: None };
        sender.send(b"one\ntwo\n");
        let reader = bound(&path);
        sender.send(b"three\n");
        let said = next(&reader);
        assert!(
            said.contains(" WARN stdout and stderr: they are written again; lines lost: 2 (No such file"),
            "{said}"
        );
        assert_eq!(next(&reader), "three");
        // It was said just now: what is lost until it may be said again is said at the end.
        drop(reader);
        fs::remove_file(&path).unwrap();
        sender.send(b"four\n");
        let reader = bound(&path);
        sender.send(b"five\n");
        assert_eq!(next(&reader), "five");
        sender.format = LogFormat::Json;
        sender.tell();
        let said: serde_json::Value = serde_json::from_str(&next(&reader)).unwrap();
        assert!(said["message"].as_str().unwrap().contains("lines lost: 1 ("), "{said}");
        assert!(said["time"].as_str().unwrap().len() == "2026-11-22T16:00:00.123Z".len(), "{said}");
    }
}
