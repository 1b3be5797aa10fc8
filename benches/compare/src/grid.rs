//! Results with many rows: one per protocol or server, a column per measure, and below them what is aimed at.

use std::fmt;

use crate::statistics::{median, ratio};
use crate::table::{Cell, line, shown};

/// A Markdown table of medians.
pub struct Grid {
    /// Of the first column.
    pub title: String,
    /// What was measured, unit included, and the digits behind the point.
    pub columns: Vec<(&'static str, usize)>,
    /// A name, and a cell per column.
    pub rows: Vec<(String, Vec<Cell>)>,
}

impl Grid {
    /// A reason that fills several cells of a row stands in the first of them.
    pub fn markdown(&self) -> String {
        let names = self.columns.iter().map(|(name, _)| (*name).to_owned());
        let head: Vec<String> = [self.title.clone()].into_iter().chain(names).collect();
        let rule = ["---"].into_iter().chain(self.columns.iter().map(|_| "---:"));
        let mut text = line(&head) + &line(&rule.map(str::to_owned).collect::<Vec<_>>());
        for (name, cells) in &self.rows {
            let mut row = vec![name.clone()];
            for (at, (cell, (_, decimals))) in cells.iter().zip(&self.columns).enumerate() {
                let is_again = cell.is_err() && at > 0 && *cell == cells[at - 1];
                row.push(if is_again { String::new() } else { shown(cell, *decimals) });
            }
            text += &line(&row);
        }
        text
    }

    /// A row's cell in a column.
    pub fn cell(&self, row: &str, column: &str) -> Option<&Cell> {
        let at = self.columns.iter().position(|(name, _)| *name == column)?;
        self.rows.iter().find(|(name, _)| name == row)?.1.get(at)
    }
}

/// One row of a grid measured by another: an aim.
pub struct Claim<'a> {
    /// The row that is judged.
    pub row: &'a str,
    /// The row that it is compared with.
    pub base: &'a str,
    /// By which column.
    pub column: &'a str,
    /// How the two are to stand.
    pub bound: Bound,
}

/// Of one figure compared with another.
#[derive(Clone, Copy)]
pub enum Bound {
    /// Times the other: more is better.
    AtLeast(f64),
    /// Times the other: less is better.
    AtMost(f64),
    /// More than the other, in its unit: less is better.
    AtMostMore(f64),
}

impl Claim<'_> {
    /// A sentence with the figure, the aim and whether it is met; None where the grid has no such rows.
    pub fn judge(&self, grid: &Grid) -> Option<String> {
        let (row, base) = (grid.cell(self.row, self.column)?, grid.cell(self.base, self.column)?);
        let Claim { bound, .. } = self;
        let figure = (row.as_ref().ok().zip(base.as_ref().ok()))
            .and_then(|(row, base)| bound.figure(row, base))
            .filter(|figure| figure.is_finite());
        let compared = format!("{} {} {}, {}", self.row, bound.sign(), self.base, self.column);
        Some(match figure {
            None => format!("{compared}: not measured (aim {bound})."),
            Some(figure) => {
                let verdict = if bound.is_met(figure) { "met" } else { "**not met**" };
                format!("{compared}: {figure:.2} (aim {bound}): {verdict}.")
            }
        })
    }
}

impl Bound {
    /// What is bound: the ratio of the two, or their difference.
    fn figure(self, row: &[f64], base: &[f64]) -> Option<f64> {
        match self {
            Bound::AtLeast(_) | Bound::AtMost(_) => ratio(row, base),
            Bound::AtMostMore(_) => Some(median(row)? - median(base)?),
        }
    }

    fn sign(self) -> char {
        match self {
            Bound::AtLeast(_) | Bound::AtMost(_) => '÷',
            Bound::AtMostMore(_) => '−',
        }
    }

    /// Judged as it is printed, to two digits.
    fn is_met(self, figure: f64) -> bool {
        let figure = (figure * 100.0).round() / 100.0;
        match self {
            Bound::AtLeast(limit) => figure >= limit,
            Bound::AtMost(limit) | Bound::AtMostMore(limit) => figure <= limit,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtLeast(limit) => write!(f, "≥ {limit}"),
            Bound::AtMost(limit) | Bound::AtMostMore(limit) => write!(f, "≤ {limit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let missing = || Err("not built".to_owned());
        Grid {
            title: "protocol".into(),
            columns: vec![("a second", 0), ("p99, µs", 1)],
            rows: vec![
                ("http".into(), vec![Ok(vec![1200.0, 2400.0, 1260.0]), Ok(vec![1.25])]),
                ("hyper".into(), vec![Ok(vec![1000.0, 2000.0, 1000.0]), Err("lost".into())]),
                ("other".into(), vec![missing(), missing()]),
            ],
        }
    }

    #[test]
    fn medians_stand_in_rows_and_a_reason_once() {
        assert_eq!(
            grid().markdown(),
            "| protocol | a second | p99, µs |\n| --- | ---: | ---: |\n| http | 1,260 | 1.2 |\n\
             | hyper | 1,000 | lost |\n| other | not built |  |\n"
        );
    }

    #[test]
    fn a_claim_is_judged_by_the_rounds_ratios() {
        let claim = |base, bound| Claim { row: "http", base, column: "a second", bound }.judge(&grid());
        let judged = claim("hyper", Bound::AtLeast(1.2)).unwrap();
        assert_eq!(judged, "http ÷ hyper, a second: 1.20 (aim ≥ 1.2): met.");
        assert!(claim("hyper", Bound::AtMost(1.1)).unwrap().ends_with("**not met**."));
        let judged = claim("hyper", Bound::AtMostMore(260.0)).unwrap();
        assert_eq!(judged, "http − hyper, a second: 260.00 (aim ≤ 260): met.");
        assert!(claim("other", Bound::AtMost(1.1)).unwrap().contains("not measured"));
        assert!(claim("nobody", Bound::AtMost(1.1)).is_none());
    }
}
