//! The options of `tidegate serve`, and what they set.

mod bounds;
mod development;
mod files;
mod listening;
mod loading;
mod logs;
mod process;
mod workers;

use clap::Args;

use super::apps::App;
use crate::limits::Limits;
use bounds::Bounds;
use development::Development;
use files::Files;
use listening::Listening;
use loading::Loading;
pub(super) use logs::{Rotation, Telling};
use process::Process;
use workers::Workers;

/// What `tidegate serve` is given.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The application to serve: a Python application, as myproject.wsgi, module:callable, module:factory() or
    /// ./file.py, or a built-in one: hello, environ, echo, stream or demo; see below.
    ///
    /// With --mount there need be none: other paths than those are a 404 then.
    pub(super) app: Option<String>,
    #[command(flatten)]
    pub(super) loading: Loading,
    #[command(flatten)]
    pub(super) listening: Listening,
    #[command(flatten)]
    pub(super) files: Files,
    #[command(flatten)]
    pub(super) workers: Workers,
    #[command(flatten)]
    pub(super) development: Development,
    #[command(flatten)]
    pub(super) process: Process,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    pub(super) telling: Telling,
}

impl Options {
    /// The applications, and what their paths begin with: nothing for the one that has the rest, which is the first.
    pub(super) fn apps(&self) -> Vec<App<'_>> {
        let rest = self.app.iter().map(|name| App { prefix: "", name });
        let mounted = self.loading.mounts.iter().map(|(prefix, name)| App { prefix, name });
        rest.chain(mounted).collect()
    }

    /// Which options are of no use together, in a sentence.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let prefixes: Vec<_> = self.loading.mounts.iter().map(|(prefix, _)| prefix).collect();
        if (1..prefixes.len()).any(|at| prefixes[..at].contains(&prefixes[at])) {
            return Some("--mount: one prefix is given two applications; take one of them out");
        }
        if let Some(why) = self.workers.contradiction() {
            return Some(why);
        }
        if let Some(why) = self.development.contradiction(&self.workers) {
            return Some(why);
        }
        if let Some(why) = self.process.contradiction(self.workers.workers.0 > 0, &self.telling) {
            return Some(why);
        }
        let is_silent = self.workers.workers.0 == 0 && self.listening.stats.is_some();
        is_silent
            .then_some("--stats is told by a master, and with --workers 0 there is none; take --workers 1")
    }

    /// The bounds, those without an option at their defaults.
    pub(super) fn limits(&self) -> Limits {
        let limits = self.bounds.limits();
        Limits {
            grace_time_max: self.development.grace(limits.grace_time_max),
            empty_chunks_time_max: self.workers.timeout.map(|time| time.0),
            ahead_bytes_max: self.workers.max_ahead.0,
            waiting_time_max: self.workers.queue_timeout.map(|time| time.0),
            ..limits
        }
    }
}
