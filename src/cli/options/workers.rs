//! The options of `tidegate serve` about its workers: how many, with which threads, and when each is replaced.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};

use crate::cli::values::{Seconds, Size, WorkerCount, bound, thread_count, waiting_time};
use crate::limits::Limits;
use crate::master::{ByNeed, Retirement};

#[derive(Args, Debug)]
#[command(next_help_heading = "Workers")]
pub(in crate::cli) struct Workers {
    /// Processes that serve, beside the master that watches over them; auto is one for each core.
    ///
    /// With 0 the command serves by itself: no master, so nobody replaces it, and none of the options below.
    #[arg(long, value_name = "N|auto", default_value = "1")]
    pub(in crate::cli) workers: WorkerCount,

    /// Have as few workers as N while there is little to do, and up to --workers by need: more are started when requests
    /// wait or most threads are busy, and those that idle are ended.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    min_workers: Option<u32>,

    /// Of those by need, start N at first [default: --min-workers]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..), hide_short_help = true)]
    workers_initial: Option<u32>,

    /// Of those by need, start N at once [default: 1]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..), hide_short_help = true)]
    workers_step: Option<u32>,

    /// Of those by need, end the ones that were not needed for so long [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = waiting_time, hide_short_help = true)]
    workers_idle: Option<Seconds>,

    /// Threads of the application in each worker: each has one request at a time, from the call to close().
    ///
    /// Without it an application in Rust runs on the loop's own thread, where responses take turns, and one in another
    /// language has 1.
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub(in crate::cli) threads: Option<usize>,

    /// Answer a request with 503 if no thread comes free for it in so long [default: no bound]
    #[arg(long, value_name = "SECONDS", value_parser = bound)]
    pub(super) queue_timeout: Option<Seconds>,

    /// How much of a response is taken from the application before its slow reader takes it, while other requests wait
    /// for a thread: in memory at first, then in a temporary file. One that is longer keeps its thread.
    #[arg(long, value_name = "SIZE", default_value_t = Size(Limits::default().ahead_bytes_max))]
    pub(super) max_ahead: Size,

    /// Load the application before the workers are forked: they share its memory, and start at once. A reload
    /// then has the process become a new master, as SIGUSR2 does.
    #[arg(long)]
    pub(in crate::cli) preload: bool,

    /// Answer a request with 504 whose application does not come back for so long, from its call or from a step of
    /// its body. The log says where it was, and another worker takes over; without --threads of its own the worker is
    /// aborted, and with them it finishes what they run [default: no bound]
    #[arg(long, value_name = "SECONDS", value_parser = bound)]
    pub(in crate::cli) timeout: Option<Seconds>,

    /// After SIGTERM go on taking requests for so long before the stop, while /ready (--stats) says 503 and HTTP answers close
    /// their connections: load balancers need time to notice. A second SIGTERM skips it [default: none]
    #[arg(long, value_name = "SECONDS", value_parser = bound)]
    pub(in crate::cli) drain: Option<Seconds>,

    /// Replace a worker after so many requests. It serves until its successor does.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..))]
    pub(in crate::cli) max_requests: Option<u64>,

    /// Up to so many requests more, another number for each worker.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(in crate::cli) max_requests_jitter: u64,

    /// Replace a worker that has served for so long.
    #[arg(long, value_name = "SECONDS", value_parser = bound)]
    pub(in crate::cli) max_lifetime: Option<Seconds>,

    /// Replace a worker that has grown to so much resident memory, in MiB.
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub(in crate::cli) max_rss: Option<u64>,

    /// Replace a worker whose address space has grown to so much, in MiB.
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30), hide_short_help = true)]
    max_address_space: Option<u64>,

    /// How many new workers a reload starts at once; each then takes the place of one that serves [default: a quarter].
    ///
    /// Few keep memory and the processor for those that serve. If the first few cannot load the code, all stays as it was.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(in crate::cli) reload_step: Option<u32>,

    /// Reload when PATH changes, as SIGHUP does: a file, or any file in a folder. May be given several times.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) reload_on: Vec<PathBuf>,

    /// The same, but that the master stays: with --preload the workers are only started anew, from what it has loaded.
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub(in crate::cli) reload_workers_on: Vec<PathBuf>,
}

impl Workers {
    /// Between which numbers of workers there are by need, and how fast they change.
    pub(in crate::cli) fn by_need(&self) -> Option<ByNeed> {
        self.min_workers.map(|min| ByNeed {
            min,
            initial: self.workers_initial.unwrap_or(min),
            step: self.workers_step.unwrap_or(1),
            idle_time: self.workers_idle.map_or(IDLE_TIME, |time| time.0),
        })
    }

    /// Which of these options are of no use together.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let Some(plan) = self.by_need() else {
            let is_tuned =
                self.workers_initial.or(self.workers_step).is_some() || self.workers_idle.is_some();
            return is_tuned.then_some(
                "--workers-initial, --workers-step and --workers-idle say how workers come and go by need; give --min-workers too",
            );
        };
        if self.workers.0 == 0 {
            return Some(
                "--min-workers is a master's work, and with --workers 0 there is none; say how many there may be",
            );
        }
        if plan.min > self.workers.0 {
            return Some("--min-workers is more than --workers, the most there may be");
        }
        let is_between = (plan.min..=self.workers.0).contains(&plan.initial);
        (!is_between).then_some("--workers-initial lies between --min-workers and --workers, or is left out")
    }

    /// When a worker is replaced though nothing is wrong with it.
    pub(in crate::cli) fn retirement(&self) -> Retirement {
        Retirement {
            requests_max: self.max_requests,
            requests_jitter: self.max_requests_jitter,
            lifetime_max: self.max_lifetime.map(|time| time.0),
            rss_bytes_max: self.max_rss.map(|mebibytes| mebibytes << 20),
            vsz_bytes_max: self.max_address_space.map(|mebibytes| mebibytes << 20),
        }
    }
}

/// How long a worker by need was not needed that is ended. uWSGI's cheaper_busyness plugin waits for as long.
const IDLE_TIME: Duration = Duration::from_secs(30);
