//! Two runs' figures side by side, with their ratios.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::run::Measured;
use super::statistics::{Ratio, geometric_mean};
use super::words::{digits, time};

/// A figure of both, and their ratio.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    pub(super) name: &'static str,
    is_time: bool,
    /// Their means.
    values: (f64, f64),
    ratio: Ratio,
}

/// A figure of a run, if it has it. Times are in nanoseconds.
type Figure<'a> = &'a dyn Fn(&Measured) -> Option<f64>;

/// Compares the figures that are worth it, each by `compare`.
pub(super) fn rows(compare: impl Fn(Figure<'_>) -> Option<Compared>) -> Vec<Compared> {
    let quantile =
        |at: f64| move |measured: &Measured| Some(measured.total.latency.value_at_quantile(at) as f64);
    let cpu = |measured: &Measured| {
        let server = measured.server.as_ref()?;
        Some(server.processor.as_nanos() as f64 / measured.total.answered().max(1) as f64)
    };
    let (p50, p90, p99) = (quantile(0.5), quantile(0.9), quantile(0.99));
    let figures: [(&str, bool, Figure<'_>); 5] = [
        (RATE, false, &|measured| Some(measured.rate())),
        (P50, true, &p50),
        ("p90", true, &p90),
        (P99, true, &p99),
        (CPU, true, &cpu),
    ];
    let row = |(name, is_time, figure)| Some(Compared { name, is_time, ..compare(figure)? });
    figures.into_iter().filter_map(row).collect()
}

impl Compared {
    /// Of pairs that were measured next to each other.
    pub(super) fn of_pairs(pairs: &[(f64, f64)]) -> Option<Compared> {
        let (first, second): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        Compared::new(&first, &second, Ratio::of_pairs(pairs)?)
    }

    /// Of two series.
    pub(super) fn of_series(first: &[f64], second: &[f64]) -> Option<Compared> {
        Compared::new(first, second, Ratio::of_series(first, second)?)
    }

    pub(super) fn named(self, name: &'static str, is_time: bool) -> Compared {
        Compared { name, is_time, ..self }
    }

    fn new(first: &[f64], second: &[f64], ratio: Ratio) -> Option<Compared> {
        let mean = |values: &[f64]| geometric_mean(values.iter().copied());
        Some(Compared { name: "", is_time: false, values: (mean(first)?, mean(second)?), ratio })
    }

    fn written(&self, value: f64) -> String {
        if self.is_time { time(value as u64) } else { digits(value) }
    }

    /// The interval, and what it means for the second of the two, `name`.
    fn verdict(&self, name: &str) -> String {
        let Some((low, high)) = self.ratio.interval else { return "too few for an interval".to_owned() };
        let meaning = match self.ratio.is_open() {
            true => "no difference seen".to_owned(),
            // Of times, and of what a request costs, less is better.
            false if (self.ratio.ratio < 1.0) == self.is_time => format!("{name} is better"),
            false => format!("{name} is worse"),
        };
        format!("{low:.3} to {high:.3}   {meaning}")
    }
}

/// The figures, with their names.
pub(super) fn table(compared: &[Compared], names: [&str; 2]) -> String {
    let [a, b] = names;
    let mut text = format!("  {:<22}{a:>12}{b:>12}   {:>7}   95 % interval\n", "", format!("{b} \u{f7} {a}"));
    for row in compared {
        let (first, second) = (row.written(row.values.0), row.written(row.values.1));
        let _ = writeln!(
            text,
            "  {:<22}{first:>12}{second:>12}   {:>7.3}   {}",
            row.name,
            row.ratio.ratio,
            row.verdict(b)
        );
    }
    text
}

pub(super) fn json(compared: &[Compared]) -> Value {
    let rows = compared.iter().map(|row| {
        let scale = if row.is_time { 1e-9 } else { 1.0 };
        let value = json!({
            "a": row.values.0 * scale,
            "b": row.values.1 * scale,
            "ratio": row.ratio.ratio,
            "interval": row.ratio.interval.map(|(low, high)| [low, high]),
            "difference": !row.ratio.is_open(),
        });
        (row.name.to_owned(), value)
    });
    Value::Object(rows.collect::<Map<_, _>>())
}

pub(super) const RATE: &str = "requests a second";
pub(super) const P50: &str = "p50";
pub(super) const P99: &str = "p99";
pub(super) const CPU: &str = "server CPU a request";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_better_with_more_requests_and_shorter_times() {
        let row = |name, is_time, ratio: f64| {
            let pairs = [1.0, 1.001, 0.999].map(|noise| (100.0, 100.0 * ratio * noise));
            Compared::of_pairs(&pairs).unwrap().named(name, is_time)
        };
        let rows = [
            row(RATE, false, 1.2),
            row(RATE, false, 0.8),
            row(P50, true, 1.2),
            row(CPU, true, 0.8),
            row(P99, true, 1.0),
        ];
        let table = table(&rows, ["then", "now"]);
        let ends: Vec<&str> = table.lines().skip(1).map(|line| line.rsplit("   ").next().unwrap()).collect();
        assert_eq!(
            ends,
            ["now is better", "now is worse", "now is worse", "now is better", "no difference seen"]
        );
        assert!(table.lines().next().is_some_and(|heading| heading.contains("now \u{f7} then")), "{table}");
    }
}
