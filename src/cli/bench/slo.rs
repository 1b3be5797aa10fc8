//! How much a server takes within a bound: the rate is raised and lowered until it is found.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::super::{Result, print};
use super::assertion::Assertion;
use super::doubts::doubts;
use super::found::{Found, Step, columns};
use super::json;
use super::live::Live;
use super::plan::{Pace, Plan};
use super::run::{Measured, run};
use super::server::Server;
use super::table::heading_of_search;
use super::tally::Kind;

/// Finds the highest rate at which `bound` holds. With `tells` each step is told of when it is done.
pub(super) fn find(
    plan: &Plan,
    bound: &Assertion,
    stop: &AtomicBool,
    server: Option<&Server>,
    tells: bool,
) -> Result<Found> {
    if tells {
        print((heading_of_search(plan) + &columns(bound)).as_bytes())?;
    }
    let mut search =
        Search { plan, bound, stop, server, tells, begun: Instant::now(), steps: Vec::new(), cut: None };
    let begun = SystemTime::now();
    let rate = search.narrow()?;
    Ok(Found { begun, steps: search.steps, rate, cut: search.cut })
}

struct Search<'a> {
    plan: &'a Plan,
    bound: &'a Assertion,
    stop: &'a AtomicBool,
    server: Option<&'a Server>,
    tells: bool,
    begun: Instant,
    steps: Vec<Step>,
    /// Why it ends early.
    cut: Option<String>,
}

impl Search<'_> {
    /// Halves the distance between a rate that holds and one that does not. Returns the first; 0 if none does.
    fn narrow(&mut self) -> Result<f64> {
        // What it can do at all: no rate beyond it is kept.
        let Some(most) = self.step(Pace::Closed)?.map(|(rate, _)| rate) else { return Ok(0.0) };
        let (mut held, mut broken) = (0.0, most);
        while held < broken * PRECISION && self.steps.len() < STEPS_MAX {
            let rate = round((held + broken) / 2.0);
            // The rates are whole ones: there is none in between.
            if rate <= held || rate < 1.0 {
                break;
            }
            match self.step(Pace::Rate(rate))? {
                None => break,
                Some((_, true)) => held = rate,
                Some((_, false)) => broken = rate,
            }
        }
        Ok(held)
    }

    /// Measures at a pace. Returns the rate that came of it and whether the bound holds; `None` if the search is to end.
    fn step(&mut self, pace: Pace) -> Result<Option<(f64, bool)>> {
        let mut plan = self.plan.clone();
        plan.pace = pace;
        // What is far beyond the bound need not be waited for.
        plan.timeout = plan.timeout.min(self.bound.time().saturating_mul(4).max(TIMEOUT_MIN));
        let (from, label) = (self.begun.elapsed(), format!("step {}: ", self.steps.len() + 1));
        let measured = run(&plan, self.stop, self.server, Live::new(false, label))?;
        self.cut.clone_from(&measured.cut);
        if self.cut.is_none() && self.stop.load(Ordering::Relaxed) {
            self.cut = Some("interrupted".to_owned());
        }
        let total = &measured.total;
        if total.answered() == 0 && total.failures.contains_key(&Kind::Refused) {
            // A step may be too short for a run to give up.
            self.cut = Some(format!("{} refused connections in step {}", plan.target, self.steps.len() + 1));
        }
        if self.cut.is_some() {
            return Ok(None);
        }
        let (asked, holds) = match pace {
            Pace::Closed => (None, self.bound.holds(&measured)),
            Pace::Rate(rate) => (Some(rate), self.holds(rate, &measured)),
        };
        let doubts = doubts(&measured);
        let (figure, figure_text) = self.bound.is(&measured);
        let step = Step {
            asked,
            answered: measured.rate(),
            figure,
            figure_text,
            failed: measured.total.failed(),
            holds,
            from,
            span: measured.span,
            run: json::run(&plan, &measured, &doubts),
            doubts,
            latency: measured.total.latency,
        };
        if self.tells {
            print(step.rows().as_bytes())?;
        }
        let seen = (step.answered, holds);
        self.steps.push(step);
        Ok(Some(seen))
    }

    /// Whether the bound is kept, and the rate too, with every request answered.
    fn holds(&self, rate: f64, measured: &Measured) -> bool {
        // What was due last may be answered after the end.
        let seconds = measured.span.saturating_sub(self.bound.time()).as_secs_f64();
        let is_kept = measured.total.in_time as f64 >= rate * seconds * RATE_KEPT;
        self.bound.holds(measured) && measured.total.failed() == 0 && is_kept
    }
}

/// A whole rate, with three digits that count.
fn round(rate: f64) -> f64 {
    let unit = 10_f64.powi((rate.max(1.0).log10().floor() as i32 - 2).max(0));
    (rate / unit).round() * unit
}

/// The rate that is kept is so near to one that is not.
const PRECISION: f64 = 0.97;
const STEPS_MAX: usize = 14;
/// The part of the asked rate that must be answered.
const RATE_KEPT: f64 = 0.99;
const TIMEOUT_MIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_whole_and_have_three_digits() {
        for (rate, want) in [(0.4, 0.0), (1.6, 2.0), (123.4, 123.0), (1_234.0, 1_230.0), (98_765.0, 98_800.0)]
        {
            assert_eq!(round(rate), want);
        }
    }
}
