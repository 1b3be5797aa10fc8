//! A chart of lines, as SVG whose colours are the page's: see page.css.

use plotters::prelude::{
    ChartBuilder, Color, IntoDrawingArea, LineSeries, RGBColor, SVGBackend, ShapeStyle, TRANSPARENT,
};

use super::super::Result;
use super::words::{count, digits};

/// A line and its colour.
pub(super) struct Line {
    pub(super) colour: RGBColor,
    pub(super) points: Vec<(f64, f64)>,
}

/// What stands along the bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Across {
    /// Seconds, or rounds.
    Number,
    /// How many nines a quantile has: 1 is p90, 2 is p99.
    Nines,
}

/// A chart of `lines`, with what its axes are in.
pub(super) fn svg(lines: &[Line], across: Across, bottom: &str, side: &str) -> Result<String> {
    let all = || lines.iter().flat_map(|line| &line.points);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let (right, top) = (most(&mut all().map(|point| point.0)), most(&mut all().map(|point| point.1)));
    let least = all().map(|point| point.0).fold(right, f64::min);
    // A line of one point would have no length.
    let left = if across == Across::Nines || right <= least { 0.0 } else { least };
    let (right, top) =
        (if right > left { right } else { left + 1.0 }, if top > 0.0 { top * 1.05 } else { 1.0 });
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .margin_right(24)
            .x_label_area_size(40)
            .y_label_area_size(72)
            .build_cartesian_2d(left..right, 0.0..top)?;
        let nines = |value: &f64| nines(*value);
        let number = |value: &f64| axis(*value);
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(ShapeStyle { color: GRID.to_rgba(), filled: false, stroke_width: 1 })
            .axis_style(ShapeStyle { color: AXIS.to_rgba(), filled: false, stroke_width: 1 })
            .label_style(("sans-serif", 13, &INK))
            .axis_desc_style(("sans-serif", 13, &INK))
            .x_desc(bottom)
            .y_desc(side)
            .x_labels(if across == Across::Nines { right.ceil() as usize + 1 } else { 8 })
            .y_labels(6)
            .x_label_formatter(if across == Across::Nines { &nines } else { &number })
            .y_label_formatter(&number)
            .draw()?;
        for line in lines {
            let style = ShapeStyle { color: line.colour.to_rgba(), filled: false, stroke_width: 2 };
            chart.draw_series(LineSeries::new(line.points.iter().copied(), style))?;
        }
        area.present()?;
    }
    Ok(svg)
}

/// The quantile that has so many nines.
fn nines(value: f64) -> String {
    let whole = value.round();
    match whole {
        _ if (value - whole).abs() > 1e-6 => String::new(),
        0.0 => "0".to_owned(),
        1.0 => "p90".to_owned(),
        2.0 => "p99".to_owned(),
        more => format!("p99.{}", "9".repeat(more as usize - 2)),
    }
}

fn axis(value: f64) -> String {
    let is_whole = (value - value.round()).abs() < 1e-9;
    if is_whole { count(value.max(0.0).round() as u64) } else { digits(value) }
}

/// What page.css knows these lines by; no other element has these colours.
pub(super) const FIRST: RGBColor = RGBColor(0x2A, 0x78, 0xD6);
pub(super) const SECOND: RGBColor = RGBColor(0xD6, 0x5A, 0x1F);
const INK: RGBColor = RGBColor(0x52, 0x51, 0x4E);
const GRID: RGBColor = RGBColor(0xE1, 0xE0, 0xD9);
const AXIS: RGBColor = RGBColor(0xC3, 0xC2, 0xB7);
const SIZE: (u32, u32) = (760, 280);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_svg_in_the_page_s_colours_alone() {
        let line = |colour, points: &[(f64, f64)]| Line { colour, points: points.to_vec() };
        for (across, points) in [
            (Across::Number, &[(0.0, 1.0), (5.0, 3.0)][..]),
            (Across::Nines, &[(0.0, 1.0), (3.4, 3.0)]),
            (Across::Number, &[(0.0, 0.0)]),
            (Across::Number, &[]),
        ] {
            let svg = svg(&[line(FIRST, points), line(SECOND, points)], across, "seconds", "ms").unwrap();
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
            let colours: Vec<&str> = svg.split('#').skip(1).map(|rest| &rest[..6]).collect();
            let known = ["2A78D6", "D65A1F", "52514E", "E1E0D9", "C3C2B7"];
            assert!(colours.iter().all(|colour| known.contains(colour)), "{colours:?}");
            assert!(!svg.contains("NaN"), "{svg}");
        }
        let texts = [0.0, 1.0, 2.0, 3.0, 4.0, 0.5].map(nines);
        assert_eq!(texts, ["0", "p90", "p99", "p99.9", "p99.99", ""]);
    }
}
