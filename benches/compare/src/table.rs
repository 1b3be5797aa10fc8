//! The result: one Markdown table, a row per measure, a column per server.

use crate::statistics::{median, ratio};

/// One value per round, or a word on why there is none.
pub type Cell = Result<Vec<f64>, String>;

/// What is aimed at for the server under test, the second column.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// In the row's own unit.
    AtMost(f64),
    /// Times the floor.
    AtMostFloor(f64),
    /// Times the floor.
    AtLeastFloor(f64),
}

/// One measure of every server. The first cell is the floor's, the second that of the server under test.
pub struct Row {
    /// What was measured, unit included.
    pub name: String,
    /// Digits behind the point.
    pub decimals: usize,
    /// In the order of the table's servers.
    pub cells: Vec<Cell>,
    /// None where the row only informs.
    pub aim: Option<Aim>,
}

/// Rows in the order in which they are printed.
pub struct Table {
    /// The columns' titles, the floor first.
    pub servers: Vec<String>,
    /// Every row has a cell per server.
    pub rows: Vec<Row>,
}

impl Table {
    /// Markdown: the servers' figures, their ratios to the floor, the aim, and whether it is met.
    pub fn markdown(&self) -> String {
        let others = &self.servers[1..];
        let mut head = vec![String::new()];
        head.extend(self.servers.iter().cloned());
        head.extend(others.iter().map(|name| format!("{name} ÷ {}", self.servers[0])));
        head.extend(["aim".into(), String::new()]);
        let figures = 1..1 + self.servers.len() + others.len();
        let align = |column| if figures.contains(&column) { "---:" } else { "---" };
        let rule: Vec<String> = (0..head.len()).map(|column| align(column).to_owned()).collect();
        let rows = self.rows.iter().map(Row::columns);
        [head, rule].into_iter().chain(rows).map(|cells| line(&cells)).collect()
    }

    /// How many aims are met, of how many that could be measured.
    pub fn met(&self) -> (usize, usize) {
        let verdicts: Vec<bool> = self.rows.iter().filter_map(Row::is_met).collect();
        (verdicts.iter().filter(|met| **met).count(), verdicts.len())
    }
}

impl Row {
    /// None without an aim, or without the figures to judge it by.
    fn is_met(&self) -> Option<bool> {
        let value = median(self.cells[1].as_deref().ok()?)?;
        Some(match self.aim? {
            Aim::AtMost(limit) => value <= limit,
            Aim::AtMostFloor(limit) => self.ratio(1)? <= limit,
            Aim::AtLeastFloor(limit) => self.ratio(1)? >= limit,
        })
    }

    fn ratio(&self, server: usize) -> Option<f64> {
        let value = ratio(self.cells[server].as_deref().ok()?, self.cells[0].as_deref().ok()?)?;
        value.is_finite().then_some(value)
    }

    fn columns(&self) -> Vec<String> {
        let ratio = |server| self.ratio(server).map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let mut columns = vec![self.name.clone()];
        columns.extend(self.cells.iter().map(|cell| shown(cell, self.decimals)));
        columns.extend((1..self.cells.len()).map(ratio));
        columns.push(match self.aim {
            None => String::new(),
            Some(Aim::AtMost(limit)) => format!("≤ {limit}"),
            Some(Aim::AtMostFloor(limit)) => format!("≤ {limit} × floor"),
            Some(Aim::AtLeastFloor(limit)) => format!("≥ {limit} × floor"),
        });
        columns.push(match (self.aim, self.is_met()) {
            (None, _) => String::new(),
            (_, None) => "not measured".into(),
            (_, Some(true)) => "met".into(),
            (_, Some(false)) => "**not met**".into(),
        });
        columns
    }
}

/// A line of a Markdown table.
pub(crate) fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The median, or why there is none.
pub(crate) fn shown(cell: &Cell, decimals: usize) -> String {
    match cell {
        Ok(values) => median(values).map_or(String::new(), |value| with_commas(value, decimals)),
        Err(reason) => reason.replace('|', "/").replace('\n', " "),
    }
}

/// 134580.4 is 134,580 to a reader.
fn with_commas(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.char_indices() {
        let left = whole.len() - index;
        if index > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: Vec<Cell>, aim: Option<Aim>) -> Row {
        Row { name: "CPU, µs".into(), decimals: 1, cells, aim }
    }

    #[test]
    fn a_row_shows_medians_ratios_and_the_verdict() {
        let cells = vec![Ok(vec![10.0, 12.0, 10.0]), Ok(vec![11.0, 13.2, 11.0]), Err("not installed".into())];
        let table = Table {
            servers: vec!["floor".into(), "ours".into(), "theirs".into()],
            rows: vec![row(cells, Some(Aim::AtMostFloor(1.15)))],
        };
        assert_eq!(
            table.markdown(),
            "|  | floor | ours | theirs | ours ÷ floor | theirs ÷ floor | aim |  |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |\n\
             | CPU, µs | 10.0 | 11.0 | not installed | 1.10 |  | ≤ 1.15 × floor | met |\n"
        );
        assert_eq!(table.met(), (1, 1));
    }

    #[test]
    fn aims_are_judged_only_by_figures() {
        let met = |floor: Cell, ours: Cell, aim| row(vec![floor, ours], Some(aim)).is_met();
        let missing = || Err("not built".into());
        assert_eq!(met(missing(), Ok(vec![4.5]), Aim::AtMost(4.5)), Some(true));
        assert_eq!(met(missing(), Ok(vec![4.6]), Aim::AtMost(4.5)), Some(false));
        assert_eq!(met(missing(), Ok(vec![4.6]), Aim::AtMostFloor(1.0)), None);
        assert_eq!(met(Ok(vec![2.0]), Ok(vec![1.7]), Aim::AtLeastFloor(0.9)), Some(false));
        assert_eq!(met(Ok(vec![2.0]), missing(), Aim::AtLeastFloor(0.9)), None);
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(with_commas(134_580.4, 0), "134,580");
        assert_eq!(with_commas(999.0, 0), "999");
        assert_eq!(with_commas(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(with_commas(-100.0, 0), "-100");
        assert_eq!(with_commas(0.5, 1), "0.5");
    }
}
