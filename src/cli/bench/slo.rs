//! How much a server takes within a bound: the rate is raised and lowered until it is found.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Result, print};
use super::assertion::Assertion;
use super::doubts::doubts;
use super::json;
use super::live::Live;
use super::plan::{Bound, Pace, Plan};
use super::run::{Measured, run};
use super::server::Server;
use super::table::heading;
use super::words::{count, digits};

/// Finds the highest rate at which `bound` holds, and tells each step. Returns whether there is one.
pub(super) fn find(
    plan: &Plan,
    bound: &Assertion,
    stop: &AtomicBool,
    server: Option<&Server>,
    as_json: bool,
) -> Result<bool> {
    let mut search = Search { plan, bound, stop, server, as_json, steps: Vec::new() };
    if !as_json {
        print(heading(plan).as_bytes())?;
        print(
            format!(
                "\n  {:>12}{:>14}{:>12}{:>10}\n",
                "asked a s",
                "answered a s",
                bound.figure_name(),
                "failed"
            )
            .as_bytes(),
        )?;
    }
    // What it can do at all: no rate beyond it is kept.
    let most = search.step(Pace::Closed)?.rate();
    let (mut held, mut broken) = (0.0, most);
    while held < broken * PRECISION && search.steps.len() < STEPS_MAX && !stop.load(Ordering::Relaxed) {
        let rate = round((held + broken) / 2.0);
        // The rates are whole ones: there is none in between.
        if rate <= held || rate < 1.0 {
            break;
        }
        let measured = search.step(Pace::Rate(rate))?;
        if search.holds(rate, &measured) { held = rate } else { broken = rate }
    }
    if stop.load(Ordering::Relaxed) {
        return Err("the search was interrupted: what it found so far is above".into());
    }
    search.tell(held)?;
    Ok(held > 0.0)
}

struct Search<'a> {
    plan: &'a Plan,
    bound: &'a Assertion,
    stop: &'a AtomicBool,
    server: Option<&'a Server>,
    as_json: bool,
    steps: Vec<Value>,
}

impl Search<'_> {
    fn step(&mut self, pace: Pace) -> Result<Measured> {
        let mut plan = self.plan.clone();
        plan.pace = pace;
        // What is far beyond the bound need not be waited for.
        plan.timeout = plan.timeout.min(self.bound.time().saturating_mul(4).max(TIMEOUT_MIN));
        let label = format!("step {}: ", self.steps.len() + 1);
        let measured = run(&plan, self.stop, self.server, Live::new(false, label))?;
        if let Some(cut) = measured.cut.as_ref().filter(|_| !self.stop.load(Ordering::Relaxed)) {
            return Err(format!("the search ended early: {cut}").into());
        }
        let doubts = doubts(&measured);
        let (rate, holds) = match pace {
            Pace::Closed => ("as it can".to_owned(), self.bound.holds(&measured)),
            Pace::Rate(rate) => (digits(rate), self.holds(rate, &measured)),
        };
        if !self.as_json {
            let (is, failed) = (self.bound.is(&measured), count(measured.total.failed()));
            let verdict = if holds { "kept" } else { "not kept" };
            let row =
                format!("  {rate:>12}{:>14}{is:>12}{failed:>10}   {verdict}\n", digits(measured.rate()));
            print(row.as_bytes())?;
            for doubt in &doubts {
                print(format!("  {:>12}  doubt: {doubt}\n", "").as_bytes())?;
            }
        }
        self.steps.push(json!({ "holds": holds, "run": json::run(&plan, &measured, &doubts) }));
        Ok(measured)
    }

    /// Whether the bound is kept, and the rate too, with every request answered.
    fn holds(&self, rate: f64, measured: &Measured) -> bool {
        // What was due last may be answered after the end.
        let seconds = measured.span.saturating_sub(self.bound.time()).as_secs_f64();
        let is_kept = measured.total.in_time as f64 >= rate * seconds * RATE_KEPT;
        self.bound.holds(measured) && measured.total.failed() == 0 && is_kept
    }

    fn tell(&self, held: f64) -> Result<()> {
        let bound = self.bound;
        if self.as_json {
            let found = json!({ "format": json::FORMAT, "bound": bound.to_string(), "rate": held, "steps": self.steps });
            return print(format!("{found:#}\n").as_bytes());
        }
        let Bound::Time(time) = self.plan.bound else { return Ok(()) };
        let seconds = time.as_secs_f64();
        let line = match held {
            0.0 => format!("\nNo rate keeps {bound}.\n"),
            held => format!("\n{} requests a second keep {bound} (for {seconds} s each).\n", digits(held)),
        };
        print(line.as_bytes())
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
