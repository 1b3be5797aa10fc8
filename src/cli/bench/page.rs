//! A page with a run's figures and charts. It stands alone: it loads nothing, and runs nothing.

use std::fs::{self, File};
use std::io::Write as _;

use hdrhistogram::Histogram;

use super::super::Result;
use super::chart::{Across, FIRST, Line, SECOND, svg};
use super::plan::Plan;
use super::run::Measured;
use super::table;
use super::tally::Tally;
use super::versus::{NAMES, Rounds, Side};

/// A page that is being written.
pub(super) struct Page(String);

impl Page {
    pub(super) fn new(title: &str, under: &str) -> Page {
        let mut page = Page(format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>tidegate bench: {title}</title>\n<style>\n{CSS}</style></head>\n<body><h1>{title}</h1>\n",
            title = escaped(title)
        ));
        page.paragraph(under);
        page.paragraph(&machine());
        page
    }

    /// A run's page.
    pub(super) fn of_run(plan: &Plan, measured: &Measured, doubts: &[String]) -> Result<Page> {
        let heading = table::heading(plan);
        let (title, load) = heading.trim_end().split_once('\n').unwrap_or((&heading, ""));
        let mut page = Page::new(title, load);
        page.text(&table::figures(measured, &[]));
        page.doubts(doubts);
        let Tally { latency, service, .. } = &measured.total;
        let both = [("from when due", latency), ("from when sent", service)];
        let shown = if service.is_empty() { &[("latency", latency)][..] } else { &both };
        page.percentiles(shown)?;
        let times = || {
            measured.stretches().map(|(from, seconds, tally)| (from as f64 + seconds / 2.0, seconds, tally))
        };
        let (unit, scale) =
            unit(times().map(|(_, _, tally)| tally.latency.value_at_quantile(0.99)).max().unwrap_or(0));
        let line = |colour, quantile: f64| Line {
            colour,
            points: times()
                .map(|(at, _, tally)| (at, tally.latency.value_at_quantile(quantile) as f64 / scale))
                .collect(),
        };
        page.chart(
            "Latency over time",
            &["p50", "p99"],
            &[line(FIRST, 0.5), line(SECOND, 0.99)],
            ("seconds", unit),
        )?;
        let rate = times().map(|(at, seconds, tally)| (at, tally.answered() as f64 / seconds)).collect();
        let rate = [Line { colour: FIRST, points: rate }];
        page.chart("Rate over time", &["answered"], &rate, ("seconds", "requests a second"))?;
        Ok(page)
    }

    /// The page of a comparison.
    pub(super) fn of_rounds(rounds: &Rounds, sides: &[Side; 2]) -> Result<Page> {
        let title = format!("{} and {}", sides[0].plan.target, sides[1].plan.target);
        let mut page = Page::new(&title, "A and B in turns");
        page.text(&rounds.text(sides));
        page.doubts(&rounds.doubts());
        if rounds.are_few() {
            return Ok(page);
        }
        let mut all = [Tally::new(), Tally::new()];
        for (a, b) in &rounds.pairs {
            all[0].add(&a.total);
            all[1].add(&b.total);
        }
        page.percentiles(&[(NAMES[0], &all[0].latency), (NAMES[1], &all[1].latency)])?;
        let over = |figure: &dyn Fn(&Measured) -> f64| {
            let points = |side: usize| {
                let of = move |(at, (a, b)): (usize, &(Measured, Measured))| {
                    (at as f64 + 1.0, figure(if side == 0 { a } else { b }))
                };
                rounds.pairs.iter().enumerate().map(of).collect()
            };
            [Line { colour: FIRST, points: points(0) }, Line { colour: SECOND, points: points(1) }]
        };
        let p99 = |measured: &Measured| measured.total.latency.value_at_quantile(0.99);
        let most = rounds.pairs.iter().flat_map(|(a, b)| [p99(a), p99(b)]).max().unwrap_or(0);
        let (unit, scale) = unit(most);
        page.chart(
            "p99 of each round",
            &NAMES,
            &over(&|measured| p99(measured) as f64 / scale),
            ("round", unit),
        )?;
        page.chart("Rate of each round", &NAMES, &over(&Measured::rate), ("round", "requests a second"))?;
        Ok(page)
    }

    pub(super) fn write(mut self, mut file: File) -> Result<()> {
        self.0 += "</body></html>\n";
        file.write_all(self.0.as_bytes()).map_err(|error| format!("--html: {error}").into())
    }

    pub(super) fn doubts(&mut self, doubts: &[String]) {
        for doubt in doubts {
            self.0 += &format!("<p class=\"doubt\">doubt: {}</p>\n", escaped(doubt));
        }
    }

    pub(super) fn percentiles(&mut self, shown: &[(&str, &Histogram<u64>)]) -> Result<()> {
        let (unit, scale) = unit(shown.iter().map(|(_, histogram)| histogram.max()).max().unwrap_or(0));
        let lines: Vec<Line> = shown
            .iter()
            .zip([FIRST, SECOND])
            .map(|((_, histogram), colour)| Line { colour, points: curve(histogram, scale) })
            .collect();
        let names: Vec<&str> = shown.iter().map(|(name, _)| *name).collect();
        self.chart_of("Latency by percentile", &names, &lines, Across::Nines, ("percentile", unit))
    }

    pub(super) fn chart(
        &mut self,
        title: &str,
        names: &[&str],
        lines: &[Line],
        axes: (&str, &str),
    ) -> Result<()> {
        self.chart_of(title, names, lines, Across::Number, axes)
    }

    fn chart_of(
        &mut self,
        title: &str,
        names: &[&str],
        lines: &[Line],
        across: Across,
        (bottom, side): (&str, &str),
    ) -> Result<()> {
        let mut keys = String::new();
        for (name, class) in names.iter().zip(["first", "second"]) {
            keys += &format!("<b class=\"{class}\">{}</b>", escaped(name));
        }
        let svg = svg(lines, across, bottom, side)?;
        self.0 += &format!("<h2>{}</h2>\n<p>{keys}</p>\n{svg}\n", escaped(title));
        Ok(())
    }

    fn paragraph(&mut self, text: &str) {
        self.0 += &format!("<p>{}</p>\n", escaped(text));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0 += &format!("<pre>{}</pre>\n", escaped(text));
    }
}

/// The times that are kept by so much of all requests: across stand the nines.
fn curve(histogram: &Histogram<u64>, scale: f64) -> Vec<(f64, f64)> {
    // Beyond it there is no request.
    let most = (histogram.len().max(1) as f64).log10();
    let point = |value: hdrhistogram::iterators::IterationValue<u64>| {
        let nines = -(1.0 - value.quantile_iterated_to()).log10();
        (nines.min(most).max(0.0), value.value_iterated_to() as f64 / scale)
    };
    histogram.iter_quantiles(STEPS_IN_HALF).map(point).collect()
}

/// The unit for times up to so many nanoseconds, and what it is in nanoseconds.
pub(super) fn unit(most: u64) -> (&'static str, f64) {
    match most {
        0..2_000_000 => ("\u{b5}s", 1e3),
        2_000_000..2_000_000_000 => ("ms", 1e6),
        _ => ("s", 1e9),
    }
}

/// The machine in a few words.
fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name);
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    format!(
        "{model}, {cores} processors, Linux {}; tidegate {}; {now}",
        release.trim(),
        env!("CARGO_PKG_VERSION")
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const CSS: &str = include_str!("page.css");
/// Points of a curve in each half of what is left to 100 %.
const STEPS_IN_HALF: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_rises_to_the_longest_and_ends_at_the_last_request() {
        let mut tally = Tally::new();
        for milliseconds in 1..=1_000 {
            super::super::tally::record(&mut tally.latency, std::time::Duration::from_millis(milliseconds));
        }
        let curve = curve(&tally.latency, 1e6);
        assert!(curve.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "{curve:?}");
        let last = curve.last().unwrap();
        assert!((last.0 - 3.0).abs() < 1e-6 && (last.1 - 1_000.0).abs() < 2.0, "{last:?}");
        let p90 = curve.iter().find(|point| point.0 >= 1.0).unwrap();
        assert!((895.0..960.0).contains(&p90.1), "{p90:?}");
    }

    #[test]
    fn what_a_server_says_is_no_markup() {
        let mut page = Page::new("<script>", "a & b");
        page.text("\"</pre>");
        assert!(page.0.contains("<h1>&lt;script&gt;</h1>\n<p>a &amp; b</p>") && !page.0.contains("<script"));
        assert!(page.0.ends_with("<pre>&quot;&lt;/pre&gt;</pre>\n"));
    }
}
