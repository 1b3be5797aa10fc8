//! Whether requests are to be sent here, and whether the server is to be started anew: what a load balancer and Kubernetes
//! ask.

use super::{Snapshot, State};
use crate::telemetry::scoreboard::Life;

/// Whether requests that are sent here are answered: one sentence, which is an error if they are not.
///
/// A reload changes nothing: the workers before serve until the new ones do.
pub(crate) fn ready(snapshot: &Snapshot) -> Result<String, String> {
    let (serving, wanted) = (serving(snapshot), snapshot.wanted);
    let count = format!("{serving} of {wanted} workers serve");
    match snapshot.state {
        State::Draining => Err(format!("draining: {count}, and stop soon")),
        State::Stopping => Err(format!("stopping: {count}")),
        State::Starting => Err(format!("starting: {count}")),
        State::Serving if serving == 0 => Err(format!("not ready: {count}; the log says why")),
        State::Serving => Ok(format!("ready: {count}")),
    }
}

/// Whether the master does its work: that it answers says so. Workers that are stuck or gone it replaces by itself, which a
/// new start would not do better.
pub(crate) fn live(snapshot: &Snapshot) -> Result<String, String> {
    Ok(format!("live: {} of {} workers serve", serving(snapshot), snapshot.wanted))
}

fn serving(snapshot: &Snapshot) -> usize {
    let serves = |life| life == Life::Ready;
    let workers = snapshot.workers.iter();
    workers.filter(|worker| worker.processes.iter().any(|process| serves(process.row.life))).count()
}
