//! What all experiments do: rounds in turns, and samples of load and CPU.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use tidegate_compare::load::Report;
use tidegate_compare::server::Server;
use tidegate_compare::table::Cell;

/// The body of every small reply.
pub(crate) const HELLO: &[u8] = b"Hello, World\n";

/// Fills caches and buffers before anything counts.
pub(crate) const WARM_UP: Duration = Duration::from_millis(200);

/// For a server to fall asleep, which brings its CPU time up to date.
pub(crate) const SETTLE: Duration = Duration::from_millis(20);

/// How often it is looked at meanwhile.
const LOOKS_MAX: usize = 10;

/// What one round of small requests tells. Times are in microseconds.
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Per request, of each server that takes part.
    pub(crate) cpu: Vec<f64>,
    /// Percent of the servers' core.
    pub(crate) busy: f64,
    pub(crate) reply_bytes: f64,
}

impl Sample {
    /// Of all servers together, per request.
    pub(crate) fn cpu_sum(&self) -> f64 {
        self.cpu.iter().sum()
    }
}

/// Warms up, then measures `time` of `load` and what the servers spend on it.
pub(crate) fn sample(
    time: Duration,
    servers: &[&Server],
    load: impl Fn(Duration) -> io::Result<Report>,
) -> io::Result<Sample> {
    load(WARM_UP)?;
    let before = spent_at_rest(servers)?;
    let report = load(time)?;
    // What a thread or a process has spent goes with it.
    let lost = || io::Error::other("one of its threads has ended");
    let cpu = (spent_at_rest(servers)?.iter().zip(&before))
        .map(|(after, before)| after.checked_sub(*before).ok_or_else(lost))
        .collect::<io::Result<Vec<Duration>>>()?;
    let busy: Duration = cpu.iter().sum();
    Ok(Sample {
        per_second: report.per_second(),
        p50: microseconds(report.within(0.5)),
        p99: microseconds(report.within(0.99)),
        cpu: cpu.iter().map(|cpu| microseconds(*cpu) / report.requests as f64).collect(),
        busy: 100.0 * busy.as_secs_f64() / report.elapsed.as_secs_f64(),
        reply_bytes: report.reply_bytes as f64,
    })
}

/// What each has spent so far, once it sleeps: the file of a large upload takes a while to go. One that
/// never sleeps is not waited for.
fn spent_at_rest(servers: &[&Server]) -> io::Result<Vec<Duration>> {
    let spent = || servers.iter().map(|server| server.cpu_time()).collect::<io::Result<Vec<_>>>();
    let mut earlier = spent()?;
    for _ in 0..LOOKS_MAX {
        sleep(SETTLE);
        let now = spent()?;
        if now == earlier {
            break;
        }
        earlier = now;
    }
    Ok(earlier)
}

/// One figure of every sample.
pub(crate) fn cell<T>(samples: &Result<Vec<T>, String>, of: impl Fn(&T) -> f64) -> Cell {
    match samples {
        Ok(samples) => Ok(samples.iter().map(of).collect()),
        Err(reason) => Err(reason.clone()),
    }
}

/// That figure of every subject.
pub(crate) fn cells<T>(samples: &[Result<Vec<T>, String>], of: impl Fn(&T) -> f64) -> Vec<Cell> {
    samples.iter().map(|samples| cell(samples, &of)).collect()
}

pub(crate) fn on_each<'a, S, T>(
    subjects: &'a [Result<S, String>],
    mut measure: impl FnMut(&'a S) -> Result<T, String>,
) -> Vec<Result<T, String>> {
    subjects.iter().map(|subject| measure(subject.as_ref().map_err(Clone::clone)?)).collect()
}

pub(crate) fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn text(error: io::Error) -> String {
    error.to_string()
}
