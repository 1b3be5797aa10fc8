//! What a run must keep: `p99<5ms`, `errors=0`, `rate>=1000`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::run::Measured;
use super::words::{count, digits, time};

/// A condition, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assertion {
    text: String,
    figure: Figure,
    relation: Relation,
    value: f64,
}

/// A figure of a run; times are in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Figure {
    /// The time that so much of all requests, from 0 to 1, kept.
    Quantile(f64),
    Mean,
    Longest,
    Rate,
    Errors,
    Requests,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

impl Assertion {
    /// Whether the run keeps it.
    pub(super) fn holds(&self, measured: &Measured) -> bool {
        let is = self.figure.of(measured);
        let holds = match self.relation {
            Relation::Less => is < self.value,
            Relation::LessOrEqual => is <= self.value,
            Relation::Greater => is > self.value,
            Relation::GreaterOrEqual => is >= self.value,
            Relation::Equal => is == self.value,
        };
        // Of requests that all failed no time is known.
        holds && (!self.figure.is_time() || measured.total.answered() > 0)
    }

    /// `None` if the run keeps it; else the line that says what was.
    pub(super) fn failure(&self, measured: &Measured) -> Option<String> {
        (!self.holds(measured)).then(|| format!("--assert '{self}' failed: it was {}", self.is(measured).1))
    }

    /// What its figure is in a run, and how that is written.
    pub(super) fn is(&self, measured: &Measured) -> (f64, String) {
        let is = self.figure.of(measured);
        (is, self.figure.written(is))
    }

    /// The name of its figure.
    pub(super) fn figure_name(&self) -> &str {
        self.text.split(['<', '>', '=']).next().unwrap_or_default().trim()
    }

    /// Its value, where that is a time.
    pub(super) fn time(&self) -> Duration {
        Duration::from_nanos(self.value as u64)
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Figure {
    pub(super) fn of(self, measured: &Measured) -> f64 {
        let latency = &measured.total.latency;
        match self {
            Figure::Quantile(quantile) => latency.value_at_quantile(quantile) as f64,
            Figure::Mean => latency.mean(),
            Figure::Longest => latency.max() as f64,
            Figure::Rate => measured.rate(),
            Figure::Errors => measured.total.failed() as f64,
            Figure::Requests => measured.total.answered() as f64,
        }
    }

    fn is_time(self) -> bool {
        matches!(self, Figure::Quantile(_) | Figure::Mean | Figure::Longest)
    }

    fn written(self, value: f64) -> String {
        match self {
            Figure::Rate => digits(value),
            Figure::Errors | Figure::Requests => count(value as u64),
            _ => time(value as u64),
        }
    }

    fn parse(name: &str) -> Option<Figure> {
        Some(match name {
            "mean" => Figure::Mean,
            "longest" | "max" => Figure::Longest,
            "rate" => Figure::Rate,
            "errors" => Figure::Errors,
            "requests" => Figure::Requests,
            _ => {
                let percent: f64 = plain(name.strip_prefix('p')?)?;
                // Through a whole number: 99.9 / 100 is not 0.999.
                let quantile = (percent * 1e9).round() / 1e11;
                Figure::Quantile(Some(quantile).filter(|quantile| *quantile <= 1.0)?)
            }
        })
    }
}

impl FromStr for Assertion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write a condition, as 'p99<5ms', 'errors=0' or 'rate>=1000'".to_owned();
        let at = text.find(['<', '>', '=']).ok_or_else(form)?;
        let (name, rest) = text.split_at(at);
        let relations = [
            ("<=", Relation::LessOrEqual),
            (">=", Relation::GreaterOrEqual),
            ("==", Relation::Equal),
            ("<", Relation::Less),
            (">", Relation::Greater),
            ("=", Relation::Equal),
        ];
        let found =
            relations.into_iter().find_map(|(sign, relation)| Some((relation, rest.strip_prefix(sign)?)));
        let (relation, value) = found.ok_or_else(form)?;
        let figure = Figure::parse(name.trim()).ok_or_else(|| {
            format!(
                "there is no figure {:?}: it is p50, p99.9 …, mean, longest, rate, errors or requests",
                name.trim()
            )
        })?;
        let value = value.trim();
        let value = if figure.is_time() { nanoseconds(value)? } else { plain(value).ok_or_else(form)? };
        Ok(Assertion { text: text.to_owned(), figure, relation, value })
    }
}

/// The bound of --slo: `p99=5ms`, of a quantile or the like.
pub(super) fn bound(text: &str) -> Result<Assertion, String> {
    let form = "write a bound, as p99=5ms";
    let (name, _) = text.split_once('=').ok_or(form)?;
    let bound: Assertion = format!("{}<={}", name.trim_end_matches('<'), &text[name.len() + 1..]).parse()?;
    if !bound.figure.is_time() {
        return Err(form.to_owned());
    }
    Ok(bound)
}

/// A time with its unit, in nanoseconds.
fn nanoseconds(text: &str) -> Result<f64, String> {
    let units = [("ms", 1e6), ("us", 1e3), ("\u{b5}s", 1e3), ("ns", 1.0), ("s", 1e9)];
    let found = units.into_iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let value = found.and_then(|(number, factor)| Some(plain(number.trim())? * factor));
    value.ok_or_else(|| format!("{text:?} is no time: write it with its unit, as 5ms, 250us or 1.5s"))
}

fn plain(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        for (text, figure, relation, value) in [
            ("p99<5ms", Figure::Quantile(0.99), Relation::Less, 5e6),
            ("p99.9 <= 250us", Figure::Quantile(0.999), Relation::LessOrEqual, 250e3),
            ("mean<1.5s", Figure::Mean, Relation::Less, 1.5e9),
            ("errors=0", Figure::Errors, Relation::Equal, 0.0),
            ("rate>=1000", Figure::Rate, Relation::GreaterOrEqual, 1_000.0),
            ("longest>1ns", Figure::Longest, Relation::Greater, 1.0),
        ] {
            let want = Assertion { text: text.to_owned(), figure, relation, value };
            assert_eq!(text.parse(), Ok(want));
        }
        for text in
            ["", "p99", "p99<5", "p99<ms", "p101<5ms", "p<5ms", "rate>5ms", "colour=1", "p99!5ms", "p-1<5ms"]
        {
            assert!(text.parse::<Assertion>().is_err(), "{text}");
        }
        assert_eq!(bound("p99=5ms").map(|bound| bound.to_string()), Ok("p99<=5ms".to_owned()));
        assert!(bound("rate=5").is_err() && bound("p99").is_err() && bound("p99<5ms").is_err());
    }
}
