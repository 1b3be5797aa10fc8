//! Lines that go to who reads datagrams. Nobody waits for a reader: what it does not take at once is lost, and counted by
//! who writes.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::syslog::Syslog;
use crate::master::{Handover, Left};
use crate::net::datagram::{DatagramAddress, Datagrams};
use crate::telemetry::local_time::LocalTime;

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
    /// What it reads: workers write there to their ends, also those of a master before.
    readers: Vec<PipeReader>,
    remote: Mutex<Remote>,
}

impl Pump {
    /// A pipe whose lines a thread of this process sends. The thread shares nothing with any other, so that a fork finds no
    /// lock of it.
    pub(super) fn start(remote: Remote) -> io::Result<(PipeWriter, Pump)> {
        let (reader, writer) = io::pipe()?;
        let (sender, done) = channel::<()>();
        let readers = vec![reader.try_clone()?];
        begin(reader, remote.again(), sender)?;
        Ok((writer, Pump { done: Mutex::new(done), readers, remote: Mutex::new(remote) }))
    }

    /// Sends what the workers of the master before write too.
    pub(super) fn take_over(&mut self, handover: &Handover) -> io::Result<()> {
        let remote = self.remote.get_mut().unwrap_or_else(PoisonError::into_inner);
        for number in handover.lines(PIPE) {
            let Some(reader) = handover.descriptor(number).map(PipeReader::from) else { continue };
            self.readers.push(reader.try_clone()?);
            begin(reader, remote.again(), channel().0)?;
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

fn begin(reader: PipeReader, mut remote: Remote, sender: Sender<()>) -> io::Result<()> {
    let begun = thread::Builder::new().name("log".to_owned()).spawn(move || {
        let _held = sender;
        pump(reader, &mut remote);
    });
    begun.map(drop)
}

fn pump(mut reader: PipeReader, remote: &mut Remote) {
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
        // What is lost here is lost: there is nobody to tell but this very log.
        let _ = remote.write(&buffer[..end]);
        buffer.copy_within(end..filled, 0);
        filled -= end;
    }
    let _ = remote.write(&buffer[..filled]);
}

/// What the lines begin with that leave a pipe to a new master.
const PIPE: &str = "log-pipe";
/// A piece of a line in one datagram, bytes: rsyslog's and journald's usual bound.
const PIECE_BYTES_MAX: usize = 8 << 10;
/// What the pump reads at once, bytes: all that a pipe holds.
const BUFFER_BYTES: usize = 64 << 10;
/// How long the end of the process waits for the last words to be sent.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_pump_sends_lines_and_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let reader = UnixDatagram::bind(&path).unwrap();
        reader.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let remote = Remote::new(&DatagramAddress::Unix(path), None).unwrap();
        let (mut writer, pump) = Pump::start(remote.again()).unwrap();
        let long = "x".repeat(PIECE_BYTES_MAX + 1);
        writer.write_all(b"one\n\ntwo\nth").unwrap();
        writer.write_all(format!("ree\n{long}\nlast words").as_bytes()).unwrap();
        drop(writer);
        for want in ["one", "two", "three", &long[1..], "x", "last words"] {
            let mut seen = vec![0; 16 << 10];
            let count = reader.recv(&mut seen).unwrap();
            assert_eq!(String::from_utf8_lossy(&seen[..count]), want);
        }
        assert!(pump.finish());
    }
}
