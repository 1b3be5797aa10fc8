//! `--stats`: the master answers how its workers are. What they do stands in the shared memory, so a worker that is
//! stuck can be read too: none is ever asked.

mod backlog;
mod connection;
mod rates;
mod server;
mod snapshot;

use std::time::Instant;

use log::info;

use super::attached::Attached;
use super::fleet::Fleet;
use crate::net::listener::Listener;
use crate::telemetry::stats::{Form, State, Told, json, live, prometheus, ready};
use rates::Rates;
use server::Server;

/// What `--stats` takes.
pub(super) struct Stats {
    /// Its listeners and readers.
    pub(super) server: Server,
    /// What is remembered between two answers.
    pub(super) rates: Rates,
}

impl Stats {
    /// Tells on these listeners how the workers are.
    pub(super) fn new(listeners: Vec<Listener>) -> Self {
        for listener in &listeners {
            info!(
                "statistics at {}, for uwsgitop, tidegate top, at /metrics for Prometheus, at /ready and /live for probes",
                listener.address()
            );
        }
        Stats { server: Server::new(listeners), rates: Rates::default() }
    }

    /// Goes on with the readers, and lets new ones in.
    pub(super) fn turn(
        &mut self,
        now: Instant,
        state: State,
        fleet: &mut Fleet,
        listeners: &[Listener],
        attached: &Attached,
    ) {
        // Two lines for each worker, as its successor has one before it leaves; those that are there are open already.
        let reserve = OTHERS_COUNT + (2 * fleet.wanted() as usize).saturating_sub(fleet.len());
        let Stats { server, rates } = self;
        // Many may ask in one turn; it is one moment.
        let (mut snapshot, mut texts) = (None, [None, None]);
        server.turn(now, reserve, &mut |form| {
            let snapshot = snapshot
                .get_or_insert_with(|| snapshot::take(state, fleet, listeners, attached.told(), rates, now));
            let (text, write): (_, fn(&_) -> _) = match form {
                Form::Json => (&mut texts[0], json),
                Form::Prometheus => (&mut texts[1], prometheus),
                Form::Ready => return ready(snapshot).into(),
                Form::Live => return live(snapshot).into(),
            };
            Told::from(text.get_or_insert_with(|| write(snapshot)).clone())
        });
    }

    /// Notes how it is now, for readers that come later. It is called once a second.
    pub(super) fn sample(&mut self, now: Instant, fleet: &mut Fleet, listeners: &[Listener]) {
        snapshot::sample(fleet, listeners, &mut self.rates, now);
    }

    /// The files of its sockets are this process's from here on.
    pub(super) fn own_files(&mut self) {
        self.server.listeners.iter_mut().for_each(Listener::own_file);
    }
}

/// Descriptors that the master needs beside its workers' lines, a count: a line's other end until the fork is done, a look
/// at /proc, the log files that are opened anew, what a new master is handed.
const OTHERS_COUNT: usize = 10;
