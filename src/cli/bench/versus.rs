//! Two servers in turns: whether one does better, and how sure that is.

use std::sync::atomic::{AtomicBool, Ordering};
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
use super::table::load;

/// One of the two.
pub(super) struct Side {
    pub(super) plan: Plan,
    pub(super) server: Option<Server>,
}

/// What the rounds have shown, of both sides.
pub(super) struct Rounds {
    /// Pairs that were measured next to each other.
    pub(super) pairs: Vec<(Measured, Measured)>,
    /// Why there are no more of them.
    pub(super) cut: Option<String>,
}

/// Measures both, round by round, each in turns the first: what changes on the machine meanwhile falls on both alike.
pub(super) fn measure(sides: &[Side; 2], rounds: u32, stop: &AtomicBool) -> Result<Rounds> {
    let (mut pairs, mut cut) = (Vec::new(), None);
    for round in 0..rounds {
        let measure = |side: usize| -> Result<Measured> {
            let Side { plan, server } = &sides[side];
            let mut plan = plan.clone();
            plan.bound = match plan.bound {
                Bound::Time(time) => Bound::Time(time / rounds),
                Bound::Requests(count) => Bound::Requests(count.div_ceil(rounds.into())),
            };
            if round > 0 {
                plan.warm_up = plan.warm_up.min(WARM_UP_AGAIN);
            }
            let label = format!("round {} of {rounds}, {}: ", round + 1, NAMES[side]);
            let measured = run(&plan, stop, server.as_ref(), Live::new(false, label))?;
            match &measured.cut {
                Some(cut) => Err(format!("{} in round {}: {cut}", plan.target, round + 1).into()),
                None if measured.total.answered() == 0 => {
                    Err(format!("{} answered no request in round {}", plan.target, round + 1).into())
                }
                None => Ok(measured),
            }
        };
        // A B, B A, A B …
        let pair = if round.is_multiple_of(2) {
            measure(0).and_then(|a| Ok((a, measure(1)?)))
        } else {
            measure(1).and_then(|b| Ok((measure(0)?, b)))
        };
        match pair {
            Ok(pair) => pairs.push(pair),
            // What was measured until then is worth something.
            Err(error) if pairs.len() > 1 => {
                cut = Some(error.to_string());
                break;
            }
            Err(error) => return Err(error),
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(Rounds { pairs, cut })
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

    pub(super) fn text(&self, sides: &[Side; 2]) -> String {
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
        let first = doubts_of_rounds(NAMES[0], self.pairs.iter().map(|(a, _)| a));
        let second = doubts_of_rounds(NAMES[1], self.pairs.iter().map(|(_, b)| b));
        [first, second].concat()
    }

    pub(super) fn json(&self, sides: &[Side; 2]) -> Value {
        let runs = |side: usize| -> Vec<Value> {
            let measured = self.pairs.iter().map(|(a, b)| if side == 0 { a } else { b });
            measured.map(|measured| json::run(&sides[side].plan, measured, &doubts(measured))).collect()
        };
        json!({
            "format": json::FORMAT,
            "a": runs(0),
            "b": runs(1),
            "compared": super::compared::json(&self.compared()),
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

pub(super) const NAMES: [&str; 2] = ["A", "B"];
/// A server that was warm a moment ago is so again soon.
const WARM_UP_AGAIN: Duration = Duration::from_millis(200);
