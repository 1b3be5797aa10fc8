//! Two servers in turns: whether one does better, and how sure that is.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Result, print};
use super::compared::{Compared, rows};
use super::doubts::{doubts, doubts_of_rounds};
use super::json;
use super::live::Live;
use super::plan::{Bound, Plan};
use super::run::{Measured, run};
use super::server::Server;
use super::table::{figures, heading, load};

/// One of the two.
pub(super) struct Side {
    pub(super) plan: Plan,
    pub(super) server: Option<Server>,
}

/// What the rounds have shown, of both sides.
#[derive(Default)]
pub(super) struct Rounds {
    /// Pairs that were measured next to each other.
    pub(super) pairs: Vec<(Measured, Measured)>,
    /// What there is of a round that did not become a pair.
    rest: [Option<Measured>; 2],
    /// Why there are no more of them.
    pub(super) cut: Option<String>,
}

/// Measures both, round by round, each in turns the first: what changes on the machine meanwhile falls on both alike.
pub(super) fn measure(sides: &[Side; 2], rounds: u32, stop: &AtomicBool) -> Result<Rounds> {
    let mut shown = Rounds::default();
    for round in 0..rounds {
        // A B, B A, A B …
        let order = if round.is_multiple_of(2) { [0, 1] } else { [1, 0] };
        for side in order {
            let measured = match measure_one(&sides[side], NAMES[side], round, rounds, stop) {
                Ok(measured) => measured,
                Err(error) if shown.is_empty() => return Err(error),
                Err(error) => {
                    shown.cut = Some(error.to_string());
                    return Ok(shown);
                }
            };
            let target = &sides[side].plan.target;
            shown.cut = match &measured.cut {
                Some(cut) => Some(format!("{target} in round {}: {cut}", round + 1)),
                None if measured.total.answered() == 0 => {
                    Some(format!("{target} answered no request in round {}", round + 1))
                }
                None => None,
            };
            shown.rest[side] = Some(measured);
            // What was measured until then is worth something.
            if shown.cut.is_some() {
                return Ok(shown);
            }
        }
        if let [Some(a), Some(b)] = std::mem::take(&mut shown.rest) {
            shown.pairs.push((a, b));
        }
    }
    Ok(shown)
}

/// One side's part of a round.
fn measure_one(side: &Side, name: &str, round: u32, rounds: u32, stop: &AtomicBool) -> Result<Measured> {
    let mut plan = side.plan.clone();
    plan.bound = match plan.bound {
        Bound::Time(time) => Bound::Time(time / rounds),
        Bound::Requests(count) => Bound::Requests(count.div_ceil(rounds.into())),
    };
    if round > 0 {
        plan.warm_up = plan.warm_up.min(WARM_UP_AGAIN);
    }
    let label = format!("round {} of {rounds}, {name}: ", round + 1);
    run(&plan, stop, side.server.as_ref(), Live::new(false, label))
}

impl Rounds {
    /// The ratio of each figure.
    pub(super) fn compared(&self) -> Vec<Compared> {
        rows(|figure| {
            let pair = |(a, b): &(Measured, Measured)| Some((figure(a)?, figure(b)?));
            let pairs: Vec<(f64, f64)> = self.pairs.iter().filter_map(pair).collect();
            Compared::of_pairs(&pairs)
        })
    }

    fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.rest.iter().all(Option::is_none)
    }

    /// Whether they are too few for a ratio.
    pub(super) fn are_few(&self) -> bool {
        self.pairs.len() < PAIRS_MIN
    }

    /// A side's runs. What is not of a pair is worth telling where there is little else.
    fn runs(&self, side: usize) -> impl Iterator<Item = &Measured> {
        let of_pairs = self.pairs.iter().map(move |(a, b)| if side == 0 { a } else { b });
        of_pairs.chain(self.rest[side].as_ref().filter(|_| self.are_few()))
    }

    /// Each side by itself.
    fn text_of_few(&self, sides: &[Side; 2]) -> String {
        let mut text = String::new();
        for (at, (name, Side { plan, .. })) in NAMES.iter().zip(sides).enumerate() {
            text += &format!("{name}  {}", heading(plan));
            let measured: Vec<String> = self.runs(at).map(|run| figures(run, &doubts(run))).collect();
            text += &match measured.as_slice() {
                [] => "  nothing was measured\n".to_owned(),
                several => several.join("\n"),
            };
            text.push('\n');
        }
        text + "no ratio can be told: it takes two rounds of both\n"
    }

    pub(super) fn text(&self, sides: &[Side; 2]) -> String {
        if self.are_few() {
            return self.text_of_few(sides);
        }
        let rounds = self.pairs.len();
        let mut text = String::new();
        for (name, Side { plan, .. }) in NAMES.iter().zip(sides) {
            text += &format!("{name}  {}  {}\n   {}\n", plan.target, plan.requests[0].name, load(plan));
        }
        text += &format!("{rounds} rounds, each in turns the first\n\n");
        text += &super::compared::table(&self.compared(), NAMES);
        text
    }

    /// What speaks against the figures.
    pub(super) fn doubts(&self) -> Vec<String> {
        // Those of few stand beside their figures.
        let sides = [0, 1].into_iter().filter(|_| !self.are_few());
        sides.flat_map(|side| doubts_of_rounds(NAMES[side], self.runs(side))).collect()
    }

    pub(super) fn json(&self, sides: &[Side; 2]) -> Value {
        let runs = |side: usize| -> Vec<Value> {
            let plan = &sides[side].plan;
            self.runs(side).map(|measured| json::run(plan, measured, &doubts(measured))).collect()
        };
        json!({
            "format": json::FORMAT,
            "a": runs(0),
            "b": runs(1),
            "compared": super::compared::json(&if self.are_few() { Vec::new() } else { self.compared() }),
        })
    }
}

pub(super) fn print_rounds(rounds: &Rounds, sides: &[Side; 2], as_json: bool) -> Result<()> {
    let text = if as_json {
        format!("{:#}\n", rounds.json(sides))
    } else {
        let doubts = rounds.doubts().into_iter().map(|doubt| format!("  doubt: {doubt}\n"));
        rounds.text(sides) + &doubts.collect::<String>()
    };
    print(text.as_bytes())
}

/// From so many on there is a deviation, and an interval with it.
const PAIRS_MIN: usize = 2;
pub(super) const NAMES: [&str; 2] = ["A", "B"];
/// A server that was warm a moment ago is so again soon.
const WARM_UP_AGAIN: Duration = Duration::from_millis(200);
