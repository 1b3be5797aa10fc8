//! What a search for the highest rate has found: a line, a curve and a histogram of each step.

use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::super::Result;
use super::assertion::Assertion;
use super::chart::{FIRST, Line, SECOND};
use super::hdr::Interval;
use super::json;
use super::page::{Page, unit};
use super::plan::{Bound, Plan};
use super::table::heading;
use super::words::{count, digits};

/// A run of the search.
pub(super) struct Step {
    /// The rate that was asked; `None` for the closed loop, which is first.
    pub(super) asked: Option<f64>,
    /// That which came of it.
    pub(super) answered: f64,
    /// What the bound's figure was, nanoseconds, and in words.
    pub(super) figure: f64,
    pub(super) figure_text: String,
    pub(super) failed: u64,
    pub(super) holds: bool,
    pub(super) doubts: Vec<String>,
    /// From when requests were due to the end of their replies, nanoseconds.
    pub(super) latency: Histogram<u64>,
    /// How long after the search's begin, and for how long.
    pub(super) from: Duration,
    pub(super) span: Duration,
    pub(super) run: Value,
}

/// All steps, and what they come to.
pub(super) struct Found {
    pub(super) begun: SystemTime,
    pub(super) steps: Vec<Step>,
    /// The highest rate that held; 0 if none did.
    pub(super) rate: f64,
    /// Why the search ended early.
    pub(super) cut: Option<String>,
}

/// What stands above the rows.
pub(super) fn columns(bound: &Assertion) -> String {
    format!("\n  {:>12}{:>14}{:>12}{:>10}\n", "asked a s", "answered a s", bound.figure_name(), "failed")
}

impl Step {
    fn name(&self) -> String {
        self.asked.map_or_else(|| "as it can".to_owned(), digits)
    }

    /// Its line, and one for each doubt.
    pub(super) fn rows(&self) -> String {
        let doubts = self.doubts.iter().map(|doubt| format!("  {:>12}  doubt: {doubt}\n", ""));
        self.row() + &doubts.collect::<String>()
    }

    fn row(&self) -> String {
        let (name, answered, failed) = (self.name(), digits(self.answered), count(self.failed));
        let verdict = if self.holds { "kept" } else { "not kept" };
        format!("  {name:>12}{answered:>14}{:>12}{failed:>10}   {verdict}\n", self.figure_text)
    }
}

impl Found {
    /// The sentence that answers the question.
    pub(super) fn verdict(&self, plan: &Plan, bound: &Assertion) -> String {
        let rate = digits(self.rate);
        match (plan.bound, &self.cut) {
            (_, Some(_)) if self.rate > 0.0 => {
                format!("\nUntil then {rate} requests a second kept {bound}.\n")
            }
            (_, Some(_)) => format!("\nUntil then no rate kept {bound}.\n"),
            (Bound::Time(time), None) if self.rate > 0.0 => {
                format!("\n{rate} requests a second keep {bound} (for {} s each).\n", time.as_secs_f64())
            }
            _ => format!("\nNo rate keeps {bound}.\n"),
        }
    }

    pub(super) fn json(&self, bound: &Assertion) -> Value {
        let steps = self.steps.iter().map(|step| json!({ "holds": step.holds, "run": step.run }));
        json!({
            "format": json::FORMAT,
            "bound": bound.to_string(),
            "rate": self.rate,
            "steps": steps.collect::<Vec<_>>(),
            "cut": self.cut,
        })
    }

    /// An interval of the log for each step, whose tag is its rate.
    pub(super) fn intervals(&self) -> impl Iterator<Item = Interval<'_>> {
        self.steps.iter().map(|step| Interval {
            from: step.from,
            length: step.span,
            latency: &step.latency,
            tag: Some(step.asked.map_or_else(|| "closed".to_owned(), |rate| format!("rate={rate}"))),
        })
    }

    pub(super) fn page(&self, plan: &Plan, bound: &Assertion) -> Result<Page> {
        let heading = heading(plan);
        let title = heading.lines().next().unwrap_or_default();
        let mut page = Page::new(title, &format!("the highest rate that keeps {bound}"));
        let rows: String = self.steps.iter().map(Step::row).collect();
        page.text(&format!("{}{rows}{}", columns(bound), self.verdict(plan, bound)));
        for step in &self.steps {
            let doubts: Vec<String> =
                step.doubts.iter().map(|doubt| format!("{}: {doubt}", step.name())).collect();
            page.doubts(&doubts);
        }
        let mut steps: Vec<(f64, &Step)> =
            self.steps.iter().filter_map(|step| Some((step.asked?, step))).collect();
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let kept = steps.iter().rev().find(|(rate, _)| *rate == self.rate);
        let broken = steps.iter().find(|(rate, step)| !step.holds && *rate > self.rate);
        let near: Vec<(String, &Histogram<u64>)> = kept
            .into_iter()
            .chain(broken)
            .map(|(_, step)| {
                let kept = if step.holds { "kept" } else { "not kept" };
                (format!("{} a second, {kept}", step.name()), &step.latency)
            })
            .collect();
        let near: Vec<_> = near.iter().map(|(name, latency)| (name.as_str(), *latency)).collect();
        page.percentiles(&near)?;
        let most = steps.iter().map(|(_, step)| step.figure).fold(bound.time().as_nanos() as f64, f64::max);
        let (unit, scale) = unit(most as u64);
        let over = |colour, figure: &dyn Fn(f64, &Step) -> f64| Line {
            colour,
            points: steps.iter().map(|(rate, step)| (*rate, figure(*rate, step))).collect(),
        };
        page.chart(
            &format!("{} by rate", bound.figure_name()),
            &["as measured", "the bound"],
            &[
                over(FIRST, &|_, step| step.figure / scale),
                over(SECOND, &|_, _| bound.time().as_nanos() as f64 / scale),
            ],
            ("requests a second asked", unit),
        )?;
        page.chart(
            "Answered by rate",
            &["answered", "asked"],
            &[over(FIRST, &|_, step| step.answered), over(SECOND, &|rate, _| rate)],
            ("requests a second asked", "requests a second"),
        )?;
        Ok(page)
    }
}
