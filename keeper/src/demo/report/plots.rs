//! The kinds of charts.

use plotters::{element::DashedPathElement, prelude::*, style::text_anchor::HPos};

use super::svg::{Canvas, Drawn, Ink, label};
use crate::demo::figures::short;

const ROW_PIXELS: u32 = 26;
const BAR_PIXELS: i32 = 16;
const MARGIN: i32 = 8;
/// Where legends start, and the room of one name.
const LEGEND_LEFT: i32 = 62;
const LEGEND_WIDTH: i32 = 190;
const LEGEND_HEIGHT: i32 = 22;
/// Width of an average character of a label, in pixels, a little more than it is.
const CHARACTER_PIXELS: i32 = 8;

/// A bar with its name and its value in words.
pub struct Bar {
    pub name: String,
    pub value: f64,
    pub text: String,
}

/// How high a chart of so many bars is.
pub fn bars_height(bars: usize) -> u32 {
    u32::try_from(bars).unwrap_or(u32::MAX / ROW_PIXELS).saturating_mul(ROW_PIXELS)
        + 2 * MARGIN.unsigned_abs()
}

fn pixels(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(0).saturating_mul(CHARACTER_PIXELS)
}

/// Horizontal bars, each with its name before it and its value behind it.
pub fn bars(canvas: &Canvas, bars: &[Bar]) -> Drawn {
    let widest = |text: fn(&Bar) -> &str| {
        pixels(bars.iter().map(|bar| text(bar).chars().count()).max().unwrap_or(0))
    };
    let width = i32::try_from(canvas.dim_in_pixel().0).unwrap_or(i32::MAX);
    let start = widest(|bar| &bar.name) + 2 * MARGIN;
    let room = (width - start - widest(|bar| &bar.text) - 2 * MARGIN).max(20);
    let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    for (row, bar) in (0_i32..).zip(bars) {
        let middle = MARGIN + row * ROW_PIXELS.cast_signed() + ROW_PIXELS.cast_signed() / 2;
        // A bar that is there can be seen.
        let end = start + ((bar.value / most * f64::from(room)) as i32).max(1);
        let (top, bottom) = (middle - BAR_PIXELS / 2, middle + BAR_PIXELS / 2);
        canvas.draw_text(&bar.name, &label(HPos::Right), (start - MARGIN, middle))?;
        canvas.draw(&Rectangle::new([(start, top), (end, bottom)], Ink::First.filled()))?;
        canvas.draw_text(&bar.text, &label(HPos::Left), (end + MARGIN, middle))?;
    }
    Ok(())
}

/// A column with what is above and what is below the axis.
pub struct Column {
    pub name: String,
    pub above: f64,
    pub below: f64,
}

/// Vertical columns over names, of which as many are written as fit.
pub fn columns(canvas: &Canvas, columns: &[Column], above: &str, below: Option<&str>) -> Drawn {
    let highest = columns.iter().map(|it| it.above).fold(1.0, f64::max) * 1.15;
    let deepest = match below {
        Some(_) => columns.iter().map(|it| it.below).fold(highest / 4.0, f64::max) * 1.15,
        None => 0.0,
    };
    let count = columns.len().max(1);
    let mut chart = ChartBuilder::on(canvas)
        .margin(MARGIN)
        .margin_right(2 * MARGIN)
        .x_label_area_size(28)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..count as f64, -deepest..highest)?;
    let value = |value: &f64| short(value.abs());
    let name = |at: &f64| columns.get(*at as usize).map_or(String::new(), |it| it.name.clone());
    mesh(&mut chart, &value, &name, (canvas.dim_in_pixel().0 / 70) as usize)?;
    for (place, column) in columns.iter().enumerate() {
        let (left, right) = (place as f64 + 0.12, place as f64 + 0.88);
        let up = Rectangle::new([(left, 0.0), (right, column.above)], Ink::First.filled());
        let down = Rectangle::new([(left, -column.below), (right, 0.0)], Ink::Second.filled());
        chart.draw_series([up, down])?;
    }
    chart.draw_series([PathElement::new(
        [(0.0, 0.0), (count as f64, 0.0)],
        Ink::Text.color().stroke_width(1),
    )])?;
    let side = label(HPos::Left);
    chart.draw_series([Text::new(above.to_owned(), (0.1, highest * 0.93), side.clone())])?;
    if let Some(below) = below {
        chart.draw_series([Text::new(below.to_owned(), (0.1, -deepest * 0.88), side)])?;
    }
    Ok(())
}

/// A line over time with its name.
pub struct Curve {
    pub name: &'static str,
    pub ink: Ink,
    /// Whether the surface under it is filled.
    pub filled: bool,
    /// Length of its dashes in pixels; 0 for a whole line.
    pub dash: u32,
    pub points: Vec<(f64, f64)>,
}

/// Lines over seconds, below a legend.
pub fn curves(canvas: &Canvas, curves: &[Curve]) -> Drawn {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let right = points().map(|point| point.0).fold(1.0, f64::max);
    let top = points().map(|point| point.1).fold(1.0, f64::max) * 1.08;
    let legend = legend(canvas, curves)?;
    let mut chart = ChartBuilder::on(canvas)
        .margin(MARGIN)
        .margin_top(legend)
        .margin_right(3 * MARGIN)
        .x_label_area_size(28)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..right, 0.0..top)?;
    let seconds = |at: &f64| format!("{} s", short(*at));
    mesh(&mut chart, &|value| short(*value), &seconds, 6)?;
    for curve in curves {
        let Curve { ink, dash, .. } = *curve;
        if curve.filled {
            let surface = ink.color().mix(0.25).filled();
            chart.draw_series(AreaSeries::new(curve.points.iter().copied(), 0.0, surface))?;
        }
        if dash == 0 {
            chart.draw_series(LineSeries::new(curve.points.iter().copied(), ink.line()))?;
        } else {
            let points = curve.points.iter().copied();
            chart.draw_series(DashedLineSeries::new(points, dash, dash, ink.line()))?;
        }
    }
    Ok(())
}

/// Writes which line is which, side by side as far as there is room; returns the height taken.
fn legend(canvas: &Canvas, curves: &[Curve]) -> Drawn<i32> {
    let width = canvas.dim_in_pixel().0.cast_signed();
    let room = ((width - LEGEND_LEFT) / LEGEND_WIDTH).max(1);
    let mut bottom = 0;
    for (place, curve) in (0..).zip(curves) {
        let Curve { dash, ink, .. } = *curve;
        let left = LEGEND_LEFT + place % room * LEGEND_WIDTH;
        let middle = 2 * MARGIN + place / room * LEGEND_HEIGHT;
        let line = [(left, middle), (left + 26, middle)];
        if dash == 0 {
            canvas.draw(&PathElement::new(line, ink.line()))?;
        } else {
            canvas.draw(&DashedPathElement::new(line, dash, dash, ink.line()))?;
        }
        canvas.draw_text(curve.name, &label(HPos::Left), (left + 34, middle))?;
        bottom = middle + LEGEND_HEIGHT;
    }
    Ok(bottom)
}

/// Values by rank, both axes in powers of ten.
pub fn ranks(canvas: &Canvas, values: &[f64]) -> Drawn {
    let top = values.first().copied().unwrap_or(1.0).max(1.0) * 1.5;
    let bottom = values.last().copied().unwrap_or(1.0).max(1e-9).min(top / 10.0);
    let last = (values.len().max(2)) as f64;
    let mut chart = ChartBuilder::on(canvas)
        .margin(MARGIN)
        .margin_right(2 * MARGIN)
        .x_label_area_size(28)
        .y_label_area_size(52)
        .build_cartesian_2d((1.0..last).log_scale(), (bottom..top).log_scale())?;
    chart
        .configure_mesh()
        .axis_style(Ink::Text.color())
        .bold_line_style(Ink::Faint.color())
        .light_line_style(Ink::Faint.color().mix(0.0))
        .label_style(label(HPos::Left))
        .x_label_formatter(&|rank| short(*rank))
        .y_label_formatter(&|value| short_small(*value))
        .draw()?;
    let points = || (1..).zip(values).map(|(rank, value)| (f64::from(rank), *value));
    let surface = Ink::First.color().mix(0.25).filled();
    chart.draw_series(AreaSeries::new(points(), bottom, surface))?;
    chart.draw_series(LineSeries::new(points(), Ink::First.line()))?;
    Ok(())
}

/// As [`short`], but of numbers below one too.
fn short_small(value: f64) -> String {
    if value >= 1.0 || value == 0.0 { short(value) } else { format!("{value}") }
}

type Plane =
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>;

fn mesh<'a>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Plane>,
    value: &dyn Fn(&f64) -> String,
    name: &dyn Fn(&f64) -> String,
    names: usize,
) -> Drawn {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .axis_style(Ink::Text.color())
        .bold_line_style(Ink::Faint.color())
        .light_line_style(Ink::Faint.color().mix(0.0))
        .label_style(label(HPos::Left))
        .x_labels(names)
        .y_labels(5)
        .x_label_formatter(name)
        .y_label_formatter(value)
        .draw()
}
