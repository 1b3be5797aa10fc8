//! A run: the threads, and what they come to together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use super::super::Result;
use super::generator::{Ended, Generator, Slice};
use super::hdr::Interval;
use super::live::Live;
use super::own::{self, Own};
use super::plan::{Bound, Plan};
use super::schedule::Moments;
use super::series::Series;
use super::server::{Cost, Meter, Server};
use super::tally::Tally;

/// What a run has shown.
pub(super) struct Measured {
    pub(super) total: Tally,
    pub(super) series: Series,
    /// The time that counts.
    pub(super) span: Duration,
    /// Of each thread.
    pub(super) own: Vec<Own>,
    /// The part of all processors' time that another machine took.
    pub(super) stolen: Option<f64>,
    pub(super) server: Option<Cost>,
    /// Why it ended before its time.
    pub(super) cut: Option<String>,
}

impl Measured {
    /// Requests that were answered well in each second.
    pub(super) fn rate(&self) -> f64 {
        self.total.in_time as f64 / self.span.as_secs_f64().max(f64::EPSILON)
    }

    /// The latencies of each stretch, for a log.
    pub(super) fn intervals(&self) -> impl Iterator<Item = Interval<'_>> {
        self.stretches().map(|(from, seconds, tally)| Interval {
            from: Duration::from_secs(from),
            length: Duration::from_secs_f64(seconds),
            latency: &tally.latency,
            tag: None,
        })
    }

    /// The run's course: each stretch, behind when it began and for how long it was, in seconds.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (u64, f64, &Tally)> {
        let (span, length) = (self.span.as_secs_f64(), self.series.seconds() as f64);
        let stretches =
            self.series.iter().map(move |(from, tally)| (from, length.min(span - from as f64), tally));
        stretches.filter(|(_, seconds, _)| *seconds > 0.0)
    }
}

/// Runs `plan` until it is done, or `stop` is set.
pub(super) fn run(plan: &Plan, stop: &AtomicBool, server: Option<&Server>, live: Live) -> Result<Measured> {
    // It may take the system a moment to get ready.
    let meter = server.map(Server::meter);
    let moments = Moments::of(plan, Instant::now() + LEAD);
    let (slices, received) = channel();
    thread::scope(|scope| {
        let generators: Vec<_> = (0..plan.threads)
            .map(|thread| {
                let generator = Generator::new(plan, moments, thread, slices.clone());
                scope.spawn(move || {
                    settle(plan, thread)?;
                    Ok(generator.run(stop))
                })
            })
            .collect();
        drop(slices);
        let watched = watch(plan, moments, &received, meter, live);
        let ended: Result<Vec<Ended>> = (generators.into_iter())
            .map(|generator| {
                generator
                    .join()
                    .expect("a thread of the generator does not panic")
                    .map_err(|why: String| why.into())
            })
            .collect();
        let ended = ended?;
        let last = ended.iter().map(|ended| ended.last).max().unwrap_or(moments.counted_from);
        let mut cut = ended.iter().find_map(|ended| ended.gave_up.clone());
        if cut.is_none() && stop.load(Ordering::Relaxed) {
            cut = Some("interrupted".to_owned());
        }
        let span = match (plan.bound, &cut) {
            (Bound::Time(time), None) => time,
            _ => last - moments.counted_from,
        };
        let Watched { total, series, stolen, server } = watched;
        Ok(Measured {
            total,
            series,
            span,
            own: ended.into_iter().map(|ended| ended.own).collect(),
            stolen,
            server,
            cut,
        })
    })
}

/// Moves the calling thread to its processor, has it woken in time, and gives it a table of files of its own.
fn settle(plan: &Plan, thread: usize) -> std::result::Result<(), String> {
    // Each system call on a socket counts that socket's users up and down where threads share a table. All that a thread opens it
    // closes itself; where it may not have a table, it is a little slower.
    let _ = unshare(CloneFlags::CLONE_FILES);
    // A sleep is 50 µs longer otherwise, so that the system may wake several threads at once.
    let _ = set_current_timer_slack(std::num::NonZero::new(1));
    if plan.cpus.is_empty() {
        return Ok(());
    }
    let cpu = plan.cpus[thread % plan.cpus.len()];
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(|error| format!("--cpus: processor {cpu} cannot be had: {error}"))
}

/// What is seen from outside the threads.
struct Watched {
    total: Tally,
    series: Series,
    stolen: Option<f64>,
    server: Option<Cost>,
}

fn watch(
    plan: &Plan,
    moments: Moments,
    slices: &Receiver<Slice>,
    mut meter: Option<Meter>,
    mut live: Live,
) -> Watched {
    let (mut total, mut series) = (Tally::new(), Series::default());
    let mut before = None;
    let (mut told, mut metered) = (Instant::now(), Instant::now());
    loop {
        let now = Instant::now();
        if before.is_none() && now >= moments.counted_from {
            meter.iter_mut().for_each(Meter::begin);
            before = Some(own::stolen());
            metered = now;
        }
        if before.is_some() && now - metered >= METER_EVERY {
            meter.iter_mut().for_each(Meter::look);
            metered = now;
        }
        let left = moments.counted_from.saturating_duration_since(now);
        let wait = if left.is_zero() { LOOK } else { left.min(LOOK) };
        match slices.recv_timeout(wait) {
            Ok(Slice { second, tally }) => {
                total.add(&tally);
                series.add(second, tally);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if told.elapsed() >= LIVE_EVERY {
            told = Instant::now();
            live.show(plan, moments, &total, &series);
        }
    }
    live.end();
    let server = meter.filter(|_| before.is_some()).map(Meter::end);
    let stolen = before.flatten().zip(own::stolen()).map(|((before, all_before), (after, all_after))| {
        after.saturating_sub(before) as f64 / all_after.saturating_sub(all_before).max(1) as f64
    });
    Watched { total, series, stolen, server }
}

/// Until then all threads are there.
const LEAD: Duration = Duration::from_millis(5);
const LOOK: Duration = Duration::from_millis(100);
/// To look at a server's processes takes the machine a millisecond or so.
const METER_EVERY: Duration = Duration::from_secs(1);
const LIVE_EVERY: Duration = Duration::from_millis(500);
