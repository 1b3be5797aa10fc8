//! Lines that go to who reads datagrams. Nobody waits for a reader: what it does not take at once is lost, and counted by
//! who writes.

use std::io;

use super::syslog::Syslog;
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

    /// Why what was sent last is lost, where that becomes known only now.
    pub(super) fn refusal(&self) -> Option<io::Error> {
        self.datagrams.refusal()
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

/// A piece of a line in one datagram, bytes: rsyslog's and journald's usual bound.
pub(super) const PIECE_BYTES_MAX: usize = 8 << 10;
