//! `--stats`: the master answers how its workers are. What they do stands in the shared memory, so that also one that is
//! stuck can be read; nobody asks a worker anything.

mod backlog;
mod connection;
mod rates;
mod server;
mod snapshot;

use std::os::fd::BorrowedFd;
use std::time::Instant;

use log::info;
use nix::poll::PollFlags;

use super::{Master, State};
use crate::net::listener::Listener;
use crate::telemetry::scoreboard::Row;
use crate::telemetry::stats::{Form, json, prometheus};
use rates::Rates;
use server::Server;

/// What `--stats` takes.
pub(super) struct Stats {
    server: Server,
    rates: Rates,
}

impl Master<'_> {
    /// Tells on these listeners how the workers are.
    pub(crate) fn tell_on(&mut self, listeners: Vec<Listener>) {
        for listener in &listeners {
            info!(
                "statistics at {}, for uwsgitop, tidegate top, and at /metrics for Prometheus",
                listener.address()
            );
        }
        self.stats = Some(Stats { server: Server::new(listeners), rates: Rates::default() });
    }

    /// Goes on with those who ask how the workers are.
    pub(super) fn tell_stats(&mut self, now: Instant) {
        let open = self.stats_are_open();
        // Two for each worker, whose successor has a line too before it leaves; its own is there already.
        let reserve = OTHERS_COUNT + (2 * self.wanted as usize).saturating_sub(self.workers.len());
        let Some(mut stats) = self.stats.take() else { return };
        let Stats { server, rates } = &mut stats;
        // Many may ask in one turn; it is one moment.
        let (mut snapshot, mut texts) = (None, [None, None]);
        server.turn(now, open, reserve, &mut |form| {
            let (text, write): (_, fn(&_) -> _) = match form {
                Form::Json => (&mut texts[0], json),
                Form::Prometheus => (&mut texts[1], prometheus),
            };
            let snapshot = snapshot.get_or_insert_with(|| self.snapshot(rates, now));
            text.get_or_insert_with(|| write(snapshot)).clone()
        });
        self.stats = Some(stats);
    }

    /// Looks at what is told of the last second.
    pub(super) fn look_for_stats(&mut self, now: Instant) {
        if let Some(mut stats) = self.stats.take() {
            self.sample(&mut stats.rates, now);
            self.stats = Some(stats);
        }
    }

    /// What is waited for, for those who ask.
    pub(super) fn stats_wait_for(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let open = self.stats_are_open();
        self.stats.iter().flat_map(move |stats| stats.server.waits_for(open))
    }

    /// When to look again for those who ask.
    pub(super) fn stats_until(&self) -> Option<Instant> {
        self.stats.as_ref().and_then(|stats| stats.server.until())
    }

    /// Until a new master serves, the one before it answers on the same sockets.
    fn stats_are_open(&self) -> bool {
        self.state != State::Starting || !self.handover.is_awaited()
    }
}

impl Stats {
    /// Where it is told.
    pub(super) fn listeners(&self) -> &[Listener] {
        &self.server.listeners
    }

    /// The files of its sockets are this process's from here on.
    pub(super) fn own_files(&mut self) {
        self.server.listeners.iter_mut().for_each(Listener::own_file);
    }

    /// Another master goes on with its sockets; who is being answered is answered to the end.
    pub(super) fn leave(&mut self) {
        self.server.listeners.drain(..).for_each(|mut listener| listener.leave_file());
    }

    /// A process has ended, and has left this.
    pub(super) fn ended(&mut self, row: &Row) {
        self.rates.ended(row);
    }

    /// A process was aborted by the timeout.
    pub(super) fn timed_out(&mut self, number: u32) {
        self.rates.timed_out(number);
    }
}

/// Descriptors that the master needs beside its workers' lines, a count: a line's other end until the fork is done, a look
/// at /proc, the log files that are opened anew, an upgrade's pipes.
const OTHERS_COUNT: usize = 10;
