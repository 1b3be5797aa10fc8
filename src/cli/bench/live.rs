//! The line that tells how a run goes.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use super::plan::{Bound, Plan};
use super::schedule::Moments;
use super::series::Series;
use super::tally::Tally;
use super::words::{count, time};

/// A line on a terminal, which is written over and over.
pub(super) struct Live {
    is_shown: bool,
    /// What stands before it, as the round of a comparison.
    label: String,
}

impl Live {
    /// A line on stderr where that is a terminal, unless it is to be quiet.
    pub(super) fn new(quiet: bool, label: impl Into<String>) -> Self {
        Live { is_shown: !quiet && io::stderr().is_terminal(), label: label.into() }
    }

    pub(super) fn show(&mut self, plan: &Plan, moments: Moments, total: &Tally, series: &Series) {
        if !self.is_shown {
            return;
        }
        let elapsed = moments.counted_from.elapsed().as_secs();
        let line = if Instant::now() < moments.counted_from {
            "warming up".to_owned()
        } else {
            let of = match plan.bound {
                Bound::Time(time) => format!(" of {} s", time.as_secs()),
                Bound::Requests(requests) => {
                    format!(" s, {} of {} requests", count(total.answered()), count(requests))
                }
            };
            let last = series.last();
            let rate = last.map_or(0, |last| last.in_time / series.seconds());
            let p99 = last.map_or(0, |last| last.latency.value_at_quantile(0.99));
            let (rate, p99, failed) = (count(rate), time(p99), count(total.failed()));
            format!("{elapsed}{of}   {rate} a second   p99 {p99}   {failed} failed")
        };
        let label = &self.label;
        // A terminal that is gone is no reason to end.
        let _ = write!(io::stderr(), "\r{label}{line}{CLEAR}");
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r{CLEAR}");
        }
    }
}

/// To the end of the line (ECMA-48, EL).
const CLEAR: &str = "\x1b[K";
