//! What the options of `tidegate serve` come to: the sockets, and what a master is to do.

use super::Result;
use super::options::Options;
use super::reload;
use crate::master::{Bounds, Control, Invocation, Plan};
use crate::net::listener::{Handed, Inherited, Listener, Owner};
use crate::protocol::ProtocolName;

/// The sockets that are listened on: for requests, and for who asks how the workers are.
pub(super) struct Sockets {
    pub(super) listeners: Vec<Listener>,
    pub(super) stats: Vec<Listener>,
}

impl Sockets {
    /// Takes those that a master before or systemd has handed over, and binds the others, whose files are `owner`'s.
    pub(super) fn bind(options: &Options, owner: Option<Owner>, handed: Vec<Handed>) -> Result<Self> {
        let mut inherited = Inherited::from_environment();
        inherited.hand_over(handed);
        let mut listeners = Vec::new();
        for (protocol, address, how) in options.listening.addresses(owner) {
            listeners.extend(Listener::bind(protocol, &address, &how, &mut inherited)?);
        }
        let mut stats = Vec::new();
        if let Some((address, how)) = options.listening.stats(owner) {
            // The protocol is what a master that hands the socket on knows it by.
            stats = Listener::bind(ProtocolName::Http, &address, &how, &mut inherited)?;
        }
        Ok(Sockets { listeners, stats })
    }
}

/// What the master is to do that was started by this `invocation`.
pub(super) fn plan(options: &Options, invocation: Invocation, control: Option<Control>) -> Result<Plan> {
    let (workers, process) = (&options.workers, &options.process);
    Ok(Plan {
        workers: workers.workers.0,
        by_need: workers.by_need(),
        bounds: Bounds {
            timeout: workers.timeout.map(|time| time.0),
            grace: options.limits().grace_time_max,
            retirement: workers.retirement(),
        },
        drain: workers.drain.map(|time| time.0),
        reload_step: workers.reload_step,
        reload_on: workers.reload_on.clone(),
        reload_workers_on: workers.reload_workers_on.clone(),
        code: options.development.reload.then(|| reload::code_plan(options)).transpose()?,
        attach: process.attach.clone(),
        control,
        term_reloads: process.term_reloads(),
        preloaded: workers.preload,
        invocation,
    })
}
