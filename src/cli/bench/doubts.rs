//! What speaks against a run's own figures.

use std::fmt;
use std::mem::{Discriminant, discriminant};

use super::run::Measured;
use super::words::{count, time};

/// A reason to doubt them, with the figure that gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Doubt {
    /// Requests that failed: the others may be the easy ones.
    Failed(u64),
    /// The generator's part of the time in which it had work.
    Busy(f64),
    /// How late one request in a hundred was sent, nanoseconds.
    Late(u64),
    /// For how long the generator waited for a processor, nanoseconds, and how often it was taken off one.
    Waited(u64, u64),
    /// The part of all processors' time that another machine took.
    Stolen(f64),
}

/// A sentence for each reason to doubt a run, but for its failures, which its figures tell.
pub(super) fn doubts(measured: &Measured) -> Vec<String> {
    found(measured).iter().map(ToString::to_string).collect()
}

/// A sentence for each reason to doubt one or more of the rounds of the server `name`, with the worst of them.
pub(super) fn doubts_of_rounds<'a>(name: &str, rounds: impl Iterator<Item = &'a Measured>) -> Vec<String> {
    worst(
        name,
        rounds.map(|measured| {
            let failed = Some(measured.total.failed()).filter(|failed| *failed > 0).map(Doubt::Failed);
            failed.into_iter().chain(found(measured)).collect()
        }),
    )
}

fn worst(name: &str, rounds: impl Iterator<Item = Vec<Doubt>>) -> Vec<String> {
    let (mut all, mut kinds) = (0, Vec::<(Doubt, u32)>::new());
    for doubts in rounds {
        all += 1;
        for doubt in doubts {
            match kinds.iter_mut().find(|(there, _)| there.kind() == doubt.kind()) {
                None => kinds.push((doubt, 1)),
                Some((there, rounds)) => {
                    *rounds += 1;
                    if doubt.weight() > there.weight() {
                        *there = doubt;
                    }
                }
            }
        }
    }
    let told = kinds
        .into_iter()
        .map(|(doubt, rounds)| format!("{name}, in {rounds} of {all} rounds, at worst: {doubt}"));
    told.collect()
}

fn found(measured: &Measured) -> Vec<Doubt> {
    let own = &measured.own;
    let busiest = own.iter().map(|own| own.busy).fold(0.0, f64::max);
    let busy = (busiest > BUSY_MAX).then_some(Doubt::Busy(busiest));
    let lag = &measured.total.lag;
    let (late, p99) = (lag.value_at_quantile(0.99), measured.total.latency.value_at_quantile(0.99));
    let late = (!lag.is_empty() && late > LATE_NS.max(p99 / 20)).then_some(Doubt::Late(late));
    let waited =
        own.iter().filter_map(|own| own.waited).map(|waited| waited.as_secs_f64()).fold(0.0, f64::max);
    let taken_off = own.iter().map(|own| own.taken_off).sum();
    let waited = (waited > measured.span.as_secs_f64() * WAITED_MAX)
        .then_some(Doubt::Waited((waited * 1e9) as u64, taken_off));
    let stolen = measured.stolen.filter(|stolen| *stolen > STOLEN_MAX).map(Doubt::Stolen);
    [busy, late, waited, stolen].into_iter().flatten().collect()
}

impl Doubt {
    fn kind(&self) -> Discriminant<Doubt> {
        discriminant(self)
    }

    /// Of two of one kind the one with more is worse.
    fn weight(&self) -> f64 {
        match *self {
            Doubt::Failed(figure) | Doubt::Late(figure) | Doubt::Waited(figure, _) => figure as f64,
            Doubt::Busy(part) | Doubt::Stolen(part) => part,
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Doubt::Failed(1) => write!(f, "1 request failed"),
            Doubt::Failed(failed) => write!(f, "{} requests failed", count(failed)),
            Doubt::Busy(part) => write!(
                f,
                "the generator was busy for {:.0} % of the time: it may be the limit, and not the server (more --threads, or --spin on a core of its own)",
                part * 100.0
            ),
            Doubt::Late(late) => write!(
                f,
                "the generator was late: one request in a hundred was sent {} or more after it was due, though a connection was free",
                time(late)
            ),
            Doubt::Waited(waited, taken_off) => write!(
                f,
                "the generator waited {} for a processor, which others had ({taken_off} times it was taken off): give it one of its own (--cpus), and the server another",
                time(waited)
            ),
            Doubt::Stolen(part) => write!(
                f,
                "another machine on this hardware took {:.1} % of the processors' time (steal)",
                part * 100.0
            ),
        }
    }
}

/// The part of its time that a thread may have work in, and the part of the run that it may wait for a processor.
const BUSY_MAX: f64 = 0.9;
const WAITED_MAX: f64 = 0.02;
const STOLEN_MAX: f64 = 0.01;
/// How late one request in a hundred may be sent: a sleep of the system is as precise.
const LATE_NS: u64 = 500_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_rounds_each_kind_is_one_line_with_the_worst() {
        let rounds = [
            vec![Doubt::Waited(900_000, 7), Doubt::Stolen(0.011)],
            vec![],
            vec![Doubt::Failed(1), Doubt::Waited(318_000_000, 40)],
            vec![Doubt::Waited(2_000_000, 50)],
        ];
        let told = worst("A", rounds.into_iter());
        assert_eq!(told.len(), 3, "{told:?}");
        let begin = "A, in 3 of 4 rounds, at worst: the generator waited 318 ms for a processor, which others had (40 times";
        assert!(told[0].starts_with(begin), "{told:?}");
        assert!(
            told[1].starts_with("A, in 1 of 4 rounds, at worst: another machine on this hardware took 1.1 %")
        );
        assert_eq!(told[2], "A, in 1 of 4 rounds, at worst: 1 request failed");
    }
}
